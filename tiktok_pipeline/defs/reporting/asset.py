"""What the report assets have in common: the SQL file of the table, and which column comes from which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from tiktok_pipeline.capture.ledger import Endpoint
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.snapshots.asset import snapshot


def report(
    context: dg.AssetExecutionContext,
    table: str,
    endpoint: Endpoint,
    warehouse: WarehouseResource,
    lineage: dg.TableColumnLineage,
) -> dg.MaterializeResult:
    """Derive `table` for the dates of the run, as a snapshot is, and say where its columns come from."""
    made = snapshot(context, table, endpoint, warehouse)
    return dg.MaterializeResult(metadata={**(made.metadata or {}), "dagster/column_lineage": lineage})


def from_table(table: str, sources: Mapping[str, Iterable[str]]) -> dg.TableColumnLineage:
    """Each column of a report with the columns of `table` (e.g. `snapshots.tiktok_user_daily`) that it is made of."""
    asset = dg.AssetKey(table.split("."))
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=asset, column_name=name) for name in names]
            for column, names in sources.items()
        }
    )


def same(*columns: str) -> dict[str, list[str]]:
    """Columns that are taken over under their own name."""
    return {column: [column] for column in columns}
