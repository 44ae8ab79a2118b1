"""Test-only executors. Each does one thing that a good executor does not, so that tests can see who catches it."""
