"""The file formats of exports, fed with batches of rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, BinaryIO

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.derive import Column

Batches = Iterable[list[tuple[Any, ...]]]

XLSX_ROWS = 1_048_576  # of a sheet, by Excel's specification; one is the header
XLSX_EXACT = 2**53  # Excel's numbers are doubles: a greater count is written as text


def write_xlsx(columns: list[Column], batches: Batches, out: BinaryIO) -> None:
    """One sheet. Texts are never formulas or links; instants are ISO texts in UTC, as Excel knows no time zones."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet, as_date = book.add_worksheet("report"), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.name)
        number = 0
        for batch in batches:
            for row in batch:
                number += 1
                if number == XLSX_ROWS:
                    raise PipelineError(
                        f"more than {XLSX_ROWS - 1:,} rows: an Excel sheet has no room. Export fewer days, or as csv."
                    )
                for place, value in enumerate(row):
                    _write_cell(sheet, number, place, value, as_date)


def _write_cell(sheet: Any, row: int, place: int, value: Any, as_date: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, dt.datetime):
        sheet.write_string(row, place, value.isoformat())
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, place, value, as_date)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) <= XLSX_EXACT):
        sheet.write_number(row, place, value)
    else:
        sheet.write_string(row, place, str(value))


def write_parquet(columns: list[Column], batches: Batches, out: BinaryIO) -> None:
    """Every value as it is in the database; instants are in UTC."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "smallint": pa.int16(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
        "interval": pa.duration("us"),
    }
    schema = pa.schema([(column.name, types.get(column.type, pa.string())) for column in columns])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [pa.array(values, kind) for values, kind in zip(zip(*batch), schema.types, strict=True)]  # noqa: B905
            writer.write_batch(pa.record_batch(arrays, schema=schema))
