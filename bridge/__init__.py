"""Nova's RabbitMQ to Kafka: acknowledges a notification only after Kafka's own delivery report for it."""
