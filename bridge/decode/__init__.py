"""From the bytes on RabbitMQ to a record for Kafka, or to the reason why that can't be. Pure."""
