"""Videos that vanish: missing first, gone only when that is proven, and what is derived again says the same."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest

from tiktok_pipeline.history.rebuild import checksum
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows, videos_body
from tiktok_pipeline_tests.integration.completeness.conftest import TABLES, Book, listing, paged


def capture(book: Book, day: int, *numbers: int, counted: int | None = None) -> None:
    """Capture a list; the profile counts as many, unless said otherwise."""
    book.capture(day, paged(listing(*numbers)), counted=len(numbers) if counted is None else counted)


def test_a_video_is_missing_first_and_gone_after_three_complete_captures_and_a_query(book: Book) -> None:
    book.accounts()
    capture(book, 0, *range(10))
    for day in range(1, 5):
        capture(book, day, *range(9))
        book.derive()
        assert book.states()["v009"] == "missing"  # nobody has asked TikTok yet
    row = book.presence("v009")
    assert (row["first_seen"], row["last_seen"], row["missing_since"]) == (0, 0, 1)
    assert (row["complete_captures_without"], row["queried_at"]) == (4, None)
    book.answer(4, ["v009"], found=["v009"])
    assert book.presence("v009")["state"] == "missing"  # TikTok still knows it: it is only not listed
    assert book.presence("v009")["found_by_query"] is True
    book.answer(4, ["v009", "v008"], found=[])
    assert book.states() == {**{f"v00{n}": "present" for n in range(9)}, "v009": "gone"}


def test_an_answer_alone_makes_no_video_gone(book: Book) -> None:
    book.accounts()
    capture(book, 0, *range(10))
    for day in (1, 2):
        capture(book, day, *range(9))
        book.answer(day, ["v009"], found=[])
    book.derive()
    assert (book.presence("v009")["state"], book.presence("v009")["complete_captures_without"]) == (
        "missing",
        2,
    )
    rows(book.warehouse, "update snapshots.threshold set value = 2 where name = 'gone_after'")
    assert book.presence("v009")["state"] == "gone"


def test_an_answer_from_before_it_vanished_says_nothing(book: Book) -> None:
    book.accounts()
    capture(book, 0, *range(10))
    book.answer(0, ["v009"], found=[])
    for day in (1, 2, 3):
        capture(book, day, *range(9))
    book.derive()
    assert book.presence("v009")["state"] == "missing"


def test_what_a_truncated_or_unstable_or_empty_list_lacks_is_not_missing(book: Book) -> None:
    book.accounts()
    capture(book, 0, *range(30))
    capture(book, 1, *range(20), counted=30)
    book.capture(2, [videos_body()], counted=30)
    book.capture(3, paged(listing(1, 0, *range(2, 20))), counted=20)
    for day in (1, 2, 3):
        book.answer(day, ["v025"], found=[])
    book.derive()
    assert book.verdicts() == {0: "COMPLETE", 1: "TRUNCATED", 2: "TRUNCATED", 3: "UNSTABLE"}
    assert set(book.states().values()) == {"present"}
    assert book.presence("v025")["last_seen"] == 0
    capture(book, 4, *range(20))
    book.derive()
    row = book.presence("v025")
    assert (row["state"], row["missing_since"], row["complete_captures_without"]) == ("missing", 4, 1)
    capture(book, 5, *range(30))
    book.derive()
    assert book.states()["v025"] == "back"
    assert book.states()["v001"] == "present"  # not on one list that proved nothing


def test_a_video_that_returns_is_back_and_may_vanish_again(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, 2, 3)
    for day in (1, 2, 3):
        capture(book, day, 1, 2)
        book.answer(day, ["v003"], found=[])
    capture(book, 4, 1, 2, 3)
    book.derive(0, 3)
    book.derive(4, 4)
    row = book.presence("v003")
    assert (row["state"], row["first_seen"], row["last_seen"], row["missing_since"]) == ("back", 0, 4, None)
    capture(book, 5, 1, 2)
    book.derive(5, 5)
    assert (book.presence("v003")["state"], book.presence("v003")["complete_captures_without"]) == (
        "missing",
        1,
    )


def test_a_new_video_is_present_from_its_first_list(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, 2, 3)
    capture(book, 1, 0, 1, 2, 3)
    book.derive()
    assert (book.presence("v000")["state"], book.presence("v000")["first_seen"]) == ("present", 1)


def test_nothing_vanishes_when_a_list_is_judged_before_its_rows_are_derived(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, 2, 3)
    book.derive(0, 0)
    capture(book, 1, 1, 2, 3)
    for table in ("snapshots.account_day_verdict", "snapshots.video_change"):
        assert derive(book.warehouse, table, book.date(1), book.date(1)) == (table.endswith("verdict"))
    assert set(book.states().values()) == {"present"}
    capture(book, 2, 1, 2, 3)
    book.derive(2, 2)  # the day before has no rows still: nothing came back either
    book.derive(1, 1)
    assert rows(book.warehouse, "select count(*) from snapshots.video_change") == [{"count": 3}]


def everything(book: Book) -> list[Any]:
    """What all tables and the state of every video say."""
    tables = [checksum(book.warehouse, table, book.date(0), book.date(80))[1] for table in TABLES]
    return [
        *tables,
        rows(book.warehouse, "select * from snapshots.video_presence order by account_id, video_id"),
    ]


def test_the_states_follow_from_the_evidence_in_whatever_order_and_pieces_they_are_derived(
    book: Book,
) -> None:
    chance = random.Random(4)
    accounts = book.accounts(3)
    days = 36  # over the end of a month
    for day in range(days):
        for account in accounts:
            if chance.random() < 0.2:
                continue
            removed = {3, 7} if day > 20 else set()
            numbers = [n for n in range(30) if n not in removed and chance.random() < 0.97]
            kept = numbers[: chance.choice([30, 30, 30, 15, 0])]
            falling = {"view_count": 1000 + day - chance.choice([0, 0, 0, 5])}
            book.capture(day, paged(listing(*kept, **falling)), counted=len(numbers), account=account)
            if chance.random() < 0.5:
                book.answer(day, ["v003", "v007"], found=chance.choice([[], ["v003"]]), account=account)
    assert book.derive(0, 80) > 0
    once = everything(book)
    assert book.derive(0, 80) == 0
    for table in TABLES:
        rows(book.warehouse, f"delete from {table}")
    pieces = [(day, day + 2) for day in range(0, days, 3)]
    chance.shuffle(pieces)
    for first, last in pieces:
        book.derive(first, last)
    assert all(book.derive(first, last) == 0 for first, last in pieces)
    assert everything(book) == once
    assert len({row["state"] for row in once[-1]}) == 4


def test_what_tiktok_answered_is_kept_unchanged_and_of_now(book: Book) -> None:
    book.accounts()
    capture(book, 0, 1, 2, 3)
    book.answer(0, ["v001"], found=[])
    with pytest.raises(psycopg.errors.CheckViolation):
        rows(book.warehouse, "update capture.video_query set body = '{}'")
    book.clock.set(f"{book.date(1)}T02:00:00")
    with pytest.raises(psycopg.errors.CheckViolation):
        rows(
            book.warehouse,
            "insert into capture.video_query (account_id, day, time_zone, asked, body, observed_at) "
            "values (1, '2026-03-01', 'UTC', '{v001}', '{}', '2026-03-01T03:00Z')",
        )
    book.warehouse.execute(  # its day is over: not kept under another one
        "capture/keep_query",
        {"account_id": 1, "day": book.date(0), "zone": "UTC", "asked": ["v002"], "body": "{}", "log_id": None,
         "run_id": None},
    )  # fmt: skip
    assert [row["asked"] for row in rows(book.warehouse, "select asked from capture.video_query")] == [
        ["v001"]
    ]
