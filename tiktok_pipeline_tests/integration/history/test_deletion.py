"""Deleting a store shows in the chain of closed days, hides nothing, and leaves everything else verifiable."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history import deletion
from tiktok_pipeline.history.archive import compare_again, drop_month, write_month
from tiktok_pipeline.history.chain import first_break, read_chain
from tiktok_pipeline.history.deletion import Deleted, StoreInUse, delete_store
from tiktok_pipeline.history.manifest import CHAIN_LOCK, append, hold_chain
from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.capturing import USERS, VIDEOS
from tiktok_pipeline_tests.integration.history.conftest import DAYS, JANUARY, Past
from tiktok_pipeline_tests.integration.history.test_manifest import edit, import_videos
from tiktok_pipeline_tests.integration.warehouse.test_roles import As, log_in

__all__ = ["log_in"]

MONTH = dt.date(2026, 1, 1)


def delete(past: Past, store: str = "store_0") -> Deleted:
    return delete_store(past.warehouse, store, "cli")


def left(past: Past) -> list[int]:
    """The accounts of which something is left."""
    tables = ("capture.account_day", "capture.page", "capture.imported", "snapshots.tiktok_user_daily")
    union = " union ".join(f"select account_id from {table}" for table in tables)
    return [row["account_id"] for row in rows(past.warehouse, f"select * from ({union}) as t order by 1")]


def test_a_deletion_is_a_further_entry_of_each_day_it_touches(past: Past) -> None:
    before = past.manifest().entries
    assert delete(past) == Deleted(accounts=1, days=5)
    assert left(past) == [past.accounts[1]]
    added = read_chain(past.warehouse)[5:]
    assert [(entry.day, entry.revision, entry.reason) for entry in added] == [
        (day, 2, "deleted") for day in DAYS
    ]
    assert [entry.content.deleted for entry in added] == [2] * 5
    assert added[0].content.pages_hash == before[0].content.pages_hash
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert (verdict.days, verdict.pages, verdict.deleted) == (5, 20, 10)
    assert past.manifest().entries == []


def test_it_is_noted_who_deleted_what(past: Past) -> None:
    past.manifest()
    delete(past)
    [noted] = rows(past.warehouse, "select * from ops.deletion_log")
    assert (noted["store_code"], noted["account_ids"], noted["actor"]) == (
        "store_0",
        past.accounts[:1],
        "cli",
    )
    for table in ("ops.deletion_log", "capture.deleted_account_day"):
        with pytest.raises(psycopg.errors.CheckViolation):
            rows(past.warehouse, f"delete from {table}")


def test_a_delete_behind_our_back_is_found(past: Past) -> None:
    past.manifest()
    rows(past.warehouse, "delete from hub.stores where store_code = 'store_0'")
    verdict = verify(past.warehouse)
    assert list(verdict.edited) == DAYS
    assert "pages: 4 then, 2 now" in verdict.edited[DAYS[0]]


def test_hashes_kept_without_an_entry_do_not_pass_for_a_deletion(past: Past) -> None:
    past.manifest()
    with past.warehouse.transaction() as cursor:
        cursor.execute("create table chain as table capture.manifest")
    delete(past)
    with (
        past.warehouse.transaction() as cursor
    ):  # as if somebody had kept the hashes, and nobody had chained them
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("delete from capture.manifest where reason = 'deleted'")
    assert list(verify(past.warehouse).edited) == DAYS


def test_what_an_entry_says_of_a_deletion_is_in_its_head(past: Past) -> None:
    past.manifest()
    delete(past)
    edit(past.warehouse, "update capture.manifest set deleted = 1 where day = '2026-01-31' and revision = 2")
    broken = verify(past.warehouse).broken_at
    assert broken is not None
    assert (broken.day, broken.revision) == (JANUARY[-1], 2)


def test_an_edit_made_before_is_still_named_after_the_deletion(past: Past) -> None:
    past.manifest()
    edit(
        past.warehouse,
        "update capture.page set body = '{}' where day = '2026-01-31' and endpoint = 'video_list'"
        f" and account_id = {past.accounts[0]}",
    )
    delete(past)
    assert verify(past.warehouse).edited == {JANUARY[-1]: ["content of the pages"]}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update capture.page set body = '{}' where day = '2026-01-31' and endpoint = 'video_list'", "pages"),
        (
            "update capture.deleted_account_day set hash = sha256('') where day = '2026-01-31'"
            " and endpoint = 'user_info'",
            "what is left of deleted stores",
        ),
        (
            "update capture.deleted_account_day set deletion_id = 7 where day = '2026-01-31'"
            " and endpoint = 'user_info'",
            "what is left of deleted stores",
        ),
    ],
)
def test_an_edit_made_after_the_deletion_is_named(past: Past, statement: str, said: str) -> None:
    past.manifest()
    delete(past)
    edit(past.warehouse, statement)
    [differences] = verify(past.warehouse).edited.values()
    assert f"content of {said}" in " ".join(differences).replace("the pages", "pages")


@pytest.mark.parametrize(
    "statement",
    ["delete from ops.deletion_log", "update ops.deletion_log set account_ids = '{}'"],
)
def test_a_deletion_that_the_log_does_not_have_is_named(past: Past, statement: str) -> None:
    past.manifest()
    delete(past)
    edit(past.warehouse, statement)
    assert set(map(tuple, verify(past.warehouse).edited.values())) == {
        ("deletions that ops.deletion_log does not have",)
    }


def test_imports_are_kept_by_their_hashes_and_those_of_others_still_enter(past: Past) -> None:
    gap = add_account(past.warehouse, "-late", store="store_8", connected_at="2026-01-30T08:00:00Z")
    other = add_account(past.warehouse, "-later", store="store_9", connected_at="2026-01-30T08:00:00Z")
    past.manifest()
    captured, past.accounts[0] = past.accounts[0], gap
    import_videos(past, JANUARY[-1])
    past.manifest()
    import_videos(past, JANUARY[1])  # not in the chain yet
    past.accounts[0] = other
    import_videos(past, JANUARY[-1])  # nor this
    delete(past, "store_8")
    assert set(left(past)) == {captured, other, past.accounts[1]}
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert verdict.not_yet_in_chain == 4
    assert [(entry.day, entry.reason) for entry in past.manifest().entries] == [
        (JANUARY[1], "import"),
        (JANUARY[-1], "import"),
    ]
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert verdict.not_yet_in_chain == 0
    assert first_break(read_chain(past.warehouse)) is None
    delete(past, "store_9")
    assert verify(past.warehouse).sound
    assert verify(past.warehouse).imported_rows == 6


def test_days_that_are_not_in_the_chain_leave_nothing(past: Past) -> None:
    past.manifest(JANUARY[0])
    assert delete(past).days == 1
    assert len(rows(past.warehouse, "select * from capture.deleted_account_day")) == 2
    assert len(past.manifest().entries) == 4
    assert verify(past.warehouse).sound


def test_two_stores_deleted_one_after_the_other(past: Past) -> None:
    past.manifest()
    delete(past)
    delete(past, "store_1")
    assert left(past) == []
    latest = read_chain(past.warehouse)[-1]
    assert (latest.revision, latest.content.deleted) == (3, 4)
    assert verify(past.warehouse).sound
    with pytest.raises(PipelineError, match="there is none"):
        delete(past)


@pytest.mark.parametrize(
    "when", ["before the month is written", "before it is dropped", "after it is dropped"]
)
def test_archived_months_verify_and_are_rebuilt_without_the_store(
    past: Past, tmp_path: Path, when: str
) -> None:
    past.manifest()
    if when == "before the month is written":
        delete(past)
    month, _ = write_month(past.warehouse, str(tmp_path), MONTH)
    if when == "before it is dropped":
        delete(past)
    compare_again(past.warehouse, month)
    drop_month(past.warehouse, month)
    if when == "after it is dropped":
        delete(past)
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert verdict.pages == 20
    rows(past.warehouse, "delete from snapshots.tiktok_video_daily")
    made = {made.table: made.rows for made in rebuild(past.warehouse, DAYS[0], DAYS[-1])}
    assert (made[USERS], made[VIDEOS]) == (5, 15)
    assert verify(past.warehouse).sound


def test_who_waits_too_long_changes_nothing(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.manifest()
    monkeypatch.setattr(deletion, "LOCK_TIMEOUT", "50ms")
    with past.warehouse.transaction() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (CHAIN_LOCK,))
        with pytest.raises(StoreInUse, match="Try again"):
            delete(past)
    with past.warehouse.transaction() as cursor:
        cursor.execute("select from hub.store_accounts for key share")  # as an import holds it
        with pytest.raises(StoreInUse, match="Try again"):
            delete(past)
    assert len(left(past)) == 2
    assert rows(past.warehouse, "select * from ops.deletion_log") == []


def test_with_database_roles_the_portal_and_the_runs_may_delete(past: Past, log_in: As) -> None:
    runs, portal = log_in("pipeline"), log_in("portal")
    Past(runs).manifest()
    delete_store(portal, "store_0", "operator's session")
    delete_store(runs, "store_1", "cli")
    assert verify(runs).sound
    assert [row["reason"] for row in rows(past.warehouse, "select reason from capture.manifest")].count(
        "deleted"
    ) == 10


FORGED = (
    "insert into capture.manifest (position, day, revision, reason, account_days, captured, imported, gaps, items, pages,"
    " imported_rows, captured_hash, gaps_hash, pages_hash, imported_hash, head, written_at)"
)


@pytest.mark.parametrize(
    "statement",
    [
        f"{FORGED} select max(position) + 1, '2026-01-29', 2, 'gap', 0, 0, 0, 0, 0, 0, 0, '', '', '', '', 'deadbeef',"
        " now() from capture.manifest",
        "insert into capture.deleted_account_day select 'user_info', '2026-01-29', id, 7, 'gap', now(), null, 0,"
        " sha256(''), 0, '', 0, '' from hub.store_accounts limit 1",
        # Everything as it is, of a store that stays.
        "with l as (insert into ops.deletion_log (store_code, store_name, account_ids, actor, os_user, host)"
        " select 'store_0', '', array_agg(id), 'x', 'x', 'x' from hub.store_accounts returning id)"
        " select id from l",
    ],
)
def test_the_portal_adds_nothing_to_the_chain_but_deletions(past: Past, log_in: As, statement: str) -> None:
    past.manifest()
    portal = log_in("portal")

    def forge() -> None:
        with portal.transaction() as cursor:
            cursor.execute(statement.encode())
            if cursor.description:
                [logged] = cursor.fetchall()
                cursor.execute(
                    "insert into capture.deleted_account_day select endpoint, day, account_id, %s, state, planned_at,"
                    " finished_at, items, sha256(''), 0, '', 0, '' from capture.account_day where day = '2026-01-29'",
                    (logged["id"],),
                )

    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.InsufficientPrivilege)):
        forge()
    assert verify(past.warehouse).sound


def test_with_database_roles_the_portal_chains_no_gap_even_with_a_good_head(past: Past, log_in: As) -> None:
    past.manifest()
    portal = log_in("portal")

    def chain_gap() -> None:
        with portal.transaction() as cursor:
            chain = hold_chain(cursor)
            append(cursor, chain, "gap", chain[0].content, dt.datetime.now(dt.UTC), None)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may only note deletions"):
        chain_gap()
