"""AMQP 0-9-1 by pika, with the one path that every message takes kept short."""
