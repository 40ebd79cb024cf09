"""What came into the chain later: whose account-days these are, and TikTok's answers about vanished videos."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, replace

import pytest

from tiktok_pipeline.history.chain import Entry, head_of, next_entry, read_chain
from tiktok_pipeline.history.deletion import delete_store
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import DatabaseClock, add_account, rows, videos_body
from tiktok_pipeline_tests.integration.history.conftest import DAYS, JANUARY, Past
from tiktok_pipeline_tests.integration.history.test_manifest import edit, import_videos

DAY = JANUARY[-1]


def answer(past: Past, clock: DatabaseClock) -> None:
    """Keep two answers about vanished videos of the first account, of the last day of January."""
    clock.set(f"{DAY}T03:00:00")
    for video in ("290", "300"):
        past.warehouse.execute(
            "capture/keep_query",
            {"account_id": past.accounts[0], "day": DAY, "zone": "UTC", "asked": [video], "body": videos_body(),
             "log_id": "L", "run_id": None},
        )  # fmt: skip
    clock.set("2026-03-20T12:00:00")


def as_an_older_release_wrote_it(past: Past) -> list[Entry]:
    """The chain without the parts that older releases did not know; its entries."""
    made: list[Entry] = []
    for entry in read_chain(past.warehouse):
        content = replace(entry.content, queries=0, queries_hash="", accounts_hash="")
        made.append(next_entry(made[-1] if made else None, None, entry.reason, content))
        edit(
            past.warehouse,
            "update capture.manifest set queries = 0, queries_hash = '', accounts_hash = '',"
            f" head = '{made[-1].head}' where position = {entry.position}",
        )
    return made


@pytest.mark.parametrize(
    "statement",
    [
        "update hub.store_accounts set open_id = 'another' where store_code = 'store_0'",
        "update hub.store_accounts set store_code = 'store_9' where store_code = 'store_0'",
    ],
)
def test_history_that_was_moved_to_another_account_or_store_is_named(past: Past, statement: str) -> None:
    add_account(past.warehouse, "-9", store="store_9")
    past.manifest()
    assert verify(past.warehouse).sound
    edit(past.warehouse, statement)
    said = ["content of which accounts these were, by store and open_id"]
    assert verify(past.warehouse).edited == dict.fromkeys(DAYS, said)


def test_moved_history_does_not_hide_behind_an_import_of_the_same_day(past: Past) -> None:
    past.manifest()
    edit(past.warehouse, "update hub.store_accounts set open_id = 'another' where store_code = 'store_0'")
    past.accounts[0] = add_account(past.warehouse, "-new", store="store_9")
    import_videos(past, DAY)
    assert past.manifest().entries == []
    assert DAY in verify(past.warehouse).edited


def test_answers_about_vanished_videos_are_in_the_chain(past: Past, clock: DatabaseClock) -> None:
    answer(past, clock)
    entries = past.manifest().entries
    assert [entry.content.queries for entry in entries] == [0, 0, 2, 0, 0]
    assert verify(past.warehouse).sound
    edit(past.warehouse, "update capture.video_query set body = '{}' where asked = '{290}'")
    assert verify(past.warehouse).edited == {DAY: ["content of the answers about vanished videos"]}
    edit(past.warehouse, "delete from capture.video_query where asked = '{300}'")
    assert "queries: 2 then, 1 now" in verify(past.warehouse).edited[DAY]


def test_of_a_deleted_store_the_hashes_of_its_answers_stay_and_hide_no_edit(
    past: Past, clock: DatabaseClock
) -> None:
    answer(past, clock)
    past.manifest()
    delete_store(past.warehouse, "store_1", "cli")
    assert verify(past.warehouse).sound
    edit(past.warehouse, "update capture.video_query set body = '{}' where asked = '{290}'")
    delete_store(past.warehouse, "store_0", "cli")
    assert rows(past.warehouse, "select count(*) as n from capture.video_query") == [{"n": 0}]
    assert verify(past.warehouse).edited == {DAY: ["content of the answers about vanished videos"]}


def test_entries_of_an_older_release_stay_good_and_the_next_entries_say_more(
    past: Past, clock: DatabaseClock
) -> None:
    answer(past, clock)
    past.manifest()
    old = as_an_older_release_wrote_it(past)
    said = ["", 1, 1, "closed", *astuple(old[0].content)[:12]]
    assert old[0].head == hashlib.sha256("\n".join(map(str, said)).encode()).hexdigest()
    assert verify(past.warehouse).sound
    past.accounts[0] = add_account(past.warehouse, "-new", store="store_9")
    import_videos(past, DAY)
    [entry] = [entry for entry in past.manifest().entries if entry.reason == "import"]
    assert (entry.reason, entry.content.queries, bool(entry.content.accounts_hash)) == ("import", 2, True)
    delete_store(past.warehouse, "store_1", "cli")
    assert verify(past.warehouse).sound
    edit(past.warehouse, "update capture.video_query set body = '{}' where asked = '{290}'")
    assert verify(past.warehouse).edited == {DAY: ["content of the answers about vanished videos"]}


def test_counts_of_one_part_do_not_pass_for_those_of_another(past: Past) -> None:
    content = past.manifest().entries[0].content
    deleted = replace(content, deleted=3, deleted_hash="f")
    asked = replace(content, queries=3, queries_hash="f")
    assert head_of("", Entry(1, 1, "closed", deleted, "")) != head_of("", Entry(1, 1, "closed", asked, ""))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (
            "capture.page_hash('video_list', '2026-01-29', 7, 1::smallint, 0, '2026-01-29T02:00:00.5Z', 'UTC', 'L', null,"
            """ '{"a": 1}')""",
            "video_list|9525|7|1|0|1769652000.500000|'UTC'|'L'|NULL|{\"a\": 1}",
        ),
        ("capture.imported_day_hash('user_info', '2026-01-29', 7, 'UTC')", "user_info|9525|7|'UTC'"),
        ("capture.identity_hash(7, 'store_0', '-0000')", "7|'store_0'|'-0000'"),
        (
            'capture.account_day_hash(jsonb_populate_record(null::capture.account_day, \'{"endpoint": "user_info",'
            ' "day": "2026-01-29", "account_id": 7, "state": "gap", "reason": "missed", "late": false, "pages": 0,'
            ' "items": 0}\'))',
            "user_info|9525|7|NULL|gap|'missed'|NULL|f|0|0|NULL|NULL",
        ),
    ],
)
def test_what_is_hashed_never_changes(past: Past, expression: str, text: str) -> None:
    [row] = rows(past.warehouse, f"select encode({expression}, 'hex') as hash")
    assert row["hash"] == hashlib.sha256(text.encode()).hexdigest()
