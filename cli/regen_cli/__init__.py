"""The `regen` command for people."""
