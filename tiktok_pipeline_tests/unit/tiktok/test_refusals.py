from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.tiktok.errors import RateLimitedError
from tiktok_pipeline.tiktok.refusals import MAX_RETRY_AFTER_SECONDS, retry_after

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("Sat, 21 Nov 2026 12:00:40 GMT", 40.0),
        ("99999999999", MAX_RETRY_AFTER_SECONDS),
        ("9" * 400, MAX_RETRY_AFTER_SECONDS),
        ("Fri, 01 Jan 2100 00:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("-5", None),
        ("0", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("Sat, 99 Nov 2026 99:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value, "Date": NOON}) == seconds


@given(st.text())
def test_any_retry_after_is_survived(value: str) -> None:
    seconds = retry_after({"Retry-After": value})
    assert seconds is None or 0 < seconds <= MAX_RETRY_AFTER_SECONDS


def test_no_retry_after_asks_for_nothing() -> None:
    assert retry_after({}) is None


def test_an_error_survives_pickling() -> None:
    error = RateLimitedError("slow", code="c", endpoint="/e", http_status=429, retry_after=3.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.retry_after) == ("/e: slow (c, HTTP 429)", 3.0)
