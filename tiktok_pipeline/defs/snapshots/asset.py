"""What the snapshot assets have in common: the SQL file of the table, run over the dates of the run."""

from __future__ import annotations

from typing import Any

import dagster as dg

from tiktok_pipeline.capture.ledger import DayTotals, Endpoint
from tiktok_pipeline.defs.capture.asset import gap_of, ledger_of
from tiktok_pipeline.defs.partitions import dates_of
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.defs.tables import table_metadata
from tiktok_pipeline.warehouse.derive import DayRows, derive, rows_by_day


def snapshot(
    context: dg.AssetExecutionContext, table: str, endpoint: Endpoint, warehouse: WarehouseResource
) -> dg.MaterializeResult:
    """Derive `table` for the dates of the run and say, per date, what it holds and what is missing."""
    dates = dates_of(context)
    with retry_when_transient(), warehouse.opened() as opened:
        ledger = ledger_of(opened, endpoint)
        ledger.ensure_partitions(dates[0], dates[-1])
        changed = derive(opened, table, dates[0], dates[-1])
        context.log.info(f"{table}, {dates[0]} to {dates[-1]}: {changed} rows changed")
        rows = rows_by_day(opened, table, dates[0], dates[-1])
        totals = ledger.totals(dates[0], dates[-1])
        for date in dates:
            held = rows.get(date, DayRows(date, 0, 0, 0))
            stands = totals.get(date, DayTotals(date))
            context.add_asset_metadata(_of_one_date(held, stands), partition_key=str(date))
        return dg.MaterializeResult(metadata=table_metadata(opened, table))


def _of_one_date(held: DayRows, stands: DayTotals) -> dict[str, Any]:
    metadata: dict[str, Any] = {"dagster/partition_row_count": held.rows}
    if held.imported:
        metadata["imported_rows"] = held.imported
    if held.late:
        metadata["late_rows"] = held.late
    return metadata | gap_of(stands)
