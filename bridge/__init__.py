"""Nova's RabbitMQ to Kafka: runs beside each cloud, knows nothing of operations."""
