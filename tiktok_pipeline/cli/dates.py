"""Dates on the command line."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.errors import PipelineError


def a_date(option: str, text: str) -> dt.date:
    """The date that was given with `option`; PipelineError when it is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise PipelineError(f"{option} {text}: not a date. Write it as YYYY-MM-DD.") from None
