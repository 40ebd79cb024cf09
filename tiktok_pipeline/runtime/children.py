"""Processes that we start: each ends with us, whole, however we end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.guard import end_tree

POLITE_SECONDS = 6.0  # from the signal that asks to the one that kills


class ChildFailed(PipelineError):
    """A process that we need ended by itself."""


class Child:
    """A running command whose output goes to `log_file`, which is written anew, or with None to where ours goes.

    It and everything it starts end at `stop`, or when this process ends, `kill -9` included (see `guard`).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_file: Path | None,
        polite_seconds: float = POLITE_SECONDS,
    ) -> None:
        self.name = name
        self.polite_seconds = polite_seconds
        self.log_file = log_file
        with _written_anew(log_file) as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "tiktok_pipeline.runtime.guard", str(polite_seconds), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the others in order
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """The command's exit code; None while it runs."""
        return self._guard.poll()

    def wait(self, seconds: float | None = None) -> int:
        """The exit code, when it has ended. Raises subprocess.TimeoutExpired."""
        return self._guard.wait(seconds)

    def require(self) -> None:
        """Raise ChildFailed when it has ended."""
        code = self.exit_code
        if code is not None:
            where = f"See {self.log_file}" if self.log_file else "It said why above."
            raise ChildFailed(f"{self.name} ended with code {code}. {where}")

    def stop(self) -> None:
        """End it: a polite signal first, after some seconds SIGKILL, with everything it started."""
        if self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()
        try:
            self._guard.wait(self.polite_seconds + 2)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(psutil.NoSuchProcess):
                end_tree(psutil.Process(self._guard.pid), first=None, patience=0)
            self._guard.kill()
            self._guard.wait()


@contextlib.contextmanager
def _written_anew(log_file: Path | None) -> Iterator[IO[bytes] | None]:
    if log_file is None:
        yield None
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as log:
        yield log
