"""ALERT_URLS and ALERT_QUIET_HOURS, as people write them."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.alerts.outbox import OPERATORS
from tiktok_pipeline.alerts.routes import channels_of, quiet_hours, route, summary

SEVERAL = """
  slack://a/b/c, warning=slack://d/e/f,
  ERROR=mailto://u:p@example.com?to=a@example.com,b@example.com
  store=mailtos://u:p@example.com?to={contact}
  store=twilio://s:t@from/{contact}
"""


def test_addresses_are_divided_by_lines_and_commas_but_not_by_commas_within_one() -> None:
    channels = channels_of(SEVERAL)
    assert summary(channels) == "info=slack warning=slack-2 error=mailto store=mailtos store=twilio"
    assert channels[2].url.endswith("?to=a@example.com,b@example.com")
    assert "u:p" not in repr(channels)
    assert channels_of(" \n, ") == []


@pytest.mark.parametrize(
    ("severity", "recipient", "names"),
    [
        ("info", OPERATORS, ["slack"]),
        ("error", OPERATORS, ["slack", "slack-2", "mailto"]),
        ("info", "ayu@example.com", ["mailtos"]),
        ("error", "+62 (811) 22-33", ["twilio"]),
        ("warning", "a@example.com, b@example.com", ["slack", "slack-2"]),
        ("info", "ask Ayu", ["slack"]),
    ],
)
def test_a_message_goes_where_severity_and_recipient_say(
    severity: str, recipient: str, names: list[str]
) -> None:
    assert route(channels_of(SEVERAL), "any", severity, recipient) == names


def test_what_is_said_about_a_channel_goes_through_the_others() -> None:
    assert route(channels_of(SEVERAL), "any", "error", OPERATORS, "slack") == ["slack-2", "mailto"]


def test_a_contact_stands_in_the_address_and_nothing_else_of_it() -> None:
    *_, mail, phone = channels_of(SEVERAL)
    assert mail.url_for("ayu+1&x=2@example.com").endswith("?to=ayu%2B1%26x%3D2%40example.com")
    assert phone.url_for("+62 (811) 22-33").endswith("/%2B628112233")


@pytest.mark.parametrize(
    "urls",
    [
        "canary", "boss=slack://canary", "store=mailto://canary", "slack://canary/{contact}", "slack://canary x",
        "webhook+http://canary.example.com/x", "webhook+https:///canary", "webhook+https://canary:99999999/",
        "store=webhook+https://canary/{contact}",
    ],
)  # fmt: skip
def test_what_is_mistyped_is_refused_without_being_shown(urls: str) -> None:
    with pytest.raises(ValueError, match="number 2") as refused:
        channels_of(f"slack://a/b/c\n{urls}")
    assert "canary" not in str(refused.value)


def test_quiet_hours_may_have_minutes() -> None:
    assert quiet_hours("22-07") == (dt.time(22), dt.time(7))
    assert quiet_hours("22:30 - 6:45") == (dt.time(22, 30), dt.time(6, 45))
    for wrong in ("22", "22-25", "7-7", "22-07-09", "a-b", "22:5-7"):
        with pytest.raises(ValueError, match=r"like|same"):
            quiet_hours(wrong)
