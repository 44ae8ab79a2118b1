"""Regeneration jobs over HTTP: made as PENDING rows, read, and nothing else."""
