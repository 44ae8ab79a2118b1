"""Benchmarks. Each prints a table of ratios measured side by side in one run, and keeps the raw numbers as JSON."""
