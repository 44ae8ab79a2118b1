"""Claiming: LISTEN and poll for PENDING rows, then claim them."""
