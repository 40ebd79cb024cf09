"""What callers may ask with: a stretch of days, a limit, a cursor."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Query
from pydantic import BaseModel, BeforeValidator

from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.context import Context, PortalContext

MOST_ROWS = 500
MOST_DAYS = 400
DAYS = 30  # without `from`

StoreCode = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,50}$")]
AccountId = Annotated[int, Path(ge=1, le=2**63 - 1)]
VideoId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows at most.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the answer before.")]
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_date(given: object) -> object:
    """Left to itself, pydantic also takes `0` for a day, the first of 1970."""
    if not isinstance(given, str) or not DATE.fullmatch(given):
        raise ValueError("a day is written as 2026-03-10")
    return given


Day = Annotated[dt.date, BeforeValidator(_written_as_a_date)]


@dataclass(frozen=True)
class Days:
    """From the first to the last, both included."""

    first: dt.date
    last: dt.date


class BeforeDay(BaseModel):
    """The place in a list of days."""

    before: dt.date


def day_of(row: Mapping[str, Any]) -> BeforeDay:
    """The place of a row in a list of days."""
    return BeforeDay(before=row["snapshot_date"])


def asked_days(
    context: Context,
    first: Annotated[Day | None, Query(alias="from", description="The first day; without: 30 days.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day; without: today.")] = None,
) -> Days:
    """The days asked for, at most MOST_DAYS, in the reporting time zone."""
    try:
        last = last or (first + dt.timedelta(days=MOST_DAYS - 1) if first else _today(context))
        first = first or last - dt.timedelta(days=DAYS - 1)
    except OverflowError:
        raise HTTPException(422, "from, to: beyond the calendar.") from None
    if first > last:
        raise HTTPException(422, f"from {first} to {last}: it ends before it begins.")
    if (last - first).days >= MOST_DAYS:
        raise HTTPException(
            422, f"from {first} to {last}: more than {MOST_DAYS} days. Ask for fewer at a time."
        )
    return Days(first, last)


AskedDays = Annotated[Days, Depends(asked_days)]


def _today(context: PortalContext) -> dt.date:
    [row] = context.warehouse.execute("capture/today", {"zone": context.settings.reporting_timezone})
    day: dt.date = row["day"]
    return day


def store_seen(context: PortalContext, caller: Caller, code: str) -> dict[str, Any]:
    """The store, where the caller may see it; else 404, as if it were not there."""
    asked = {"stores": [code], "after": None, "limit": 1}
    found = context.warehouse.execute("api/stores", asked) if caller.may_see(code) else []
    if not found:
        raise HTTPException(404)
    return found[0]
