"""What is done with days that are over, each in a process of its own, which can be let die at any call."""

from __future__ import annotations

import datetime as dt
import errno
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tiktok_pipeline.history import archive, deletion, manifest, rebuild
from tiktok_pipeline.importing import history
from tiktok_pipeline.importing.refused import RefusedRows
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.faults.worker import forked
from tiktok_pipeline_tests.integration.history.child import die_at

if TYPE_CHECKING:
    from tiktok_pipeline_tests.faults.world import World

FIRST, LAST = dt.date(2027, 1, 30), dt.date(2027, 2, 1)  # what is captured
MONTH, BEFORE = dt.date(2027, 1, 1), dt.date(2027, 2, 4)
NOW = "2027-02-05T12:00:00"
GRACE = dt.timedelta(hours=6)
IMPORTED = 10  # days, of one profile and two videos
ROWS_PER_BATCH = 6  # so that these are several batches
MODULES = {
    "archive": archive,
    "deletion": deletion,
    "history": history,
    "manifest": manifest,
    "rebuild": rebuild,
}


def _seal(warehouse: Warehouse, _folder: Path) -> None:
    manifest.write_manifest(warehouse, "UTC", GRACE, LAST)


def _archive(warehouse: Warehouse, folder: Path) -> None:
    archive.write_month(warehouse, str(folder / "archive"), MONTH)


def _drop(warehouse: Warehouse, folder: Path) -> None:
    archive.drop_month(warehouse, archive.write_month(warehouse, str(folder / "archive"), MONTH)[0])


def _import(warehouse: Warehouse, folder: Path) -> None:
    history.ROWS_PER_BATCH = ROWS_PER_BATCH
    with RefusedRows(None) as refused:
        history.import_source(
            warehouse,
            str(folder / "source"),
            refused,
            lambda *_: None,
            zone=ZoneInfo("UTC"),
            client_key="key",
        )


def _rebuild(warehouse: Warehouse, _folder: Path) -> None:
    list(rebuild.rebuild(warehouse, FIRST, LAST))


def _delete(warehouse: Warehouse, _folder: Path) -> None:
    deletion.delete_store(warehouse, "store_003", "cli")


ACTS = {
    "seal": _seal,
    "archive": _archive,
    "drop": _drop,
    "import": _import,
    "rebuild": _rebuild,
    "delete": _delete,
}


class Act:
    """One of these acts in a process of its own. Its standard error goes to the end of the worker's log.

    `dies` says at which call it kills itself: module, function, `before` or `after`, number. `full`: the archive's
    disk is full. `broken`: a mutant of `mutants.py`.
    """

    def __init__(self, world: World, name: str, **options: Any) -> None:
        self.process = forked(_act, str(world.log), world.url, str(world.folder), name, options)

    def wait(self, seconds: float = 120) -> int | None:
        """Its exit code, negative when a signal ended it; 1 when it said what is wrong."""
        self.process.join(seconds)
        code: int | None = self.process.exitcode
        return code


def _act(log: str, url: str, folder: str, name: str, options: dict[str, Any]) -> None:
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    importlib.import_module("pyarrow.parquet")
    if options.get("broken"):
        importlib.import_module("tiktok_pipeline_tests.faults.mutants").break_here(options["broken"])
    if options.get("dies"):
        module, *call = options["dies"]
        die_at(MODULES[module], *call)
    if options.get("full"):
        setattr(archive, "write_pages", _no_space)  # noqa: B010 - it is imported there, not exported
    ACTS[name](Warehouse(url), Path(folder))


def _no_space(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
