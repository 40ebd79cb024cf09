"""What the source said is what the snapshots say, wherever it comes from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import USERS, VIDEOS
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.integration.importing.conftest import Importer
from tiktok_pipeline_tests.integration.importing.hub import CANARY, FIRST, Hub, made_hub

USER_COLUMNS = [
    "store_code", "open_id", "snapshot_date", "display_name", "avatar_url",
    "follower_count", "following_count", "likes_count", "video_count",
]  # fmt: skip
VIDEO_COLUMNS = [
    "store_code", "video_id", "snapshot_date", "description", "cover_image_url", "share_url", "create_time",
    "view_count", "like_count", "comment_count", "share_count",
]  # fmt: skip


def frame(records: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Rows as exact objects, in one order."""
    made = pd.DataFrame([{name: row[name] for name in columns} for row in records], dtype=object)
    return made.sort_values(columns[:3]).reset_index(drop=True)


def assert_snapshots_are(warehouse: Warehouse, hub: Hub, days: int) -> None:
    last = FIRST + dt.timedelta(days=days)
    for table, columns in ((USERS, USER_COLUMNS), (VIDEOS, VIDEO_COLUMNS)):
        derive(warehouse, table, FIRST, last)
        found = rows(warehouse, f"select * from {table}")
        name = table.removeprefix("snapshots.")
        pd.testing.assert_frame_equal(frame(found, columns), frame(hub.tables[name], columns))
        assert {row["source"] for row in found} == {"import"}
        seen = {(row["store_code"], row["snapshot_date"]): row["created_at"] for row in hub.tables[name]}
        assert all(row["observed_at"] == seen[row["store_code"], row["snapshot_date"]] for row in found)


def written(hub: Hub, kind: str, folder: Path, url: str) -> str | Path:
    """The hub as a source of that kind; in a database, in the schema `old`."""
    if kind == "database":
        return hub.to_database(url, "old")
    if kind == "parquet":
        return hub.to_parquet(folder)
    if kind == "csv from Excel":
        return hub.to_csv(folder, encoding="utf-8-sig", end="\r\n")
    return hub.to_csv(folder)


@pytest.mark.parametrize("kind", ["csv", "csv from Excel", "parquet", "database"])
def test_snapshots_equal_the_source(
    warehouse: Warehouse, take: Importer, tmp_path: Path, server_url: str, kind: str
) -> None:
    hub = made_hub(seed=len(kind))
    with database(server_url, "hub") as url:
        source = written(hub, kind, tmp_path / "hub", url)
        rehearsed = take(source, schema="old", dry_run=True)
        assert not rows(warehouse, "select from hub.stores union all select from capture.account_day")
        outcome = take(source, schema="old")
    assert rehearsed == outcome
    counted = {name: table.imported for name, table in outcome.tables.items()}
    assert counted == {name: len(records) for name, records in hub.tables.items()}
    assert (outcome.total("refused"), outcome.total("there"), outcome.total("identical")) == (0, 0, 0)
    assert_snapshots_are(warehouse, hub, days=5)


def test_accounts_arrive_to_be_reconnected_without_the_hubs_tokens(
    warehouse: Warehouse, take: Importer, tmp_path: Path, server_url: str
) -> None:
    hub = made_hub(stores=1, days=1, videos=1)
    with database(server_url, "hub") as url:
        outcome = take(hub.to_database(url))
    [account] = list_accounts(warehouse)
    assert (account.status, account.open_id, account.client_key) == ("NEED_RECONNECT", "-000open0", "key")
    assert account.status_reason
    assert "connect it again" in account.status_reason
    assert account.connected_at == hub.tables["store_accounts"][0]["connected_at"]
    [known] = rows(
        warehouse, "select ops.now() - known_since < interval '1 minute' as now from hub.store_accounts"
    )
    assert known["now"]
    assert outcome.tables["store_accounts"].ignored == ("encrypted_access_token",)
    for table in ("hub.store_accounts", "capture.imported"):
        assert CANARY not in str(rows(warehouse, f"select t::text from {table} as t"))


def test_what_is_there_is_never_overwritten(warehouse: Warehouse, take: Importer, tmp_path: Path) -> None:
    take(made_hub(seed=1, stores=2).to_csv(tmp_path / "hub"))
    held = "select * from capture.imported order by account_id, endpoint, day, item_id"
    people = (
        "select s.*, a.* from hub.stores as s join hub.store_accounts as a using (store_code) order by a.id"
    )
    before = rows(warehouse, held), rows(warehouse, people)
    changed = made_hub(seed=2, stores=2)
    for row in changed.tables["stores"]:
        row["store_name"] = "Another name"
    for row in changed.tables["store_accounts"]:
        row["connected_at"] = FIRST
    outcome = take(changed.to_csv(tmp_path / "hub"))
    assert (rows(warehouse, held), rows(warehouse, people)) == before
    assert (outcome.total("imported"), outcome.total("there")) == (0, 2 + 2 + 2 * 5 + 2 * 5 * 8)


def test_a_database_that_goes_away_in_the_middle_is_one_line_and_the_import_goes_on_later(
    warehouse: Warehouse, take: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktok_pipeline.importing.history.ROWS_PER_BATCH", 1)  # a batch per day
    source = made_hub(stores=1).to_csv(tmp_path / "hub")

    def cut(what: str, done: int, total: int) -> None:
        if what == "imported" and done > total / 2:
            others = "datname = current_database() and pid <> pg_backend_pid()"
            rows(warehouse, f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")

    with pytest.raises(PipelineError, match="Start the import again: it goes on where it was"):
        take(source, progress=cut)
    outcome = take(source)
    assert (outcome.total("imported"), outcome.total("there")) == (2 * 9, 1 + 1 + 3 * 9)
    assert_snapshots_are(warehouse, made_hub(stores=1), days=5)


def test_a_database_that_cannot_be_read_is_named_without_its_password(
    take: Importer, server_url: str, tmp_path: Path
) -> None:
    away = "postgresql://me:hunter2@127.0.0.1:9/hub"
    with pytest.raises(Exception, match=r"database hub on 127\.0\.0\.1: .*refused") as told:
        take(away)
    assert "hunter2" not in str(told.value)
    with database(server_url, "hub") as url:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with pytest.raises(Exception, match="schema public has no stores, store_accounts"):
            take(plain)
