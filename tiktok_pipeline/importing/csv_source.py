"""A table in a CSV file: UTF-8, with or without BOM, a header line, separated by comma, semicolon or tab."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tiktok_pipeline.importing.sources import SourceError, SourceRow, not_read, read_columns
from tiktok_pipeline.importing.tables import Table

SEPARATORS = (",", ";", "\t")
# Far beyond any caption: a quote that is never closed must not swallow the rest of the file.
LONGEST_FIELD = 1_000_000


class CsvTable:
    """A table in a CSV file. An empty field is no value: CSV cannot tell it from an empty text."""

    def __init__(self, path: Path, table: Table) -> None:
        self.table = table
        self.place = str(path)
        self._path = path
        self._file: TextIO | None = None
        self.size = path.stat().st_size
        with self._open() as file:
            self._separator, self._header = self._look_at_header(file)
        self._columns = read_columns(table, self._header, self.place)
        self.ignored = not_read(table, self._header)

    @property
    def done(self) -> int:
        """Bytes read."""
        return self._file.buffer.tell() if self._file and not self._file.closed else 0

    def rows(self) -> Iterator[SourceRow]:
        """Every row with the line on which it begins. Raises SourceError for text that is no CSV in UTF-8."""
        at = [self._header.index(name) for name in self._columns]
        width = len(self._header)
        with self._open() as file:
            self._file = file
            reader = self._reader(file, self._separator)
            line = 1
            try:
                next(reader, None)
                line = reader.line_num + 1
                for fields in reader:
                    if len(fields) == width:
                        values = {name: fields[i] or None for name, i in zip(self._columns, at, strict=True)}
                        yield line, values, None
                    elif fields:  # an empty line is no row
                        some = {
                            name: fields[i] or None
                            for name, i in zip(self._columns, at, strict=True)
                            if i < len(fields)
                        }
                        yield line, some, f"{len(fields)} fields, but the header has {width}"
                    line = reader.line_num + 1
            except UnicodeDecodeError as error:
                raise self._not_utf8(error) from None
            except csv.Error as error:
                raise SourceError(
                    f"{self.place}, line {line}: not CSV ({error}). Check the quotes."
                ) from None

    def _look_at_header(self, file: TextIO) -> tuple[str, list[str]]:
        try:
            begin = file.tell()
            headers = []
            for separator in SEPARATORS:
                file.seek(begin)
                names = [name.strip().lower() for name in next(self._reader(file, separator), [])]
                if set(self.table.required) <= set(names):
                    return separator, names
                headers.append(names)
            return SEPARATORS[0], headers[0]
        except UnicodeDecodeError as error:
            raise self._not_utf8(error) from None
        except csv.Error as error:
            raise SourceError(f"{self.place}, line 1: not CSV ({error}). Check the quotes.") from None

    def _reader(self, file: TextIO, separator: str) -> csv._reader:  # type: ignore[name-defined, unused-ignore]
        csv.field_size_limit(LONGEST_FIELD)
        # Strict: without it a quote that is never closed would silently join all rows after it.
        return csv.reader(file, delimiter=separator, strict=True)

    def _open(self) -> TextIO:
        try:
            return self._path.open(encoding="utf-8-sig", newline="")
        except OSError as error:
            raise SourceError(f"{self.place}: {error.strerror}.") from None

    def _not_utf8(self, error: UnicodeDecodeError) -> SourceError:
        return SourceError(f"{self.place}: not UTF-8 ({error.reason}). Save it as CSV in UTF-8.")
