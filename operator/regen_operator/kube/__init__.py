"""Kubernetes behind one small port: client, errors, lease, event handlers and views of objects."""
