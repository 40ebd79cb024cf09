"""The chain of closed days: honest changes are visible, others are named."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.chain import (
    DayContent,
    Reason,
    dishonest_revisions,
    first_break,
    latest_entries,
    next_entry,
    read_chain,
)
from tiktok_pipeline.history.content import days_now
from tiktok_pipeline.history.manifest import append, hold_chain, write_manifest
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, ledger, rows, video
from tiktok_pipeline_tests.integration.history.conftest import DAYS, ENDPOINTS, GRACE, Past

DAY = dt.timedelta(days=1)


def edit(warehouse: Warehouse, statement: str) -> None:
    """What whoever owns the server can do: no trigger fires."""
    with warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(statement.encode())
        assert cursor.rowcount == 1


def import_videos(past: Past, day: dt.date) -> int:
    """Import a profile and a video of the first account for `day`."""
    taken = ImportedDay(past.accounts[0], day, {"follower_count": 7}, [video("9")], None)
    return import_history(past.warehouse, [taken], zone="UTC", imported_from="the hub")


def test_every_closed_day_is_in_the_chain_once_and_verifies(past: Past) -> None:
    assert [entry.day for entry in past.manifest().entries] == DAYS
    assert past.manifest().entries == []
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert (verdict.days, verdict.pages) == (5, 20)
    content = read_chain(past.warehouse)[0].content
    assert (content.account_days, content.captured, content.pages, content.items) == (4, 4, 4, 4)


def test_a_day_enters_when_its_grace_is_over_and_not_before(past: Past, clock: DatabaseClock) -> None:
    clock.set("2026-02-03T05:59:00")
    assert past.manifest().entries[-1].day == dt.date(2026, 2, 1)
    clock.set("2026-02-03T06:01:00")
    assert [entry.day for entry in past.manifest().entries] == [dt.date(2026, 2, 2)]


def test_a_day_that_nobody_closed_holds_up_the_days_after_it(past: Past) -> None:
    edit(
        past.warehouse,
        f"update capture.account_day set state = 'failed', reason = 'provider_down', chosen_capture_no = null"
        f" where day = '2026-01-31' and endpoint = 'user_info' and account_id = {past.accounts[0]}",
    )
    written = write_manifest(past.warehouse, "UTC", GRACE, DAYS[-1])
    assert [entry.day for entry in written.entries] == DAYS[:2]
    assert written.not_closed == dt.date(2026, 1, 31)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "update capture.page set body = jsonb_set(body, '{data,videos,0,view_count}', '999999')"
            " where day = '2026-01-31' and endpoint = 'video_list' and account_id = (select min(account_id) from capture.page)",
            ["content of the pages"],
        ),
        (
            "update capture.page set observed_at = observed_at + interval '1 second'"
            " where day = '2026-01-31' and endpoint = 'user_info' and account_id = (select min(account_id) from capture.page)",
            ["content of the pages"],
        ),
        (
            "delete from capture.page where day = '2026-01-31' and endpoint = 'video_list'"
            " and account_id = (select min(account_id) from capture.page)",
            ["pages: 4 then, 3 now", "content of the pages"],
        ),
        (
            "update capture.account_day set late = true where day = '2026-01-31' and endpoint = 'video_list'"
            " and account_id = (select min(account_id) from capture.page)",
            ["content of the ledger of what was captured"],
        ),
    ],
)
def test_an_edit_behind_the_triggers_is_found_and_its_day_is_named(
    past: Past, statement: str, said: list[str]
) -> None:
    past.manifest()
    edit(past.warehouse, statement)
    verdict = verify(past.warehouse)
    assert not verdict.sound
    assert verdict.edited == {dt.date(2026, 1, 31): said}
    assert verify(past.warehouse, dt.date(2026, 2, 1)).sound
    assert past.manifest().entries == []  # nor does the chain take the edit for something new
    assert not verify(past.warehouse).sound


def test_an_import_into_a_closed_day_is_a_further_entry_and_nothing_is_edited(
    past: Past, clock: DatabaseClock
) -> None:
    gap = add_account(past.warehouse, "-late", store="store_9", connected_at="2026-01-30T08:00:00Z")
    past.manifest()
    past.accounts[0] = gap
    assert import_videos(past, dt.date(2026, 1, 31)) == 2
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert verdict.not_yet_in_chain == 2
    (entry,) = past.manifest().entries
    assert (entry.day, entry.revision, entry.reason) == (dt.date(2026, 1, 31), 2, "import")
    assert (entry.content.imported, entry.content.imported_rows, entry.content.gaps) == (2, 2, 0)
    verdict = verify(past.warehouse)
    assert verdict.sound
    assert verdict.not_yet_in_chain == 0
    edit(past.warehouse, "update capture.imported set fields = '{}' where item_id = '9'")
    assert verify(past.warehouse).edited == {dt.date(2026, 1, 31): ["content of the imported rows"]}


def test_an_edit_does_not_hide_behind_an_import_of_the_same_day(past: Past) -> None:
    past.manifest()
    edit(
        past.warehouse,
        "update capture.page set body = '{}' where day = '2026-01-31' and endpoint = 'video_list'"
        f" and account_id = {past.accounts[1]}",
    )
    past.accounts[0] = add_account(past.warehouse, "-new", store="store_9")
    import_videos(past, dt.date(2026, 1, 31))
    written = past.manifest()
    assert {entry.reason for entry in written.entries} == {"gap"}  # the days since the imported one
    assert min(entry.day for entry in written.entries) > dt.date(2026, 1, 31)
    assert written.edited == {dt.date(2026, 1, 31): ["content of the pages"]}
    assert not verify(past.warehouse).sound


def test_history_from_before_the_first_day_is_added_at_the_end(past: Past) -> None:
    past.manifest()
    import_videos(past, dt.date(2025, 12, 24))
    entry, *holes = past.manifest().entries
    assert (entry.position, entry.day, entry.revision, entry.reason) == (
        6,
        dt.date(2025, 12, 24),
        1,
        "import",
    )
    # From there to the first day that was captured nobody has anything.
    assert [hole.day for hole in holes] == [entry.day + dt.timedelta(days=n) for n in range(1, 36)]
    assert {(hole.content.pages, hole.content.imported_rows) for hole in holes} == {(0, 0)}
    assert verify(past.warehouse).sound


def test_gaps_of_days_before_an_account_was_connected_change_nothing(past: Past) -> None:
    past.manifest()
    add_account(past.warehouse, "-new", store="store_9", connected_at="2026-03-19T00:00:00Z")
    for endpoint in ENDPOINTS:
        ledger(past.warehouse, endpoint).close(DAYS[0], DAYS[-1])
    assert verify(past.warehouse).sound
    assert past.manifest().entries == []


def test_an_entry_that_was_edited_or_taken_out_breaks_the_chain(past: Past) -> None:
    past.manifest()
    chain = read_chain(past.warehouse)
    assert first_break(chain) is None
    other = replace(chain[1], content=replace(chain[1].content, captured=5))
    assert first_break([chain[0], other, *chain[2:]]) == other
    assert first_break([chain[0], *chain[2:]]) == chain[2]
    edit(past.warehouse, "update capture.manifest set captured = 5 where day = '2026-01-30'")
    broken = verify(past.warehouse).broken_at
    assert broken is not None
    assert broken.day == dt.date(2026, 1, 30)


def test_a_chain_made_anew_over_edited_pages_has_another_head(past: Past) -> None:
    noted = past.manifest().newest
    with past.warehouse.transaction() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update capture.page set body = '{}' where day = '2026-01-30'")
        cursor.execute("delete from capture.manifest")
    past.manifest()
    assert verify(past.warehouse).sound
    assert noted is not None
    assert noted.head not in {entry.head for entry in read_chain(past.warehouse)}


def test_the_database_refuses_to_change_an_entry(past: Past) -> None:
    past.manifest()
    for statement in (
        "update capture.manifest set pages = 0",
        "delete from capture.manifest",
        "truncate capture.manifest",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            rows(past.warehouse, statement)


def test_the_hashes_do_not_depend_on_the_settings_of_a_session(past: Past, database_url: str) -> None:
    past.manifest()
    name = past.warehouse.url.database
    rows(past.warehouse, f"alter database \"{name}\" set timezone = 'Asia/Kathmandu'")
    rows(past.warehouse, f"alter database \"{name}\" set datestyle = 'German'")
    rows(past.warehouse, f'alter database "{name}" set extra_float_digits = 0')
    elsewhere = Warehouse(database_url)
    assert rows(elsewhere, "show timezone") == [{"TimeZone": "Asia/Kathmandu"}]
    assert verify(elsewhere).sound
    elsewhere.close()


def test_the_newest_entry_of_a_day_is_the_one_that_counts(past: Past) -> None:
    past.manifest()
    past.accounts[0] = add_account(past.warehouse, "-new", store="store_9")
    import_videos(past, DAYS[0])
    past.manifest()
    assert latest_entries(read_chain(past.warehouse))[DAYS[0]].revision == 2


def rewritten(past: Past, reason: Reason) -> None:
    """Edit a page of the 31st, and append an entry which says that the day is as it is now."""
    edit(
        past.warehouse,
        "update capture.page set body = '{}' where day = '2026-01-31' and endpoint = 'video_list'"
        f" and account_id = {past.accounts[1]}",
    )
    with past.warehouse.transaction() as cursor:
        chain = hold_chain(cursor)
        there = days_now(cursor, dt.date(2026, 1, 31), dt.date(2026, 1, 31))[dt.date(2026, 1, 31)]
        cursor.execute("set local session_replication_role = replica")
        append(cursor, chain, reason, there.content, dt.datetime.now(dt.UTC), None)


@pytest.mark.parametrize("reason", ["gap", "import", "deleted"])
def test_an_edit_does_not_become_honest_by_an_entry_that_repeats_it(past: Past, reason: Reason) -> None:
    past.manifest()
    rewritten(past, reason)
    [(day, said)] = verify(past.warehouse).edited.items()
    assert day == dt.date(2026, 1, 31)
    assert f"revision 2 ({reason}): content of the pages" in said


def test_only_what_a_reason_stands_for_may_change(past: Past) -> None:
    first = past.manifest().entries[0]

    def named(reason: Reason, other: DayContent) -> bool:
        return bool(dishonest_revisions([first, next_entry(first, first, reason, other)]))

    content, new = first.content, "f" * 64
    assert named("gap", replace(content, imported_hash=new))
    assert named("deleted", replace(content, gaps_hash=new))
    assert named("import", replace(content, captured_hash=new))
    assert named("closed", content)
    assert not named("gap", replace(content, gaps_hash=new))
    assert not named("deleted", replace(content, deleted_hash=new))
    assert not named("import", replace(content, imported_hash=new))


def test_no_gap_is_written_into_a_day_while_it_is_sealed(past: Past) -> None:
    past.manifest()
    add_account(past.warehouse, "-9", store="s9", connected_at="2026-01-29T01:00:00Z")
    book = ledger(past.warehouse)
    with ThreadPoolExecutor() as pool:
        with past.warehouse.transaction() as cursor:
            hold_chain(cursor)
            closing = pool.submit(book.close_all)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.5)
        assert closing.result(timeout=10)
    assert [entry.reason for entry in past.manifest().entries] == ["gap"] * 5
    assert past.manifest().entries == []
    assert verify(past.warehouse).sound


def test_an_empty_range_is_not_verified(past: Past) -> None:
    past.manifest()
    for first, last in (("2027-01-01", None), (None, "2025-01-01"), ("2026-02-02", "2026-01-29")):
        with pytest.raises(PipelineError, match="Nothing was verified"):
            verify(past.warehouse, *(day and dt.date.fromisoformat(day) for day in (first, last)))  # type: ignore[arg-type]
