"""The execute container as a real process in its real sandbox."""
