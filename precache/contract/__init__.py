"""What others build on: CloudEvents, the shapes of Nova's notifications, derived records, topics and identities."""
