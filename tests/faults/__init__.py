"""Faults in every place where one may happen, and what is left of a job afterwards."""
