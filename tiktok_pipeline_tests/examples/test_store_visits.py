"""The example of a second source: installed as its README says it is found, and it does what it says."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_store, rows

EXAMPLE = project_file("examples/store_visits/store_visits.py")
NAMES = {"gap", "dagster/partition_row_count", "unknown_stores"}
TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
FOUND = """
from tiktok_pipeline.definitions import defs
found = defs().resolve_asset_graph().get_all_asset_keys()
print(sorted(key.to_user_string() for key in found if key.path[0] == "visits"))
"""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, reading files of `tmp_path`."""
    monkeypatch.setenv("DOOR_COUNTERS", str(tmp_path))
    spec = importlib.util.spec_from_file_location("store_visits", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_under_sixty_lines() -> None:
    assert len(EXAMPLE.read_text("utf-8").splitlines()) < 60


def test_a_day_is_saved_as_a_whole_and_a_day_without_a_file_is_a_gap(
    example: ModuleType, warehouse: Warehouse, database_url: str, tmp_path: Path
) -> None:
    for code in ("jakarta_01", "jakarta_02"):
        add_store(warehouse, code)
    (tmp_path / f"{TODAY}.csv").write_text("store_code,visitors\njakarta_01,120\njakarta_02,80\nmoon_01,7\n")
    with dg.DagsterInstance.ephemeral() as instance:
        made = _materialize(example, database_url, instance)
        assert made == {
            str(YESTERDAY): {"gap"},
            str(TODAY): {"dagster/partition_row_count", "unknown_stores"},
        }
        assert _held(warehouse) == {"jakarta_01": 120, "jakarta_02": 80}
        (tmp_path / f"{TODAY}.csv").write_text("store_code,visitors\njakarta_01,121\n")
        _materialize(example, database_url, instance)
        assert _held(warehouse) == {"jakarta_01": 121}


@pytest.mark.slow
def test_put_where_the_readme_says_it_is_found(tmp_path: Path) -> None:
    shutil.copytree(project_file("tiktok_pipeline"), tmp_path / "tiktok_pipeline")
    for name in ("sql", "dagster.yaml", "workspace.yaml"):
        (tmp_path / name).symlink_to(project_file(name))
    there = tmp_path / "tiktok_pipeline/defs/visits"
    there.mkdir()
    for file in EXAMPLE.parent.glob("store_visits.*"):
        shutil.copy(file, there)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FOUND],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "['visits/store_visits']\n", done.stderr


def _materialize(example: ModuleType, url: str, instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """Both days in one run; which metadata each date got."""
    result = dg.materialize(
        [example.store_visits],
        instance=instance,
        resources={"warehouse": WarehouseResource(database_url=url)},
        tags={
            "dagster/asset_partition_range_start": str(YESTERDAY),
            "dagster/asset_partition_range_end": str(TODAY),
        },
    )
    made = [
        event.step_materialization_data.materialization for event in result.get_asset_materialization_events()
    ]
    return {str(one.partition): set(one.metadata) & NAMES for one in made}


def _held(warehouse: Warehouse) -> dict[str, int]:
    found = rows(
        warehouse, "select store_code, visitors from visits.store_visits where snapshot_date = %s", TODAY
    )
    return {row["store_code"]: row["visitors"] for row in found}
