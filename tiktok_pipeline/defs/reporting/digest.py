"""What changed since the day before, in words, numbers and charts; and sending it."""

import datetime as dt
from typing import Any

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, dates_of, days, settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.digest.content import Calendar, Day
from tiktok_pipeline.digest.reading import calendar, read_days, read_digest
from tiktok_pipeline.digest.render import as_markdown, link_to
from tiktok_pipeline.digest.sending import send_digests
from tiktok_pipeline.warehouse.connection import Warehouse

# Of a run over a long range only the newest dates have all in their metadata: the portal shows any day.
MOST_TOLD = 31
MOST_DRAWN = 7
CHARTS = 2
READS = (
    ("reporting", "account_daily"),
    ("reporting", "video_daily"),
    ("snapshots", "account_day_verdict"),
    ("snapshots", "video_change"),
)


@dg.asset(
    key_prefix="reporting",
    group_name="reporting",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    deps=[dg.AssetKey(table) for table in READS],
    kinds={"postgres", "markdown"},
    owners=["team:data"],
    op_tags={
        "dagster/priority": "-10"
    },  # after the checks of the run, which may put account-days into quarantine
)
def digest(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
    """What changed on a day: followers, likes, views, new and gone videos, who moved most, gaps, what is broken.

    The digest of the latest day that is over is sent to DIGEST_URLS, once; a run for older dates sends nothing. The day
    after the run's last, and the latest that is over, are told anew too: what they compare with, or their end, is new.
    """
    dates = dates_of(context)
    with retry_when_transient(), warehouse.opened() as opened:
        known = calendar(opened, settings.reporting_timezone, settings.capture_grace)
        numbers = {day.day: day for day in read_days(opened, dates[0], dates[-1])}
        for date in dates[:-MOST_TOLD]:
            context.add_asset_metadata(_numbers(numbers[date]), partition_key=str(date))
        for date in dates[-MOST_TOLD:]:
            charts = CHARTS if date in dates[-MOST_DRAWN:] else 0
            context.add_asset_metadata(_whole(opened, known, date, charts), partition_key=str(date))
        for date in _also(dates, known):
            told = _whole(opened, known, date, CHARTS)
            context.log_event(dg.AssetMaterialization(context.asset_key, metadata=told, partition=str(date)))
        sent = 0
        if dates[-1] >= known.closed and settings.digest_channels:
            sent = send_digests(opened, settings.digest_channels, known, known.closed, settings.portal_url)
    return dg.MaterializeResult(metadata={"digests_to_send": sent})


def _also(dates: list[dt.date], known: Calendar) -> list[dt.date]:
    """Dates whose digest changes with this run though it is not for them."""
    found = {dates[-1] + dt.timedelta(days=1)}
    if dates[-1] > known.closed:
        found.add(known.closed)
    return sorted(date for date in found - set(dates) if settings.start_date <= date <= known.today)


def _whole(warehouse: Warehouse, known: Calendar, date: dt.date, charts: int) -> dict[str, Any]:
    read = read_digest(warehouse, known, date)
    link = link_to(settings.portal_url, read)
    return {
        "digest": dg.MetadataValue.md(as_markdown(read, draw(read, "png", most=charts), link=link)),
        "portal": dg.MetadataValue.url(link),
        "is_complete": read.is_complete,
        "new_videos": read.new_videos.found,
        "gone_videos": read.gone_videos.found,
        "accounts_without_profile": read.profiles_missing,
        **_numbers(read.days[-1]),
    }


def _numbers(day: Day) -> dict[str, Any]:
    named = ("followers_gained", "followers_lost", "likes", "views")
    return {name: number for name in named if (number := getattr(day, name)) is not None}
