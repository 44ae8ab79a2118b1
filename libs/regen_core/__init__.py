"""The words that every part of regen shares: states, instruction, result, names, digests, tables."""
