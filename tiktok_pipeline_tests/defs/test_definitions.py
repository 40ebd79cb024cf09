"""The graph as it is meant to be, loaded as users load it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from hatchling.build import build_wheel

from tiktok_pipeline.definitions import defs
from tiktok_pipeline.defs.resources import TikTokResource, TokenVaultResource, WarehouseResource
from tiktok_pipeline.project_files import project_file

ROOT = Path(__file__).parents[2]
SHOW = """
import json, sys
import tiktok_pipeline
from tiktok_pipeline.definitions import defs
from tiktok_pipeline.project_files import project_file, sql
graph = defs().get_repository_def().asset_graph
print(tiktok_pipeline.__file__)
print(len(sql("capture/plan")), project_file("dagster.yaml"), project_file("sql/migrations"))
print(sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
"""
KEYS = (
    "['capture/manifest', 'capture/user_info', 'capture/video_list', 'hub/store_accounts', 'maintenance/event_log', "
    "'maintenance/old_rows', 'maintenance/verified_history', 'reporting/account_daily', 'reporting/digest', "
    "'reporting/video_daily', 'reporting/viral_videos', "
    "'snapshots/account_day_verdict', 'snapshots/counter_fall', 'snapshots/tiktok_user_daily', "
    "'snapshots/tiktok_video_daily', 'snapshots/video_change']"
)


def graph() -> dg.AssetGraph:
    return defs().get_repository_def().asset_graph  # type: ignore[no-any-return, attr-defined, unused-ignore]


def load(folder: Path, **environment: str) -> list[str]:
    """Load the definitions in a fresh interpreter, from another folder, with hardly any environment."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHOW],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def test_definitions_load_in_a_fresh_interpreter_without_any_setting(tmp_path: Path) -> None:
    assert load(tmp_path)[-1] == KEYS


def test_definitions_load_from_a_built_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    wheel = tmp_path / build_wheel(str(tmp_path))
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    module, files, keys = load(tmp_path, PYTHONPATH=str(installed))
    assert Path(module).is_relative_to(installed)
    assert files.count(str(installed)) == 2
    assert keys == KEYS


def test_every_partitioned_asset_takes_a_whole_range_in_one_run() -> None:
    for key in graph().materializable_asset_keys:
        if graph().get(key).is_partitioned:
            assert graph().get(key).backfill_policy == dg.BackfillPolicy.single_run(), key


def test_every_asset_is_described_owned_and_grouped_by_its_schema() -> None:
    for key in graph().get_all_asset_keys():
        node = graph().get(key)
        assert node.description, key
        assert node.owners == ["team:data"], key
        assert node.group_name == key.path[0], key
        assert "postgres" in node.kinds, key


def test_lineage_leads_from_the_accounts_to_the_snapshots() -> None:
    for endpoint, table in (("user_info", "tiktok_user_daily"), ("video_list", "tiktok_video_daily")):
        capture = dg.AssetKey(["capture", endpoint])
        assert graph().get(dg.AssetKey(["snapshots", table])).parent_keys == {capture}
        assert graph().get(capture).parent_keys == {dg.AssetKey(["hub", "store_accounts"])}


def test_a_dead_run_ends_at_the_latest_after_four_hours_and_its_pool_is_free_soon_after() -> None:
    instance = yaml.safe_load(project_file("dagster.yaml").read_text())
    assert instance["run_monitoring"] == {
        "enabled": True,
        "poll_interval_seconds": 30,
        "start_timeout_seconds": 180,
        "max_runtime_seconds": 4 * 3600,
        "free_slots_after_run_end_seconds": 60,
    }
    assert instance["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}


def test_no_check_blocks_and_capture_shares_a_pool() -> None:
    assert dg.AssetCheckKey(dg.AssetKey(["capture", "manifest"]), "unedited") in graph().asset_check_keys
    for check in graph().asset_check_keys:
        assert not graph().get(check).blocking
    for endpoint in ("user_info", "video_list"):
        assert graph().get(dg.AssetKey(["capture", endpoint])).pools == {"tiktok_api"}


SNAPSHOT = """
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from tiktok_pipeline.definitions import defs
print(serialize_value(RepositorySnap.from_def(defs().get_repository_def())))
"""


def test_a_resource_does_not_show_its_secrets() -> None:
    shown = repr(
        [
            WarehouseResource(database_url="postgresql://u:canary@localhost/d"),
            TokenVaultResource(
                database_url="postgresql://u:canary@localhost/d",
                keys_file="k",
                environment="test",
                spool_folder="s",
            ),
            TikTokResource(
                base_url="http://x", client_key="k", client_secret="canary", requests_per_minute=1
            ),
        ]
    )
    assert "canary" not in shown


def test_what_dagster_stores_of_the_definitions_names_secrets_and_holds_none(tmp_path: Path) -> None:
    secrets = {name: f"canary-{name}" for name in ("TIKTOK_CLIENT_SECRET", "TIKTOK_CLIENT_KEY")}
    secrets["DATABASE_URL"] = "postgresql://somebody:canary-password@localhost/tiktok"
    stored = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SNAPSHOT],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **secrets},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "canary" not in stored
    for variable in secrets:
        assert variable in stored


def test_only_defs_imports_dagster() -> None:
    loads = "import sys, tiktok_pipeline.cli, tiktok_pipeline.capture.days; print('dagster' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", loads], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "False"


def test_the_sensor_runs_from_the_start_and_asks_for_the_daily_job() -> None:
    repository = defs().get_repository_def()
    sensor = repository.get_sensor_def("reconnect")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
    assert [target.job_name for target in sensor.targets] == ["daily"]
    assert sensor.required_resource_keys == {"warehouse", "links"}


def test_the_sensors_that_tell_people_run_from_the_start_and_launch_nothing() -> None:
    sensors = {sensor.name: sensor for sensor in defs().get_repository_def().sensor_defs}
    assert set(sensors) == {"reconnect", "alerts", "events", "run_failures", "incidents", "sync_jobs"}
    for name in ("alerts", "events", "run_failures"):
        assert sensors[name].default_status == dg.DefaultSensorStatus.RUNNING
        assert sensors[name].minimum_interval_seconds == 30
        assert sensors[name].targets == []
        assert sensors[name].required_resource_keys == {"warehouse"}


def test_what_sends_messages_and_draws_charts_is_not_imported_with_the_definitions(tmp_path: Path) -> None:
    loads = (
        "import sys; from tiktok_pipeline.definitions import defs; defs(); "
        "print({'apprise', 'altair', 'vl_convert', 'redis', 'pika'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", loads],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ALERT_URLS": "json://localhost",
            "REDIS_URL": "redis://h",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout.strip() == "set()"
