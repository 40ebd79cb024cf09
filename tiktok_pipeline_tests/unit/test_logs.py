"""Log lines: JSON that machines read, and no secret in any of them, wherever it stands."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.logs import JsonLines, TextLines, redacted, request_id

secrets = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_", min_size=16, max_size=60)
PLACES = (
    "https://open.tiktokapis.com/v2/?access_token={}&x=1",
    "postgresql://user:{}@host:5432/db is away",
    "redis://:{}@host",
    "Authorization: Bearer {}",
    '{{"refresh_token": "{}", "open_id": "1"}}',
    "{{'client_secret': '{}'}}",
    "client_secret={}",
    "password='{}'",
    "act.{}",
    "rft.{}",
    "GET /auth/callback?code={}&state=1",
)


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    raised = (type(error), error, None) if error else None
    return logging.LogRecord("tiktok_pipeline.x", logging.ERROR, "x.py", 1, message, (), raised)


@given(secrets)
@settings(max_examples=1000)
def test_no_secret_is_in_a_line_wherever_it_stands(secret: str) -> None:
    for place in PLACES:
        said = place.format(secret)
        for lines in (TextLines(), JsonLines()):
            assert secret not in lines.format(record(said, ValueError(said))), place


@pytest.mark.parametrize(
    "text",
    [
        "account 42 (store jakarta_01), user_info of 2026-01-01: TikTok answered 503 (log_id 2026ABC)",
        "GET /stores/{store_code} 200 0123456789abcdef",
        "database tiktok on host is away",
        "run 1f6c-77 of daily for 2026-01-01",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_line_of_json_has_the_time_the_request_and_the_error() -> None:
    token = request_id.set("order-4711")
    try:
        raise ValueError("no such day")
    except ValueError:
        entry = record("it failed")
        entry.exc_info = sys.exc_info()
    line = JsonLines().format(entry)
    request_id.reset(token)
    said = json.loads(line)
    assert "\n" not in line
    assert (said["level"], said["message"], said["request_id"]) == ("ERROR", "it failed", "order-4711")
    assert said["time"].endswith("+00:00")
    assert "ValueError: no such day" in said["error"]
    assert "request_id" not in json.loads(JsonLines().format(record("elsewhere")))
