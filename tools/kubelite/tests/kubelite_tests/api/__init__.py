"""Questions to a Kubernetes API: ours always, a real one where there is one."""
