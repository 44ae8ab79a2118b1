"""Values that every part of regen shares: states, errors, instruction, manifest, provenance, names. No I/O."""
