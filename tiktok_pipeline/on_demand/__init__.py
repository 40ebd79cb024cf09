"""Captures on demand: who asked for which accounts, the run that sees to them, and what became of it."""
