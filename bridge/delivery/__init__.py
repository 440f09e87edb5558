"""From a decoded message to Kafka's confirmation: in flight, probed, acknowledged, or a dead letter."""
