"""Limits on what may be tried again and again: counted in PostgreSQL, so that they hold over all processes."""

from __future__ import annotations

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse


class TooManyAttempts(PipelineError):
    """Nothing more is allowed for `seconds`; the portal answers 429."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts. Try again in {seconds} seconds.")
        self.seconds = seconds


def allow(warehouse: Warehouse, bucket: str, most: int, seconds: int) -> bool:
    """Whether `bucket` may be tried now: at most `most` times in any `seconds`. An allowed attempt is counted."""
    warehouse.execute("portal/forget_attempts")
    return bool(
        warehouse.execute("portal/attempt", {"bucket": bucket[:200], "most": most, "seconds": seconds})
    )


def require_allowed(warehouse: Warehouse, bucket: str, most: int, seconds: int) -> None:
    """As `allow`, but raises TooManyAttempts, which says when the next one is allowed."""
    if not allow(warehouse, bucket, most, seconds):
        values = {"bucket": bucket[:200], "most": most, "seconds": seconds}
        [again] = warehouse.execute("portal/attempt_again_in", values)
        raise TooManyAttempts(again["seconds"] or 1)
