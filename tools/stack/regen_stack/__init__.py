"""PostgreSQL, S3, the embedded Kubernetes API and the programs of regen on loopback, for the demo and the tests."""
