"""The operator against a real PostgreSQL and the embedded Kubernetes API over HTTP; pods are played by the tests."""
