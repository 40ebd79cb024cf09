"""The digest's page: for operators alone, of any day and store that there is, and harmless whatever names it shows."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.integration.digest.week import NASTY, Week
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal
from tiktok_pipeline_tests.integration.portal.test_operator_overview import page_text, words


@pytest.fixture(scope="module")
def week(portal: Portal) -> Week:
    week = Week(portal.warehouse, DatabaseClock(portal.warehouse))
    week.fill()
    draw(week.digest(5), "svg")  # the first chart of a process takes its time
    return week


@pytest.fixture
def operator(portal: Portal, week: Week) -> Operator:
    portal.forget_attempts()
    return portal.operator()


def test_only_operators_see_it(portal: Portal) -> None:
    for path in ("/digest", "/digest/2026-03-06", "/digest?store=store_0"):
        answer = portal.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/login")


def test_it_is_of_the_latest_day_that_is_over_and_leads_to_the_days_beside(operator: Operator) -> None:
    answer = operator.get("/digest")
    assert "What changed on Friday, 6 March 2026: all stores" in words(answer)
    assert "Complete: all 2 accounts were observed." in words(answer)
    assert "+10 gained, −3 lost" in words(answer)
    assert 'href="/digest/2026-03-05"' in answer.text
    assert 'href="/digest/2026-03-07"' in answer.text
    assert answer.text.count('src="data:image/svg+xml;base64,') == 3
    assert "<script" not in answer.text
    open_day = operator.get("/digest/2026-03-07")
    assert "This day is not over" in words(open_day)
    assert 'rel="next"' not in open_day.text


def test_a_gap_is_marked_and_a_store_has_its_own(operator: Operator) -> None:
    assert "This day is incomplete" in words(operator.get("/digest/2026-03-03"))
    after = operator.get("/digest/2026-03-04?store=store_1")
    assert "Wednesday, 4 March 2026: Store_1" in words(after)
    assert "over 2 days" in words(after)
    assert 'href="/digest/2026-03-03?store=store_1"' in after.text
    chosen = operator.get("/digest?day=2026-03-04&store=store_1")
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/digest/2026-03-04?store=store_1")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/digest/2026-03-08", 404),  # has not begun
        ("/digest/2026-13-01", 400),
        ("/digest/2026-03-04?store=nowhere", 404),
        ("/digest/2026-03-04?store=%3Cscript%3E", 404),
        ("/digest?day=tomorrow", 400),
    ],
)
def test_a_mistyped_address_is_a_plain_page(operator: Operator, path: str, status: int) -> None:
    assert operator.get(path).status_code == status


def test_a_day_long_before_says_that_there_was_nothing(operator: Operator) -> None:
    assert "No account was to be observed" in words(operator.get(f"/digest/{dt.date(2020, 1, 1)}"))


def test_scripts_in_names_and_captions_stay_text(operator: Operator, week: Week) -> None:
    week.name(NASTY)
    answer = operator.get("/digest")
    assert NASTY in page_text(answer)
    assert 'href="javascript:' not in answer.text
