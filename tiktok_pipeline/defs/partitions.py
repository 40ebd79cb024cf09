"""The calendar: one partition per day in the reporting time zone, today included.

Partition D means: counters observed during day D in the reporting time zone.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg

from tiktok_pipeline.settings import load_settings

settings = load_settings()
days = dg.DailyPartitionsDefinition(
    start_date=settings.start_date.isoformat(),
    timezone=settings.reporting_timezone,
    end_offset=1,  # today can be captured while it lasts; nothing else can
)

# A range of dates is one run for every asset: a single asset without this would split the whole backfill.
WHOLE_RANGE = dg.BackfillPolicy.single_run()


def dates_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[dt.date]:
    """The dates of this run, oldest first, whether it is for one date or for a range."""
    keys = context.op_execution_context.partition_keys
    return sorted(dt.date.fromisoformat(key) for key in keys)
