"""What every long-running part needs: logs, health and metrics, bounded waits, a clean stop."""
