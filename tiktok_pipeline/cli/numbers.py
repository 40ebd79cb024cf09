"""Numbers that people type: refused by the command line before PostgreSQL would."""

from __future__ import annotations

LARGEST_ID = 2**63 - 1  # of a bigint
