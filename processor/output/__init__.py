"""What a round writes: derived records, dead letters, rows and reports."""
