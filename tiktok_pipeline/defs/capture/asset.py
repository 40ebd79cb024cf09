"""What the capture assets have in common. An endpoint's own file says which it is and what its table holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg

from tiktok_pipeline import tracing
from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.days import capture_days
from tiktok_pipeline.capture.forecast import Forecast, forecasts, in_words
from tiktok_pipeline.capture.ledger import DayTotals, Endpoint, Ledger
from tiktok_pipeline.capture.loop import CaptureLoop
from tiktok_pipeline.capture.vanished import ask_after_vanished
from tiktok_pipeline.defs.partitions import dates_of, settings
from tiktok_pipeline.defs.resources import TikTokResource, TokenVaultResource, WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.defs.tables import table_metadata
from tiktok_pipeline.tiktok.circuit import open_circuits
from tiktok_pipeline.tiktok.quota import scheduled_a_minute
from tiktok_pipeline.warehouse.connection import Warehouse

# Keeps the queue tidy: one capturing run at a time. Correctness comes from the ledger and the quota.
POOL = "tiktok_api"
STORE_ACCOUNTS = dg.AssetKey(["hub", "store_accounts"])
OUTCOME_COLUMNS = [
    "store_code", "account_id", "display_name", "outcome", "reason", "pages", "items", "refused",
    "attempts", "late", "error_code", "error_message", "http_status", "log_id",
]  # fmt: skip


class CaptureConfig(dg.Config):
    """How to capture."""

    force: bool = False
    """Capture today afresh although it is complete; the fresh capture becomes the day's snapshot."""


def ledger_of(warehouse: Warehouse, endpoint: Endpoint, run_id: str | None = None) -> Ledger:
    """The ledger of `endpoint` as the settings want it."""
    grace = settings.capture_grace
    return Ledger(warehouse, endpoint, settings.reporting_timezone, grace, run_id)


def forecasts_of(warehouse: Warehouse, today: dt.date) -> list[Forecast]:
    """How long a day's capture takes, per TikTok app, as the settings want it."""
    return forecasts(
        warehouse,
        today,
        pages_a_minute=scheduled_a_minute(settings.tiktok_requests_per_minute, settings.on_demand_share),
        window_minutes=settings.capture_window_minutes,
    )


def capture(
    context: dg.AssetExecutionContext,
    endpoint: Endpoint,
    config: CaptureConfig,
    warehouse: WarehouseResource,
    token_vault: TokenVaultResource,
    tiktok: TikTokResource,
) -> dg.MaterializeResult:
    """Capture today if it is among the run's dates, write the gaps of the past ones, and say what came of it."""
    dates = dates_of(context)
    tracing.begin(settings.otel_exporter_otlp_endpoint, "tiktok_pipeline capture")
    with (
        tracing.span(f"capture {endpoint}", dagster_run=context.run.run_id),
        retry_when_transient(),
        warehouse.opened() as opened,
        token_vault.opened(opened) as vault,
        tiktok.client(opened) as client,
    ):
        ledger = ledger_of(opened, endpoint, context.run.run_id)
        requests = AccountRequests(client, tiktok.oauth(client), vault)
        loop = CaptureLoop(ledger, requests, settings.capture_workers)
        forecast = in_words(forecasts_of(opened, ledger.today()))
        context.log.info(f"{endpoint}: {forecast}")
        done = capture_days(ledger, loop, dates, force=config.force)
        asked = 0
        if endpoint == "video_list" and done.included_today:
            asked = ask_after_vanished(
                opened,
                requests,
                done.today,
                zone=settings.reporting_timezone,
                run_id=context.run.run_id,
                workers=settings.capture_workers,
            )
        totals = ledger.totals(dates[0], dates[-1])
        for date in dates:
            metadata = _of_one_date(totals.get(date, DayTotals(date)))
            if date == done.today:
                metadata |= {"requests": client.requests_sent, "forecast": forecast}
                if down := open_circuits(opened):
                    metadata["circuit"] = "; ".join(down)
                if asked:
                    metadata["vanished_videos_asked_after"] = asked
            if date == done.today or len(dates) == 1:
                metadata |= _outcomes(ledger.outcomes(date), totals.get(date, DayTotals(date)).account_days)
            context.add_asset_metadata(metadata, partition_key=str(date))
        return dg.MaterializeResult(metadata=table_metadata(opened, f"capture.{endpoint}"))


def _of_one_date(totals: DayTotals) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": totals.pages,
        "captured": totals.captured,
        "imported": totals.imported,
        "failed": totals.failed,
        "items": totals.items,
        "refused_counters": totals.refused,
    }
    if totals.late:
        metadata["late"] = totals.late
    return metadata | gap_of(totals)


def gap_of(totals: DayTotals) -> dict[str, Any]:
    """What a date without (all) data says about itself: how many gaps, and why."""
    if totals.gaps:
        return {"gaps": totals.gaps, "gap": ", ".join(totals.reasons)}
    if not totals.account_days:
        return {"gap": "no account was connected"}
    return {}


def _outcomes(rows: list[dict[str, Any]], account_days: int) -> dict[str, Any]:
    """The table of what became of each account; of many accounts the troubled ones, and how many there are."""
    columns = [
        dg.TableColumn(
            name, "int" if name in {"account_id", "pages", "items", "refused", "attempts"} else "string"
        )
        for name in OUTCOME_COLUMNS
    ]
    table = dg.MetadataValue.table(
        [dg.TableRecord({name: _shown(row[name]) for name in OUTCOME_COLUMNS}) for row in rows],
        schema=dg.TableSchema(columns=columns),
    )
    shown = {} if len(rows) == account_days else {"accounts_shown": f"{len(rows)} of {account_days}"}
    return {"accounts": table, **shown}


def _shown(value: Any) -> str | int | bool:
    if value is None:
        return ""
    return value if isinstance(value, str | int | bool) else str(value)
