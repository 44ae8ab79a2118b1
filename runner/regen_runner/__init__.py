"""Execution: the three programs of a pod (prepare, execute, publish), the sandbox and the stores."""
