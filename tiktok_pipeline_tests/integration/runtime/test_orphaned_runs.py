"""Runs that a crash left behind are failed; a run that may be alive somewhere else is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.defs.maintenance.orphaned_runs import OWNER_TAG, fail_orphaned_runs
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.dagster import DagsterHere, dagster_beside, dagster_in_charge
from tiktok_pipeline.runtime.dagster_storage import INSTANCE_LOCK, dagster_storage
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import psycopg2_url
from tiktok_pipeline_tests.conftest import database

STATUS = dg.DagsterRunStatus


@dg.job
def nothing() -> None: ...


@pytest.mark.parametrize("status", [STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING])
def test_a_run_under_way_when_the_machine_died_is_failed_and_says_so(status: STATUS) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, status=status)
        assert fail_orphaned_runs(instance) == 1
        failed = instance.get_run_by_id(run.run_id)
        assert failed is not None
        assert failed.status == STATUS.FAILURE
        [event] = [record for record in instance.all_logs(run.run_id) if record.dagster_event]
        assert "orphaned" in (event.dagster_event.message or "" if event.dagster_event else "")


@pytest.mark.parametrize("status", [STATUS.NOT_STARTED, STATUS.SUCCESS, STATUS.FAILURE, STATUS.CANCELED])
def test_a_run_that_waits_or_has_ended_is_left_alone(status: STATUS) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, status=status)
        assert fail_orphaned_runs(instance) == 0
        left = instance.get_run_by_id(run.run_id)
        assert left is not None
        assert left.status == status


def test_for_an_owner_only_what_a_command_of_that_owner_began_is_failed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        def started(tags: dict[str, str], parent: str | None = None) -> str:
            return instance.create_run_for_job(
                nothing, status=STATUS.STARTED, tags=tags, parent_run_id=parent, root_run_id=parent
            ).run_id

        mine = started({OWNER_TAG: "here:/data folder"})
        theirs = started({OWNER_TAG: "there:/data folder"})
        nobodys = started({})
        again_in_the_ui = started({OWNER_TAG: "here:/data folder"}, parent=mine)
        assert fail_orphaned_runs(instance, "here:/data folder") == 1
        assert {run.run_id: run.status for run in instance.get_runs()} == {
            mine: STATUS.FAILURE,
            theirs: STATUS.STARTED,
            nobodys: STATUS.STARTED,
            again_in_the_ui: STATUS.STARTED,
        }


@pytest.fixture
def storage_url(server_url: str) -> Iterator[str]:
    """An empty database for Dagster's storage."""
    with database(server_url, "dagster") as url:
        yield url


def locked(url: str) -> bool:
    """Whether somebody new could not enter the storage now."""
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        found = connection.execute("select pg_try_advisory_lock_shared(%s)", (INSTANCE_LOCK,)).fetchone()
    return found == (False,)


def test_who_uses_a_storage_keeps_others_from_being_alone_there_until_it_ends(storage_url: str) -> None:
    with dagster_storage(storage_url, "DATABASE_URL") as first, dagster_storage(storage_url, "X") as second:
        with first.alone() as alone:
            assert alone
            assert locked(storage_url)
        assert not locked(storage_url)
        with second.alone() as alone:
            assert not alone
    with dagster_storage(storage_url, "X") as runs, dagster_storage(storage_url, "X") as serves:
        runs.enter()
        with serves.alone() as alone:
            assert not alone
    with dagster_storage(storage_url, "X") as third, third.alone() as alone:
        assert alone


def test_a_storage_that_is_away_is_one_line_with_its_variable_and_without_its_password() -> None:
    url = "postgresql://me@127.0.0.1:9/gone?password=hunter2"
    with pytest.raises(PipelineError) as refusal, dagster_storage(url, "DAGSTER_POSTGRES_URL"):
        pass
    message = str(refusal.value)
    assert message.startswith("Dagster's database gone on 127.0.0.1: ")
    assert "Check DAGSTER_POSTGRES_URL" in message
    assert "hunter2" not in message
    assert "\n" not in message


def test_a_run_of_another_machine_is_failed_only_by_who_serves_alone(
    storage_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.model_validate(
        {"database_url": storage_url, "dagster_postgres_url": storage_url, "data_dir": tmp_path}
    )
    folder = DataFolder(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/dagster.yaml").write_text(
        f"storage: {{postgres: {{postgres_url: '{psycopg2_url(storage_url)}'}}}}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:

        def started(owner: str) -> str:
            tags = {OWNER_TAG: owner}
            return instance.create_run_for_job(nothing, status=STATUS.STARTED, tags=tags).run_id

        def status(run_id: str) -> STATUS:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            return run.status

        mine, theirs = started(DagsterHere(folder, {}).owner), started("elsewhere:/data")
        with dagster_beside(settings, folder, storage_url) as dagster:
            dagster.wait_until_prepared()
            assert (status(mine), status(theirs)) == (STATUS.FAILURE, STATUS.STARTED)
            mine = started(dagster.owner)
            capfd.readouterr()
            with dagster_in_charge(settings, folder, storage_url):
                assert (status(mine), status(theirs)) == (STATUS.FAILURE, STATUS.STARTED)
            said = capfd.readouterr().err
            assert said.count("\n") == 1
            assert f"database {make_url(storage_url).database} on " in said
            assert "another tiktok-pipeline" in said
        with dagster_in_charge(settings, folder, storage_url):
            assert status(theirs) == STATUS.FAILURE
            assert not locked(storage_url)
        assert capfd.readouterr().err == ""
