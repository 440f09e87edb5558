"""What every long-running part needs: configuration, logs, health and metrics, a clean stop, and Kafka's clients."""
