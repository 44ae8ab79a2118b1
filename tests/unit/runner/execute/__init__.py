"""The pure parts of execute."""
