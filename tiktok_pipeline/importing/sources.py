"""Where history comes from: a file, a folder of files, or a PostgreSQL database. Each table gives rows of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.importing.tables import TABLES, Table

URL_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://", "postgresql+psycopg2://")
SUFFIXES = (".csv", ".parquet")

# Where a row begins (its line, or its number), its values by column, and what is wrong with its shape if anything.
SourceRow = tuple[int, Mapping[str, str | None], str | None]


class SourceError(PipelineError):
    """The source cannot be read (on); no daily row of it was imported."""


class SourceTable(Protocol):
    """One table of a source. `size` and `done` are in a unit of its own, bytes or rows; size 0: not known."""

    table: Table
    place: str
    size: int
    ignored: tuple[str, ...]

    @property
    def done(self) -> int:
        """How much has been read."""

    def rows(self) -> Iterator[SourceRow]:
        """Every row, one after the other. Raises SourceError when it cannot be read on."""


@contextmanager
def opened(source: str, *, table: str | None, schema: str) -> Iterator[list[SourceTable]]:
    """The tables of `source`, in the order in which they are imported. Raises SourceError when there is none.

    `table` names the table that a single file holds, `schema` where the tables of a database are.
    """
    if table is not None and table not in TABLES:
        raise SourceError(f"--table {table}: not a table that can be imported. Choose {_names()}.")
    if source.startswith(URL_SCHEMES):
        from tiktok_pipeline.importing.database_source import database_tables

        if table is not None:
            raise SourceError("--table: it names what one file holds; a database has table names.")
        with database_tables(source, schema) as tables:
            yield tables
        return
    if "://" in source:
        raise SourceError("SOURCE: neither a file, a folder nor postgresql://user@host/database.")
    yield [_file(path, TABLES[name]) for name, path in _files(Path(source).expanduser(), table).items()]


def _files(path: Path, table: str | None) -> dict[str, Path]:
    """The file of each table, in the order of import."""
    if path.is_dir():
        if table is not None:
            raise SourceError(f"--table: it names what one file holds; {path} is a folder.")
        return _folder(path)
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder.")
    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(f"{path}: neither .csv nor .parquet.")
    name = table or path.stem
    if name not in TABLES:
        raise SourceError(f"{path}: which table is it? Say --table with one of {_names()}.")
    return {name: path}


def _folder(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}.") from None
    for name in TABLES:
        found = [there[name + suffix] for suffix in SUFFIXES if name + suffix in there]
        if len(found) > 1:
            raise SourceError(f"{folder}: {name} is there twice, as .csv and .parquet. Leave one of them.")
        if found:
            files[name] = found[0]
    if not files:
        raise SourceError(f"{folder}: holds no {_names()} (.csv or .parquet).")
    return files


def _file(path: Path, table: Table) -> SourceTable:
    if path.suffix.lower() == ".parquet":
        from tiktok_pipeline.importing.parquet_source import ParquetTable  # pyarrow takes a while to import

        return ParquetTable(path, table)
    from tiktok_pipeline.importing.csv_source import CsvTable

    return CsvTable(path, table)


def read_columns(table: Table, there: list[str], place: str) -> tuple[str, ...]:
    """Which of the columns `there` are read. Raises SourceError when a required one is missing or one is twice."""
    missing = [name for name in table.required if name not in there]
    if missing:
        raise SourceError(f"{place}: has no column {', '.join(missing)}. Table {table.name} needs it.")
    wanted = tuple(name for name in table.columns if name in there)
    twice = [name for name in wanted if there.count(name) > 1]
    if twice:
        raise SourceError(f"{place}: has column {twice[0]} twice.")
    return wanted


def not_read(table: Table, there: list[str]) -> tuple[str, ...]:
    """The columns that are left alone. The hub's own numbering of rows is not worth a word."""
    return tuple(name for name in there if name not in table.columns and name != "id")


def _names() -> str:
    return ", ".join(TABLES)
