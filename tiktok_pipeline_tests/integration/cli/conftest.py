"""The command line as people run it: a process of its own, an environment of its own, an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.settings import Settings

OURS = {name.upper() for name in Settings.model_fields}
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment without any setting of ours but the given ones."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **settings}


def command(*arguments: str) -> list[str]:
    """What starts `tiktok-pipeline` with these arguments."""
    return [sys.executable, "-m", "tiktok_pipeline.cli", *arguments]


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """Runs `tiktok-pipeline` in an empty folder: `cli("doctor", DATABASE_URL=…)`."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=clean_environment(**settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
