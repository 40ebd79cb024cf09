"""The workflow for a public forge: actions are pinned to commits, and jobs may do nothing but read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml  # type: ignore[import-untyped, unused-ignore]

from tiktok_pipeline.project_files import project_file

WORKFLOW = project_file(".github/workflows/ci.yml")


def test_the_workflow_linter_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).parent / "zizmor")
    done = subprocess.run([zizmor, "--offline", str(WORKFLOW)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_commits_and_jobs_only_read() -> None:
    text = WORKFLOW.read_text("utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used), used
    document = yaml.safe_load(text)
    assert document["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in document["jobs"].values())
    assert "secrets." not in text


def test_what_the_workflow_makes_is_in_the_makefile() -> None:
    makefile = project_file("Makefile").read_text("utf-8")
    for target in re.findall(r"run: make (\w+)", WORKFLOW.read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
