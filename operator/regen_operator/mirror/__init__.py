"""Mirroring: rows as custom resources, custom resources as rows, and the status of both."""
