"""Recovery: what happens to a job when nobody reports its end."""
