"""The data folder: everything one machine keeps, and the lock that gives it one owner at a time."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from itertools import takewhile
from pathlib import Path

from tiktok_pipeline.errors import PipelineError


class DataFolderTaken(PipelineError):
    """Another process owns the data folder; `owner` names it, e.g. `pid 7 (tiktok-pipeline serve)`."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(
            f"data folder {path}: already in use by {owner}. Stop it, or use another DATA_DIR or --data-dir."
        )
        self.owner = owner


class DataFolder:
    """`DATA_DIR`: PostgreSQL's files, Dagster's home, the logs. Used with `with` by its one owner.

    The lock belongs to the process and is freed by the operating system when it dies, however that happens;
    the file that is locked stays and means nothing by itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.dagster_home = self.path / "dagster"
        self.logs = self.path / "logs"
        self._owner_file = self.path / "owner"
        self._descriptor: int | None = None

    def __enter__(self) -> DataFolder:
        self.own()
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def own(self) -> None:
        """Become the owner, once. Raises DataFolderTaken, or PipelineError when the folder cannot be written."""
        if self._descriptor is not None:
            return
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._owner_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise PipelineError(
                f"data folder {self.path}: {error.strerror}. Choose another DATA_DIR or --data-dir."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 500).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise DataFolderTaken(self.path, owner) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()} ({_command()})\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the folder up; does nothing when it is not owned."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _command() -> str:
    """The command without what it was given: an option may be an authorization code, an address hold a password."""
    return " ".join(["tiktok-pipeline", *takewhile(re.compile("[a-z][a-z-]*").fullmatch, sys.argv[1:])])
