"""Recovery: ends jobs whose pod reports no outcome, and relaunches those that have not started."""
