"""Where the records to follow come from: Kafka, with as much of its past as is wanted, or a cloud's RabbitMQ."""
