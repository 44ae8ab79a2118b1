"""What the operator reports: metrics, health, and log lines of transitions."""
