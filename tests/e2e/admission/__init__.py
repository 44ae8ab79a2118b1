"""End to end: rows go in, immutable objects come out; nothing is mocked."""
