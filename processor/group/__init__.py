"""The consumer group: membership, assignment, and recovery of a partition's state."""
