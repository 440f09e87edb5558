"""The operator's file, `precache.yaml`: where an operator's commands find Kafka, the store and the clouds."""
