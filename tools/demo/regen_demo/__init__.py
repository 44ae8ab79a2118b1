"""`make demo`: real jobs from PENDING rows to immutable files, a killed leader, and the forbidden things refused."""
