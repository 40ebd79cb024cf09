"""The restore drill, on a database with captured days: what is restored is what was dumped, and a lie is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history import drill as module
from tiktok_pipeline.history.drill import drill
from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline

ACCOUNTS = 3


@pytest.fixture
def captured(warehouse: Warehouse, tmp_path: Path) -> Iterator[Pipeline]:
    with SandboxProcess(accounts=ACCOUNTS, videos=30, even=True, limit=0) as sandbox:
        pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
        pipeline.connect(ACCOUNTS)
        pipeline.capture("user_info")
        pipeline.capture("video_list")
        pipeline.snapshot()
        yield pipeline


@pytest.mark.slow
def test_what_is_restored_is_what_was_dumped_and_its_tokens_open(
    captured: Pipeline, database_url: str, tmp_path: Path
) -> None:
    found = drill(libpq_url(database_url), tmp_path / "keys.json", "test", tmp_path / "room")
    assert found.problems == []
    assert found.tokens == 2 * ACCOUNTS  # a pair each
    assert found.rows > 30 * ACCOUNTS
    assert found.tables > 40


@pytest.mark.slow
def test_a_ring_that_is_not_the_one_and_a_table_that_changed_on_the_way_are_named(
    captured: Pipeline, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module._sums
    seen: list[int] = []

    def changed_before_the_second_look(connection: psycopg.Connection[Any]) -> module.Sums:
        if seen:
            connection.execute("delete from snapshots.tiktok_video_daily where view_count >= 0")
        seen.append(1)
        return honest(connection)

    monkeypatch.setattr(module, "_sums", changed_before_the_second_look)
    make_key_ring(tmp_path / "another.json")
    found = drill(libpq_url(database_url), tmp_path / "another.json", "test", tmp_path / "room")
    assert any(
        "snapshots.tiktok_video_daily" in problem and "90 rows were dumped" in problem
        for problem in found.problems
    )
    assert any("key" in problem for problem in found.problems)
    assert rows(captured.warehouse, "select count(*) as n from snapshots.tiktok_video_daily") == [{"n": 90}]


def test_a_database_that_cannot_be_dumped_is_one_sentence(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"^pg_dump: "):
        module._run("pg_dump", f"--file={tmp_path / 'dump'}", "--table=no.such", libpq_url(database_url))
