"""The real definitions on an ephemeral instance, with the real warehouse and a sandbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tiktok_pipeline.definitions import defs
from tiktok_pipeline.defs.resources import TikTokResource, TokenVaultResource, WarehouseResource
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline


class Runner:
    """Runs the daily job and reads what Dagster then knows."""

    def __init__(self, instance: dg.DagsterInstance, resources: dict[str, Any]) -> None:
        self.instance = instance
        self.resources = resources
        self.job = defs().resolve_job_def("daily")  # type: ignore[attr-defined, unused-ignore]

    def run(
        self, first: dt.date, last: dt.date | None = None, *, force: bool = False
    ) -> dg.ExecuteInProcessResult:
        """Run one date, or a range as one run."""
        tags = {}
        if last:
            tags = {
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last),
            }
        ops = {
            f"capture__{endpoint}": {"config": {"force": force}} for endpoint in ("user_info", "video_list")
        }
        return self.job.execute_in_process(
            partition_key=None if last else str(first),
            tags=tags,
            instance=self.instance,
            resources=self.resources,
            run_config={"ops": ops},
        )

    def materialized(self, *key: str) -> set[str]:
        """The partitions of an asset that have been materialized."""
        return set(self.instance.get_materialized_partitions(dg.AssetKey(list(key))))

    def metadata(self, *key: str, date: dt.date) -> dict[str, Any]:
        """Metadata of the latest materialization of a partition."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(list(key)), asset_partitions=[str(date)]), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization
        return {name: value.value for name, value in materialization.metadata.items()}

    def verdicts(self, *key: str, name: str = "complete") -> dict[str, bool]:
        """The latest verdict of a check for every date that has one."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey(list(key)), name), limit=1000
        )
        found: dict[str, bool] = {}
        for record in sorted(records, key=lambda record: record.id):
            evaluation = record.event.asset_check_evaluation if record.event else None
            if evaluation and evaluation.partition:
                found[evaluation.partition] = evaluation.passed
        return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """One sandbox for the tests of a file."""
    with SandboxProcess(accounts=5, videos=25, even=True, limit=0) as running:
        yield running


@pytest.fixture
def pipeline(warehouse: Warehouse, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Pipeline]:
    """Three connected accounts."""
    sandbox.clear_faults()
    pipeline = Pipeline(warehouse, sandbox, tmp_path / "keys.json")
    pipeline.connect(3)
    sandbox.reset_requests()
    yield pipeline
    sandbox.clear_faults()


@pytest.fixture
def runner(pipeline: Pipeline, database_url: str, tmp_path: Path) -> Iterator[Runner]:
    """The daily job, ready to run on what `pipeline` has connected."""
    resources = {
        "warehouse": WarehouseResource(database_url=database_url),
        "token_vault": TokenVaultResource(
            database_url=database_url,
            keys_file=str(tmp_path / "keys.json"),
            environment="test",
            spool_folder=str(tmp_path / "spool"),
        ),
        "tiktok": TikTokResource(
            base_url=pipeline.sandbox.base_url,
            client_key=pipeline.sandbox.client_key,
            client_secret=pipeline.sandbox.client_secret,
            requests_per_minute=600,
        ),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runner(instance, resources)
