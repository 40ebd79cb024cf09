"""The spool: refreshed pairs on this machine's disk, from TikTok's answer until the database has them.

TikTok's answer kills the old refresh token, so the new pair must survive a database that is away just then. It is
sealed first, for the very row that it will replace, and written whole or not at all: one file per refresh, fsynced,
readable by us alone, removed after the save. A parachute for minutes, not a second truth.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiktok_pipeline.errors import PipelineError

UNFINISHED_SECONDS = 3600  # a file that is still being written then belongs to a process that died

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpooledPair:
    """A sealed pair that is to replace the pair of `base_version`, saved at `base_saved_at`.

    The tokens are sealed for `base_version + 1`. Lifetimes are in seconds from `answered_at`, unix time by this
    machine's clock.
    """

    account_id: int
    attempt_id: str
    open_id: str
    base_version: int
    base_saved_at: dt.datetime
    access_token: bytes
    refresh_token: bytes
    expires_in: int
    refresh_expires_in: int
    scope: str
    answered_at: float

    @property
    def version(self) -> int:
        """The version that the pair is sealed for."""
        return self.base_version + 1

    @property
    def age(self) -> float:
        """Seconds since TikTok's answer."""
        return max(0.0, time.time() - self.answered_at)


class Spool:
    """The folder of spooled pairs. Several processes of one machine may share it; other machines do not see it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder, for us alone. Raises PipelineError when it cannot be written."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise PipelineError(
                f"spool {self.folder}: {error.strerror}. Refreshed tokens are kept there while the database is away: "
                "choose a DATA_DIR that can be written."
            ) from None

    def put(self, pair: SpooledPair) -> None:
        """Write the pair; it is on disk when this returns. Raises OSError."""
        final = self._file(pair)
        unfinished = final.with_suffix(".unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_written(pair))
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(final)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def remove(self, pair: SpooledPair) -> None:
        """Forget the pair; the database has it, or a newer one."""
        with contextlib.suppress(FileNotFoundError):  # somebody has replayed it
            self._file(pair).unlink()

    def pairs(self) -> Iterator[SpooledPair]:
        """What is waiting, oldest first. A file that cannot be read is left where it is, and the log says so."""
        for path in sorted(self.folder.glob("*.json"), key=_written_at):
            try:
                yield _read(path.read_bytes())
            except FileNotFoundError:
                continue  # saved meanwhile
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.error(
                    "spool file %s: cannot be read (%s). Look at it by hand.", path, type(error).__name__
                )
        for path in self.folder.glob("*.unfinished"):
            if 0 < _written_at(path) < time.time() - UNFINISHED_SECONDS:
                path.unlink(missing_ok=True)

    def _file(self, pair: SpooledPair) -> Path:
        return self.folder / f"{pair.account_id}-{pair.attempt_id}.json"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _written(pair: SpooledPair) -> bytes:
    fields: dict[str, Any] = dataclasses.asdict(pair)
    for name in ("access_token", "refresh_token"):
        fields[name] = base64.b64encode(fields[name]).decode()
    fields["base_saved_at"] = pair.base_saved_at.isoformat()
    return json.dumps(fields).encode()


def _read(content: bytes) -> SpooledPair:
    fields = json.loads(content)
    for name in ("access_token", "refresh_token"):
        fields[name] = base64.b64decode(fields[name], validate=True)
    fields["base_saved_at"] = dt.datetime.fromisoformat(fields["base_saved_at"])
    return SpooledPair(**fields)


def _written_at(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
