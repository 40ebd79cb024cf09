"""Migrations do not stop the pipeline: they wait for a moment only, and what is written meanwhile is written."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse import migrations
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import Limits, MigrationStopped, migrate, pending
from tiktok_pipeline_tests.building import add_account, rows

NEXT = """
-- depends: {last}
alter table hub.stores add column motto text;
"""
SLOW = """
-- depends: {last}
create table hub.half (a int);
select pg_sleep(120);
"""


@pytest.fixture
def coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the migrations that there are, where a test may put one more: `coming / "9999.next.sql"`."""
    for file in project_file("sql/migrations").glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setattr(migrations, "project_file", lambda _: tmp_path)
    return tmp_path


def put(folder: Path, text: str) -> None:
    last = sorted(file.stem for file in folder.glob("*.sql"))[-1]
    (folder / "9999.next.sql").write_text(text.format(last=last))


def test_a_migration_lets_others_pass_while_a_reader_holds_its_table_and_is_applied_afterwards(
    warehouse: Warehouse, database_url: str, coming: Path
) -> None:
    add_account(warehouse)
    put(coming, NEXT)
    waited: list[float] = []
    applied: list[list[str]] = []
    reader = psycopg.connect(make_url(database_url).set(drivername="postgresql").render_as_string(False))
    reader.execute("select count(*) from hub.stores")  # a BI tool that left its transaction open
    migrating = threading.Thread(
        target=lambda: applied.append(migrate(Warehouse(database_url), Limits(lock_seconds=0.3)))
    )
    migrating.start()
    ends = time.monotonic() + 4
    while time.monotonic() < ends:
        began = time.monotonic()
        rows(warehouse, "update hub.stores set pic_name = 'Budi'")
        waited.append(time.monotonic() - began)
        time.sleep(0.02)
    assert migrating.is_alive()
    reader.close()
    migrating.join(timeout=30)
    assert applied == [["9999.next"]]
    assert rows(warehouse, "select motto, pic_name from hub.stores") == [{"motto": None, "pic_name": "Budi"}]
    assert 0.1 < max(waited) < 1.5  # it did wait behind the migration, for about as long as that waited
    assert len(waited) > 20


def test_a_migration_that_gets_no_lock_says_who_holds_it_and_leaves_all_as_it_was(
    warehouse: Warehouse, database_url: str, coming: Path
) -> None:
    put(coming, NEXT)
    url = (
        make_url(database_url)
        .set(drivername="postgresql")
        .update_query_dict({"application_name": "metabase"})
    )
    with psycopg.connect(url.render_as_string(False)) as reader:
        reader.execute("select count(*) from hub.stores")
        with pytest.raises(MigrationStopped) as stopped:
            migrate(warehouse, Limits(lock_seconds=0.1, lock_tries=2))
    assert "9999.next: 2 times, another session held a table of it for more than 0.1 s" in str(stopped.value)
    assert "(metabase, user" in str(stopped.value)
    assert pending(warehouse) == ["9999.next"]
    assert migrate(warehouse) == ["9999.next"]


def test_a_migration_that_takes_too_long_is_undone_whole(warehouse: Warehouse, coming: Path) -> None:
    put(coming, SLOW)
    with pytest.raises(MigrationStopped, match=r"9999\.next: a statement took more than 0\.01 min"):
        migrate(warehouse, Limits(statement_minutes=0.01))
    assert rows(warehouse, "select to_regclass('hub.half') as half") == [{"half": None}]
    assert pending(warehouse) == ["9999.next"]
