"""Measurements side by side in one run. Results live in docs/BENCHMARKS.md; nothing here is a test."""
