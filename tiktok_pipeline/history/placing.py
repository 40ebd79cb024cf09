"""Putting a month's files into its folder, beside nothing of somebody else's.

Files are written under names that end with the database's number, and are renamed when they have been read back, the
manifest.json last. So a folder is always empty, or half renamed with that manifest still waiting, or whole.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archived import COLUMNS, ENDPOINTS, MANIFEST, ROWS_AT_ONCE, Folder
from tiktok_pipeline.history.chain import DayContent
from tiktok_pipeline.project_files import sql

FORMAT = 2
FILES = (*(f"{endpoint}.parquet" for endpoint in ENDPOINTS), MANIFEST)
# What outlives the process that wrote it: the local disk, object stores, file servers. Not memory://, not a cache.
LASTING = {
    "file", "local", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "cos", "obs", "hdfs", "webhdfs",
    "sftp", "ssh", "ftp", "smb",
}  # fmt: skip


def require_lasting(url: str) -> None:
    """Raises PipelineError for an address at which files do not outlive this process."""
    kind, separator, _ = url.partition("://")
    if separator and kind not in LASTING:
        raise PipelineError(
            f"archive {url}: not a place where pages last. Use a path, or an address that begins with one of "
            f"{', '.join(f'{known}://' for known in sorted(LASTING - {'local'}))}."
        )


def staging(folder: Folder, owner: str) -> Folder:
    """The same folder, in which files have the names they are written under."""
    return Folder(folder.url, suffix=f".{owner}.part")


def require_ours(folder: Folder, owner: str, digests: Iterable[str]) -> None:
    """Raises PipelineError when a file lies in `folder` that the database `owner` did not put there.

    Manifests without an owner, which older versions wrote, are ours by the `digests` that were logged.
    """
    there = folder.names()
    waiting = {staging(folder, owner).named(name) for name in FILES}
    ours = waiting
    if MANIFEST in there:
        text = folder.read(MANIFEST)
        if hashlib.sha256(text).hexdigest() not in set(digests) and _owner_of(text) != owner:
            raise PipelineError(
                f"archive {folder.url}: another database archived its pages there. Give this one a place of its own."
            )
        ours = waiting | set(FILES)
    elif staging(folder, owner).named(MANIFEST) in there:
        ours = waiting | set(FILES)
    if strange := sorted(there - ours):
        raise PipelineError(
            f"archive {folder.url}: {strange[0]} lies there already, and is not ours. Nothing was written over; "
            "move it away, or give another place."
        )


def publish(waiting: Folder, folder: Folder) -> None:
    """Give the files of a month their names, the manifest last."""
    for name in FILES:
        folder.files.mv(waiting.at(name), folder.at(name))
        _to_disk(folder)


def write_manifest_file(folder: Folder, text: bytes) -> None:
    """Write manifest.json."""
    with folder.open(MANIFEST, "wb") as file:
        file.write(text)
    _to_disk(folder, MANIFEST)


def write_pages(
    cursor: psycopg.Cursor[Any], folder: Folder, endpoint: str, first: dt.date, last: dt.date
) -> dict[str, Any]:
    """Write the pages of `endpoint` into a Parquet file; what manifest.json says of it."""
    import pyarrow as arrow
    from pyarrow import parquet

    schema = arrow.schema(
        [
            ("endpoint", arrow.string()),
            ("day", arrow.date32()),
            ("account_id", arrow.int64()),
            ("capture_no", arrow.int16()),
            ("page_no", arrow.int32()),
            ("body", arrow.string()),
            ("observed_at", arrow.timestamp("us", tz="UTC")),
            ("time_zone", arrow.string()),
            ("log_id", arrow.string()),
            ("run_id", arrow.string()),
        ]
    )
    name = f"{endpoint}.parquet"
    rows, days = 0, set()
    span = {"endpoint": endpoint, "first": first, "last": last}
    with (
        folder.open(name, "wb") as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
        psycopg.ServerCursor(cursor.connection, "pages_of_month") as pages,
    ):
        pages.execute(sql("history/pages_of_month").encode(), span)
        while batch := pages.fetchmany(ROWS_AT_ONCE):
            columns = dict(zip(COLUMNS, map(list, zip(*batch, strict=True)), strict=True))
            writer.write_batch(arrow.RecordBatch.from_pydict(columns, schema=schema))
            rows += len(batch)
            days |= set(columns["day"])
    _to_disk(folder, name)
    return {
        "file": name,
        "rows": rows,
        "first_day": str(min(days)) if days else None,
        "last_day": str(max(days)) if days else None,
        "bytes": folder.files.size(folder.at(name)),
        "sha256": folder.sha256(name),
    }


def manifest_text(
    month: dt.date, owner: str, files: Mapping[str, Any], expected: Mapping[dt.date, DayContent], head: str
) -> bytes:
    """What manifest.json says of a month."""
    days = {
        str(day): {"pages": content.pages, "sha256": content.pages_hash}
        for day, content in sorted(expected.items())
        if content.pages
    }
    said = {"format": FORMAT, "database": owner, "month": f"{month:%Y-%m}"}
    return (json.dumps({**said, "files": files, "days": days, "head": head}, indent=1) + "\n").encode()


def _owner_of(text: bytes) -> str | None:
    try:
        found = json.loads(text)["database"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(found)


def _to_disk(folder: Folder, name: str | None = None) -> None:
    """A local file must outlive a power cut before what it holds is dropped here; object stores see to that."""
    if "file" in folder.files.protocol:
        for path in (folder.at(name) if name else folder.path, folder.path):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
