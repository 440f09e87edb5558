"""What each page shows: pure functions from what the store and Kafka have to values that JSON takes."""
