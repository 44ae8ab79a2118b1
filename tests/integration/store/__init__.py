"""One conformance suite for both stores."""
