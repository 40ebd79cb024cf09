"""Whether a list of videos is proven complete, judged from its pages."""

from __future__ import annotations

import json

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline_tests.building import rows, video, videos_body
from tiktok_pipeline_tests.integration.completeness.conftest import Book, listing, paged, posted


def test_a_closed_chain_with_as_many_videos_as_the_profile_counts_is_complete(book: Book) -> None:
    book.accounts()
    book.capture(0, paged(listing(*range(45))), counted=45)
    book.derive()
    row = book.verdict()
    assert (row["verdict"], row["chain_closed"], row["pages"]) == ("COMPLETE", True, 3)
    assert (row["listed_videos"], row["distinct_videos"], row["duplicates"]) == (45, 45, 0)
    assert (row["video_count"], row["difference"]) == (45, 0)
    assert (row["first_cursor"], row["last_cursor"]) == (posted(19) * 1000, posted(39) * 1000)
    assert row["reason"] == "45 videos listed, 45 counted by the profile"


def test_a_list_may_differ_from_the_profile_by_a_few(book: Book) -> None:
    cases = [
        (9, 10, "COMPLETE"),  # one video is allowed, but not of fewer than ten
        (8, 10, "TRUNCATED"),
        (8, 9, "TRUNCATED"),
        (0, 1, "TRUNCATED"),
        (0, 2, "TRUNCATED"),
        (57, 60, "COMPLETE"),  # five in a hundred when that is more
        (56, 60, "TRUNCATED"),
        (13, 10, "COMPLETE"),  # more than counted is no list that ends early
        (0, 0, "COMPLETE"),
    ]
    for account, (listed, counted, _) in zip(book.accounts(len(cases)), cases, strict=True):
        book.capture(0, paged(listing(*range(listed))), counted=counted, account=account)
    book.derive()
    for account, (listed, counted, verdict) in enumerate(cases, start=1):
        row = book.verdict(account=account)
        assert (row["verdict"], row["difference"]) == (verdict, listed - counted), cases[account - 1]


def test_without_a_profile_of_the_same_hour_the_difference_is_unknown(book: Book) -> None:
    book.accounts()
    book.capture(0, paged(listing(1, 2)), counted=2)
    rows(
        book.warehouse,
        """
        alter table capture.page disable trigger page_of_now;
        update capture.page set observed_at = observed_at - interval '61 minutes' where endpoint = 'user_info'
        """,
    )
    book.derive()
    row = book.verdict()
    assert (row["verdict"], row["video_count"], row["difference"]) == ("COMPLETE", None, None)
    assert row["reason"] == "2 videos listed; no profile within the hour"


def test_short_and_empty_pages_on_the_way_are_no_end(book: Book) -> None:
    book.accounts()
    pages = [
        videos_body(*listing(0, 1), cursor=posted(1) * 1000, has_more=True),
        videos_body(cursor=posted(2) * 1000 + 1, has_more=True),
        videos_body(*listing(2), cursor=0, has_more=False),
    ]
    book.capture(0, pages, counted=3)
    book.derive()
    assert book.verdict()["verdict"] == "COMPLETE"


DAMAGE = [
    ("delete from capture.page where page_no = 1", "a page is missing"),
    ("delete from capture.page where page_no = 2", "the last page says that there are more"),
    (
        "update capture.page set body = jsonb_set(body, '{data,has_more}', 'false') where page_no = 1",
        "pages follow after the one that TikTok called the last",
    ),
    (
        "update capture.page set body = jsonb_set(body, '{data,cursor}', '1800000000000') where page_no = 1",
        "a cursor does not fall",
    ),
    ("update capture.page set body = body #- '{data,cursor}' where page_no = 0", "a cursor does not fall"),
]


def test_a_chain_that_is_not_closed_is_truncated_and_says_why(book: Book) -> None:
    accounts = book.accounts(len(DAMAGE))
    rows(book.warehouse, "alter table capture.page disable trigger page_of_now")
    for account, (damage, _) in zip(accounts, DAMAGE, strict=True):
        book.capture(0, paged(listing(*range(45))), counted=45, account=account)
        rows(book.warehouse, f"{damage} and endpoint = 'video_list' and account_id = {account}")
    book.derive()
    for account, (_, why) in zip(accounts, DAMAGE, strict=True):
        row = book.verdict(account=account)
        assert (row["verdict"], row["chain_closed"]) == ("TRUNCATED", False)
        assert why in row["reason"]
        assert rows(
            book.warehouse,
            "select count(*) from snapshots.tiktok_video_daily where account_id = %s",
            account,
        )[0]["count"] >= 25  # fmt: skip


def test_repeated_videos_are_unstable_and_counted_once(book: Book) -> None:
    book.accounts(2)
    first, second = listing(0, 1, 2), listing(1, 2, 3)
    overlapping = [videos_body(*first, cursor=posted(2) * 1000, has_more=True), videos_body(*second)]
    book.capture(0, overlapping, counted=4, account=1)
    book.capture(0, paged(listing(0, 1, 1, 2)), counted=3, account=2)
    book.derive()
    for account, counts in ((1, (6, 4, 2)), (2, (4, 3, 1))):
        row = book.verdict(account=account)
        assert row["verdict"] == "UNSTABLE"
        assert (row["listed_videos"], row["distinct_videos"], row["duplicates"]) == counts
        assert "repeated" in row["reason"]


def test_videos_of_one_second_may_stand_on_both_sides_of_a_border(book: Book) -> None:
    book.accounts()
    tie = [video(name, create_time=posted(1)) for name in ("t1", "t2")]
    pages = [
        videos_body(*listing(0), *tie, cursor=posted(1) * 1000, has_more=True),
        videos_body(tie[1], *listing(2)),
    ]
    book.capture(0, pages, counted=4)
    book.derive()
    row = book.verdict()
    assert (row["verdict"], row["duplicates"], row["distinct_videos"]) == ("COMPLETE", 1, 4)


def test_a_list_that_is_not_sorted_is_unstable(book: Book) -> None:
    orders = ((0, 2, 1, 3), (1, 0, 2, 3))
    for account, order in zip(book.accounts(2), orders, strict=True):
        book.capture(0, paged(listing(*order)), counted=4, account=account)
    book.derive()
    for account in (1, 2):
        row = book.verdict(account=account)
        assert (row["verdict"], row["chain_closed"]) == ("UNSTABLE", True)


def test_a_page_with_videos_newer_than_its_cursor_is_unstable(book: Book) -> None:
    book.accounts()
    pages = [videos_body(*listing(0), cursor=posted(5) * 1000, has_more=True), videos_body(*listing(3, 6))]
    book.capture(0, pages, counted=3)
    book.derive()
    assert book.verdict()["reason"].startswith("1 videos are newer than their page's beginning")
    assert book.verdict()["verdict"] == "UNSTABLE"


def test_an_empty_list_after_a_full_one_is_believed_only_when_the_profile_counts_none(book: Book) -> None:
    cases: list[tuple[int | None, str]] = [(30, "TRUNCATED"), (None, "TRUNCATED"), (0, "COMPLETE")]
    accounts = book.accounts(3)
    for day in (0, 1, 2):
        for account, (counted, _) in zip(accounts, cases, strict=True):
            videos = listing(*range(30)) if day == 0 else []
            book.capture(day, paged(videos), counted=30 if day == 0 else counted, account=account)
    book.derive()
    for account, (_, verdict) in zip(accounts, cases, strict=True):
        assert book.verdicts(account) == {0: "COMPLETE", 1: verdict, 2: verdict}
        state = "present" if verdict == "TRUNCATED" else "missing"
        assert set(book.states(account).values()) == {state}
    assert "too few after a list of 30" in book.verdict(2, 2)["reason"]


def test_who_deletes_all_videos_has_them_asked_after_and_gone(book: Book) -> None:
    book.accounts()
    book.capture(0, paged(listing(*range(30))), counted=30)
    asked: list[str] = []
    for day in range(1, 4):
        book.capture(day, paged([]), counted=0)
        parameters = {"day": book.date(day), "most": 200, "few": 20}
        for row in book.warehouse.execute("capture/vanished", parameters):
            asked = row["video_ids"]
            book.answer(day, asked[:20], found=[])
            book.answer(day, asked[20:], found=[])
        assert bool(asked) == (day > 1)  # not before an empty list was judged
        book.derive()
    assert len(asked) == 30
    assert set(book.states().values()) == {"gone"}


def test_without_a_profile_a_list_is_measured_by_the_one_before(book: Book) -> None:
    cases = [(200, 20, "TRUNCATED"), (200, 190, "COMPLETE"), (200, 189, "TRUNCATED"), (5, 4, "TRUNCATED")]
    for account, (before, after, _) in zip(book.accounts(len(cases)), cases, strict=True):
        book.capture(0, paged(listing(*range(before))), account=account)
        book.capture(1, paged(listing(*range(after))), account=account)
    book.derive()
    for account, (_, _, verdict) in enumerate(cases, start=1):
        assert book.verdicts(account) == {0: "COMPLETE", 1: verdict}, cases[account - 1]


def test_an_account_with_one_video_may_delete_it(book: Book) -> None:
    book.accounts()
    book.capture(0, paged(listing(1)), counted=1)
    book.capture(1, [videos_body()], counted=0)
    book.derive()
    assert book.verdicts() == {0: "COMPLETE", 1: "COMPLETE"}
    assert book.states() == {"v001": "missing"}


def test_imported_lists_are_neither_complete_nor_a_reason_to_miss_a_video(book: Book) -> None:
    [account] = book.accounts()
    book.capture(5, paged(listing(1, 2)), counted=2)
    days = [
        ImportedDay(account, book.date(day), None, listing(*numbers), None)
        for day, numbers in ((0, (1, 2, 3)), (1, (1, 2)), (2, ()))
    ]
    import_history(book.warehouse, days, zone="UTC", imported_from="the hub")
    book.derive()
    assert book.verdicts() == {0: "IMPORTED", 1: "IMPORTED", 2: "IMPORTED", 5: "COMPLETE"}
    row = book.verdict(0)
    assert (row["distinct_videos"], row["chain_closed"], row["source"]) == (3, None, "import")
    assert book.states() == {"v001": "present", "v002": "present", "v003": "missing"}
    assert book.presence("v003")["missing_since"] == 5
    assert book.presence("v001")["first_seen"] == 0


def test_an_empty_list_after_an_imported_one_is_not_believed_either(book: Book) -> None:
    [account] = book.accounts()
    book.capture(3, [videos_body()])
    imported = ImportedDay(account, book.date(1), None, listing(1, 2, 3), None)
    import_history(book.warehouse, [imported], zone="UTC", imported_from="the hub")
    book.derive()
    assert book.verdicts() == {1: "IMPORTED", 3: "TRUNCATED"}
    assert set(book.states().values()) == {"present"}


def test_a_second_run_changes_no_row_and_a_fresh_capture_is_judged_anew(book: Book) -> None:
    book.accounts()
    book.capture(0, paged(listing(*range(30))), counted=30)
    book.capture(1, paged(listing(*range(20))), counted=30)
    book.derive()
    assert book.verdicts() == {0: "COMPLETE", 1: "TRUNCATED"}
    before = rows(book.warehouse, "select xmin::text, ctid::text from snapshots.account_day_verdict")
    assert book.derive() == 0
    assert book.derive(1, 1) == 0
    assert rows(book.warehouse, "select xmin::text, ctid::text from snapshots.account_day_verdict") == before
    book.capture(1, paged(listing(*range(29))), counted=29, force=True)
    book.derive(1, 1)
    row = book.verdict(1)
    assert (row["verdict"], row["capture_no"], row["distinct_videos"]) == ("COMPLETE", 2, 29)


def test_every_page_that_is_landed_is_judged_whatever_its_videos_lack(book: Book) -> None:
    book.accounts()
    odd = [{"id": "a"}, {"id": "b", "create_time": None}, {"id": "", "create_time": "x"}, {"view_count": 1}]
    body = json.dumps({"data": {"videos": odd, "has_more": False}, "error": {"code": "ok"}})
    book.capture(0, [body], counted=2)
    book.derive()
    row = book.verdict()
    assert (row["verdict"], row["listed_videos"], row["distinct_videos"], row["duplicates"]) == (
        "COMPLETE",
        4,
        2,
        0,
    )
