"""The runner's programs with real databases, stores and kernels."""
