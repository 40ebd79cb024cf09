"""A pipeline against a sandbox of a few small accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[SandboxProcess]:
    """One sandbox for the tests of a file."""
    with SandboxProcess(accounts=20, videos=45, even=True, limit=0, counter_step_seconds=86_400) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The sandbox without faults and with nothing counted."""
    running_sandbox.clear_faults()
    running_sandbox.set_clock()
    running_sandbox.reset_requests()
    yield running_sandbox
    running_sandbox.clear_faults()
    running_sandbox.set_clock()


@pytest.fixture
def pipeline(warehouse: Warehouse, sandbox: SandboxProcess, tmp_path: Path) -> Pipeline:
    """A pipeline with nothing connected yet."""
    return Pipeline(warehouse, sandbox, tmp_path / "keys.json")
