"""Where notifications come from: RabbitMQ read directly, or any transport of oslo.messaging."""
