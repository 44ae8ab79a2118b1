"""Orchestration: watches PENDING rows, mirrors them as custom resources, claims, launches, observes, sweeps."""
