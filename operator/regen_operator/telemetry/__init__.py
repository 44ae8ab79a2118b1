"""What the operator tells: metrics, health, log lines of transitions."""
