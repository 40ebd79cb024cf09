"""Months of pages in an archive: a folder per month, with a Parquet file per endpoint and a manifest.json.

The folder may be a local path or any address that fsspec knows, e.g. s3://bucket/pages (with the package s3fs).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as composed
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.chain import DayContent
from tiktok_pipeline.history.content import page_content
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import months

ENDPOINTS = ("user_info", "video_list")
MANIFEST = "manifest.json"
COLUMNS = (
    "endpoint", "day", "account_id", "capture_no", "page_no", "body", "observed_at", "time_zone", "log_id", "run_id",
)  # fmt: skip
ROWS_AT_ONCE = 2_000
CHUNK = 1 << 20


class ArchiveDamaged(PipelineError):
    """What lies in the archive is not what was written there."""


@dataclass(frozen=True, slots=True)
class ArchivedMonth:
    """A month of pages: `month` is its first day, `url` its folder, `digest` the SHA-256 of its manifest.json."""

    month: dt.date
    url: str
    rows: int
    digest: str

    @property
    def last_day(self) -> dt.date:
        """The last day of the month."""
        return next(months(self.month, dt.date.max))[1]

    @property
    def name(self) -> str:
        """As in file names and on the command line: 2025-01."""
        return f"{self.month:%Y-%m}"


class Folder:
    """A month's folder. Raises PipelineError when its address is of a kind that is not installed.

    `suffix` is added to the name of every file.
    """

    def __init__(self, url: str, *, suffix: str = "") -> None:
        from fsspec.core import url_to_fs

        try:
            self.files, self.path = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise PipelineError(
                f"archive {url}: {error}. Install what it names, or use a local path."
            ) from None
        except Exception as error:  # each kind of address has errors of its own
            raise self._unreachable(url, error) from None
        self.url = url
        self.suffix = suffix

    def named(self, name: str) -> str:
        """The name of a file in this folder."""
        return name + self.suffix

    def at(self, name: str) -> str:
        """Where a file is, for `files`."""
        return f"{self.path}/{self.named(name)}"

    def names(self) -> set[str]:
        """The names of all that lies there, as they are."""
        self.files.invalidate_cache()
        try:
            return {
                str(path).rstrip("/").rsplit("/", 1)[-1] for path in self.files.ls(self.path, detail=False)
            }
        except FileNotFoundError:
            return set()
        except OSError:
            raise
        except Exception as error:
            raise self._unreachable(self.url, error) from None

    def read(self, name: str) -> bytes:
        """The bytes of a small file; ArchiveDamaged when it is not there."""
        try:
            return bytes(self.files.cat_file(self.at(name)))
        except OSError as error:
            raise self._damaged(name, f"cannot be read ({type(error).__name__})") from None

    def open(self, name: str, mode: str) -> Any:
        """A file, opened."""
        if "w" in mode:
            self.files.makedirs(self.path, exist_ok=True)
            return self.files.open(self.at(name), mode)
        try:
            return self.files.open(self.at(name), mode)
        except FileNotFoundError:
            raise self._damaged(name, "is not there") from None
        except OSError as error:
            raise self._damaged(name, f"cannot be read ({type(error).__name__})") from None
        except Exception as error:
            raise self._unreachable(self.url, error) from None

    def sha256(self, name: str) -> str:
        """SHA-256 of a file, in hex."""
        digest = hashlib.sha256()
        with self.open(name, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    @staticmethod
    def _unreachable(url: str, error: Exception) -> PipelineError:
        return PipelineError(
            f"archive {url}: cannot be reached ({type(error).__name__}). Check the address, the network and its login."
        )

    def _damaged(self, name: str, what: str) -> ArchiveDamaged:
        return ArchiveDamaged(f"archive {self.url}: {name} {what}. Restore the folder, or give --archive.")


def archived_months(warehouse: Warehouse, first: dt.date, last: dt.date) -> list[ArchivedMonth]:
    """The months from `first` to `last` whose pages have left the database."""
    rows = warehouse.execute("history/archived_months", {"first": first, "last": last})
    return [ArchivedMonth(**row) for row in rows]


def folder_of(month: ArchivedMonth, archive: str | None = None) -> Folder:
    """The folder of `month`: where it was written, or below the folder `archive`; its files are as written.

    Raises ArchiveDamaged when they are not.
    """
    folder = Folder(month_url(archive, month.month) if archive else month.url)
    text = folder.read(MANIFEST)
    if hashlib.sha256(text).hexdigest() != month.digest:
        raise ArchiveDamaged(f"archive {folder.url}: {MANIFEST} is not the one that was written")
    for endpoint, file in json.loads(text)["files"].items():
        if folder.sha256(file["file"]) != file["sha256"]:
            raise ArchiveDamaged(f"archive {folder.url}: {endpoint}.parquet was changed since it was written")
    return folder


def whole_month(folder: Folder, month: dt.date) -> ArchivedMonth | None:
    """What lies in the folder of `month`, if its files are as its manifest.json says."""
    try:
        text = folder.read(MANIFEST)
        files = json.loads(text)["files"].values()
        if any(folder.sha256(file["file"]) != file["sha256"] for file in files):
            return None
        rows = sum(file["rows"] for file in files)
    except (ArchiveDamaged, ValueError, KeyError, TypeError):
        return None
    return ArchivedMonth(month, folder.url, rows, hashlib.sha256(text).hexdigest())


def month_url(archive: str, month: dt.date) -> str:
    """The folder of a month below the archive's."""
    return f"{archive.rstrip('/')}/{month:%Y-%m}"


def pages_read_back(
    cursor: psycopg.Cursor[DictRow], month: ArchivedMonth, archive: str | None = None
) -> dict[dt.date, DayContent]:
    """Count and hash of an archived month's pages by day, computed by PostgreSQL from what the files hold.

    For the rest of the transaction a temporary table hides `capture.page` from what asks for `page`.
    """
    return read_back(cursor, folder_of(month, archive), month.month, month.last_day)


def read_back(
    cursor: psycopg.Cursor[DictRow], folder: Folder, first: dt.date, last: dt.date
) -> dict[dt.date, DayContent]:
    """As `pages_read_back`, of files whatever they are."""
    cursor.execute("create temporary table page (like capture.page) on commit drop")
    for endpoint in ENDPOINTS:
        copy_pages(cursor, composed.Identifier("pg_temp", "page"), folder, endpoint)
    return page_content(cursor, first, last)


def copy_pages(
    cursor: psycopg.Cursor[Any], table: composed.Composable, folder: Folder, endpoint: str
) -> None:
    """Copy the archived pages of `endpoint` into `table`."""
    names = composed.SQL(", ").join(map(composed.Identifier, COLUMNS))
    with cursor.copy(composed.SQL("copy {} ({}) from stdin").format(table, names)) as copy:
        for row in archived_rows(folder, endpoint):
            copy.write_row(row)


def archived_rows(folder: Folder, endpoint: str) -> Iterator[tuple[Any, ...]]:
    """The archived pages of `endpoint`, as tuples of COLUMNS."""
    from pyarrow import parquet

    with folder.open(f"{endpoint}.parquet", "rb") as file:
        for batch in parquet.ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            yield from zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)
