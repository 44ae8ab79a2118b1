"""The pure checker of the invariants."""
