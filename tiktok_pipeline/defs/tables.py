"""A PostgreSQL table in the words of Dagster's UI."""

from __future__ import annotations

from typing import Any

import dagster as dg

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import columns


def table_metadata(warehouse: Warehouse, table: str) -> dict[str, Any]:
    """Name and columns of `table`, with the comments of the database as descriptions."""
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in columns(warehouse, table)
        ]
    )
    return {"dagster/table_name": table, "dagster/column_schema": schema}
