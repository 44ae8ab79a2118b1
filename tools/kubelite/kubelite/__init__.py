"""A small Kubernetes API server and node agent for one machine: Jobs and pods run as local processes. See README.md."""
