"""The API is as it describes itself, whatever is asked of it: Schemathesis, all checks, stateful, over real HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline_tests.integration.portal.api.conftest import Api

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = 240  # of one run: a token is good for five minutes


def ask_everything(api: Api, folder: Path, *, examples: int, seed: int, seconds: int | None = None) -> str:
    """What Schemathesis found; empty when nothing."""
    api.portal.forget_attempts()
    words = [
        str(SCHEMATHESIS),
        f"--config-file={CONFIG}",
        "--no-color",
        "run",
        f"{api.portal.url}/api/v1/openapi.json",
        f"--url={api.portal.url}/api/v1",
        "--checks=all",
        "--phases=examples,coverage,fuzzing,stateful",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--generation-database=none",
        "--warnings=off",
        f"--header=Authorization: Bearer {api.token_of('administrator')}",
    ]
    if seconds is not None:
        words.append(f"--max-time={seconds}")
    answer = subprocess.run(
        words,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS * 2,
        stdin=subprocess.DEVNULL,
    )
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_that_is_asked_breaks_the_description(api: Api, tmp_path: Path) -> None:
    assert ask_everything(api, tmp_path, examples=8, seed=1) == ""


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, 3])
def test_nothing_breaks_it_for_minutes(api: Api, tmp_path: Path, seed: int) -> None:
    assert ask_everything(api, tmp_path, examples=1000, seed=seed, seconds=SECONDS) == ""
