"""A table in a Parquet file, read in batches; every value becomes text, as in CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tiktok_pipeline.importing.sources import SourceError, SourceRow, not_read, read_columns
from tiktok_pipeline.importing.tables import Table

ROWS_PER_BATCH = 10_000
IDS = ("store_code", "open_id", "video_id")


class ParquetTable:
    """A table in a Parquet file. Ids may be text or whole numbers, not floating-point numbers."""

    def __init__(self, path: Path, table: Table) -> None:
        self.table = table
        self.place = str(path)
        self.done = 0
        self._path = path
        with self._opened() as file:
            names = file.schema_arrow.names
            self.size: int = file.metadata.num_rows
            self._columns = read_columns(table, [name.lower() for name in names], self.place)
            self.ignored = not_read(table, [name.lower() for name in names])
            self._names = {name.lower(): name for name in names}
            for column in IDS:
                if column in self._columns and pa.types.is_floating(
                    file.schema_arrow.field(self._names[column]).type
                ):
                    raise SourceError(
                        f"{self.place}: {column} is a floating-point column, its last digits are lost. "
                        "Write ids as text."
                    )

    def rows(self) -> Iterator[SourceRow]:
        """Every row with its number, from 1. Raises SourceError for a file that is damaged."""
        self.done = 0
        names = [self._names[column] for column in self._columns]
        with self._opened() as file:
            try:
                for batch in file.iter_batches(ROWS_PER_BATCH, columns=names):
                    values = [self._text(batch.column(name), name) for name in names]
                    for row in zip(*values, strict=True):
                        self.done += 1
                        yield self.done, dict(zip(self._columns, row, strict=True)), None
            except (pa.ArrowException, OSError) as error:
                raise self._unreadable(error) from None

    def _opened(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from None

    def _text(self, column: Any, name: str) -> list[str | None]:
        kind = column.type
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            column = column.cast(pa.timestamp(kind.unit, tz="UTC"))  # written with a Z, wherever it is from
        try:
            texts: list[str | None] = column.cast(pa.string()).to_pylist()
        except (pa.ArrowException, UnicodeDecodeError):
            raise SourceError(
                f"{self.place}: column {name} holds {kind}, not text, numbers or times."
            ) from None
        return texts

    def _unreadable(self, error: Exception) -> SourceError:
        return SourceError(f"{self.place}: cannot be read as Parquet ({str(error).splitlines()[0]}).")
