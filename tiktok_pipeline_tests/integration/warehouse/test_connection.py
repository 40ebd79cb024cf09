"""Connecting: what passes by itself is waited for, what does not is said at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.capture.ledger import patiently
from tiktok_pipeline.warehouse import connection
from tiktok_pipeline.warehouse.connection import DatabaseRefused, DatabaseUnavailable, Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline_tests.building import rows

TODAY = {"zone": "UTC"}


def test_a_database_that_does_not_exist_is_refused_at_once(server_url: str) -> None:
    warehouse = Warehouse(make_url(server_url).set(database="nowhere").render_as_string(hide_password=False))
    began = time.monotonic()
    with pytest.raises(DatabaseRefused, match="nowhere"):
        patiently(lambda: warehouse.execute("capture/today", TODAY))
    assert time.monotonic() - began < 5


def test_a_server_that_is_away_is_unavailable_and_no_password_is_shown() -> None:
    warehouse = Warehouse("postgresql://somebody:hunter2@127.0.0.1:9/tiktok")
    with pytest.raises(DatabaseUnavailable) as unavailable:
        warehouse.execute("capture/today", TODAY)
    assert "hunter2" not in str(unavailable.value)


def test_work_goes_on_after_the_server_has_restarted(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "pg") as server:
        warehouse = Warehouse(server.url("postgres"))
        assert rows(warehouse, "select 1 as alive") == [{"alive": 1}]
        server.stop()
        server.start()
        assert patiently(lambda: rows(warehouse, "select 2 as alive")) == [{"alive": 2}]
        rows(warehouse, "select 3")
        killed = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        other = Warehouse(server.url("postgres"))
        rows(other, killed)
        other.close()
        assert patiently(lambda: rows(warehouse, "select 4 as alive")) == [{"alive": 4}]
        warehouse.close()


def test_a_pool_without_a_free_connection_is_like_a_database_that_is_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "POOL_SIZE", 1)
    monkeypatch.setattr(connection, "POOL_WAIT_SECONDS", 0.1)
    warehouse = Warehouse(database_url)
    with (
        warehouse.transaction(),
        pytest.raises(DatabaseUnavailable, match="connections of this process are in use"),
    ):
        warehouse.execute("capture/today", TODAY)
    warehouse.close()


def test_the_setting_to_check_is_the_one_that_was_used() -> None:
    vault = Warehouse("postgresql://vault:hunter2@127.0.0.1:9/tiktok", named="VAULT_DATABASE_URL")
    with pytest.raises(DatabaseUnavailable, match="Check VAULT_DATABASE_URL"):
        vault.execute("capture/today", TODAY)


def test_a_failed_block_leaves_nothing_behind_and_the_connection_usable(warehouse: Warehouse) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(warehouse)
    assert rows(warehouse, "select to_regclass('left_behind') as found") == [{"found": None}]


def _fail_half_way(warehouse: Warehouse) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute("create table left_behind (n integer)")
        raise ZeroDivisionError
