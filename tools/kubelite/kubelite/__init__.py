"""PostgreSQL, S3 and a Kubernetes API embedded on loopback, for the demo and the tests. Nothing that ships imports it."""
