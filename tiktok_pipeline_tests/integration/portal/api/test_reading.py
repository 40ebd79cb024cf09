"""Reading over the API: what was captured, in pages, with its age and completeness, once per ETag."""

from __future__ import annotations

import csv
import io

import pytest

from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.api.conftest import MINE, OTHER, Api


def test_stores_come_in_pages_each_once(api: Api) -> None:
    first = api.get("/stores?limit=1").json()
    assert [store["store_code"] for store in first["data"]] == [MINE]
    assert first["next"]
    second = api.get(f"/stores?limit=1&cursor={first['next']}")
    assert [store["store_code"] for store in second.json()["data"]] == [OTHER]
    assert second.json()["next"] is None
    assert "Link" not in second.headers
    assert (
        api.get("/stores?limit=1").headers["Link"]
        == f'</api/v1/stores?limit=1&cursor={first["next"]}>; rel="next"'
    )


def test_a_store_has_its_accounts_and_no_contact(api: Api) -> None:
    store = api.data(f"/stores/{MINE}")
    assert [account["id"] for account in store["store_accounts"]] == [api.own]
    assert (store["accounts"], store["connected_accounts"]) == (1, 1)
    assert "contact" not in str(store)


def test_a_day_of_a_store_is_what_tiktok_served(api: Api) -> None:
    [day] = api.data(f"/stores/{MINE}/daily")
    served = api.portal.sandbox.history(
        api.portal.sandbox.accounts()[0]["open_id"], at=api.portal.sandbox.now()
    )
    assert day["snapshot_date"] == str(api.day)
    assert (day["is_complete"], day["follower_delta"]) == (True, None)
    [account] = [api.data(f"/accounts/{api.own}")]
    assert account["video_count"] == day["video_count"] == len(served["videos"]) > 1
    assert account["follower_count"] == day["follower_count"]


@pytest.mark.parametrize(
    ("sort", "key"), [("views", "view_count"), ("likes", "like_count"), ("newest", "create_time")]
)
def test_videos_come_in_the_order_asked_for_and_in_pages_each_once(api: Api, sort: str, key: str) -> None:
    seen, cursor = [], ""
    whole = api.data(f"/accounts/{api.own}/videos?sort={sort}")
    for _ in whole:
        answer = api.get(f"/accounts/{api.own}/videos?sort={sort}&limit=1{cursor}").json()
        seen += answer["data"]
        cursor = f"&cursor={answer['next']}"
    assert answer["next"] is None
    assert seen == whole
    assert [video[key] for video in whole] == sorted((video[key] for video in whole), reverse=True)
    assert len({video["video_id"] for video in whole}) == len(whole) > 1


def test_a_day_of_a_video_has_its_counters(api: Api) -> None:
    video = api.data(f"/accounts/{api.own}/videos")[0]
    [day] = api.data(f"/videos/{video['video_id']}/daily")
    for counter in ("view_count", "like_count", "comment_count", "share_count"):
        assert day[counter] == video[counter]
    assert day["view_delta"] is None


def test_a_gap_is_listed_counted_and_gone_when_it_is_filled(api: Api) -> None:
    assert api.data("/gaps") == []
    gap = "account_id = %s and endpoint = 'video_list'"
    rows(
        api.portal.warehouse,
        f"update capture.account_day set state = 'failed', reason = 'provider_down' where {gap}",
        api.others,
    )
    api.changed()
    try:
        answer = api.get("/gaps").json()
        assert [(one["account_id"], one["state"], one["reason"]) for one in answer["data"]] == [
            (api.others, "failed", "provider_down")
        ]
        assert answer["about"]["gaps"] == 1
        assert api.get(f"/gaps?store={OTHER}").json()["data"] == answer["data"]
        assert api.data(f"/gaps?store={MINE}") == []
        assert api.data("/gaps", "scoped") == []
    finally:
        rows(
            api.portal.warehouse,
            f"update capture.account_day set state = 'captured', reason = null where {gap}",
            api.others,
        )
    api.changed()
    assert api.data("/gaps") == []


PATHS = [
    "/stores",
    f"/stores/{MINE}",
    f"/stores/{MINE}/daily",
    "/accounts/{own}",
    "/accounts/{own}/videos",
    "/gaps",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_how_old_and_how_complete_it_is(api: Api, path: str) -> None:
    answer = api.get(path.format(own=api.own))
    said = answer.json()["about"]
    assert said["completeness"] == "COMPLETE"
    assert said["gaps"] == 0
    assert said["observed_at"].startswith(str(api.day))
    assert 0 <= int(answer.headers["Age"]) < 600


@pytest.mark.parametrize("path", PATHS)
def test_whoever_has_an_answer_already_gets_304_and_a_change_another_etag(api: Api, path: str) -> None:
    path = path.format(own=api.own)
    tag = api.get(path).headers["ETag"]
    assert tag.startswith('"')
    for said in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = api.get(path, **{"If-None-Match": said})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert api.get(path, **{"If-None-Match": '"another"'}).status_code == 200


def test_lists_are_csv_for_who_asks_for_it_and_no_cell_begins_a_formula(api: Api) -> None:
    rows(
        api.portal.warehouse, "update hub.stores set store_name = '=1+1 ☕; ＠x' where store_code = %s", OTHER
    )
    api.changed()
    answer = api.get("/stores", Accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [line["store_name"] for line in lines] == ["Store 0", "'=1+1 ☕; '＠x"]
    assert api.get("/stores").headers["ETag"] != answer.headers["ETag"]
    assert api.get(f"/stores/{MINE}", Accept="text/csv").status_code == 406
    assert api.get("/stores", Accept="image/png").status_code == 406


@pytest.mark.parametrize(
    "query",
    [
        "/stores?limit=0",
        "/stores?limit=501",
        "/stores?cursor=nonsense",
        "/stores?cursor=e30",
        f"/stores/{MINE}/daily?from=2026-02-30",
        f"/stores/{MINE}/daily?from=2026-03-02&to=2026-03-01",
        f"/stores/{MINE}/daily?from=2020-01-01&to=2026-03-01",
        f"/stores/{MINE}/daily?to=0001-01-01",
        f"/stores/{MINE}/daily?from=9999-12-31",
        "/accounts/0",
        "/accounts/99999999999999999999",
        "/accounts/1/videos?sort=luck",
        "/gaps?store=no%20store",
    ],
)
def test_bad_input_is_a_problem_that_says_what_is_wrong(api: Api, query: str) -> None:
    answer = api.get(query)
    assert answer.status_code in ((422,) if "9999-12" not in query else (200, 422)), answer.text
    if answer.status_code == 422:
        said = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert said["status"] == 422
        assert said["request_id"] == answer.headers["X-Request-ID"]


def test_a_cursor_of_another_order_is_refused(api: Api) -> None:
    cursor = api.get(f"/accounts/{api.own}/videos?sort=views&limit=1").json()["next"]
    assert api.get(f"/accounts/{api.own}/videos?sort=likes&cursor={cursor}").status_code == 422


@pytest.mark.parametrize("day", ["0", "1767225600", "2026-01-01T00:00:00", "20260101", "2026-02-30", ""])
def test_a_day_is_written_in_one_way(api: Api, day: str) -> None:
    assert api.get(f"/gaps?to={day}").status_code == 422


def test_a_path_that_no_route_has_is_a_problem_not_a_page(api: Api) -> None:
    answer = api.get("/accounts/1%0A2")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
