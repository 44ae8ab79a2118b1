"""The node agent: Jobs become Pods, containers become processes."""
