"""Launching: from a claimed row to one Job; pure builders, one file per kind of object."""
