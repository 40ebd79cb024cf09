"""The daily digest: what changed since the day before, for the company or for one store."""
