"""Benchmarks: one command, one table out."""
