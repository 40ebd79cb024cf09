"""The command line as people run it: an environment of its own, an empty folder.

`cli` runs a command in this process, which takes no time; `command` is what starts it as a process.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from tiktok_pipeline.cli import main
from tiktok_pipeline.logs import LOGGED_PACKAGES
from tiktok_pipeline.settings import Settings

OURS = {name.upper() for name in Settings.model_fields}


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    stdout: str
    stderr: str
    returncode: int


CommandLine = Callable[..., Answer]


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment without any setting of ours but the given ones."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **settings}


def command(*arguments: str) -> list[str]:
    """What starts `tiktok-pipeline` with these arguments."""
    return [sys.executable, "-m", "tiktok_pipeline.cli", *arguments]


def run_command(folder: Path, *arguments: str, **settings: str) -> Answer:
    """What `tiktok-pipeline` says in `folder` with these settings alone, run in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        _as_it_was(),
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, clean_environment(**settings), clear=True),
        mock.patch.object(sys, "argv", ["tiktok-pipeline", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Answer(out.getvalue(), err.getvalue(), code)


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """Runs `tiktok-pipeline` in an empty folder: `cli("doctor", DATABASE_URL=…)`."""
    return partial(run_command, tmp_path)


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """What a command changes in its process is put back: signals and logging."""
    root, ours = logging.getLogger(), logging.getLogger(LOGGED_PACKAGES)
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers, level = root.handlers[:], ours.level
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        ours.setLevel(level)
        for number, handler in signals.items():
            signal.signal(number, handler)
