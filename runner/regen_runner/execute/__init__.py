"""The execute container: runs one executor once, in its sandbox, and leaves a result envelope."""
