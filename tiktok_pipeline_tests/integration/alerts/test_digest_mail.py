"""Digests through the outbox to a real mail server and a real webhook: whole, once, and to nobody else."""

from __future__ import annotations

import email.message
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.alerts.routes import Channel, channels_of, digest_channels_of
from tiktok_pipeline.digest import charts, sending
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.integration.alerts.conftest import MailServer
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.digest.week import NASTY, Week


@pytest.fixture
def week(warehouse: Warehouse, clock: DatabaseClock) -> Week:
    week = Week(warehouse, clock)
    week.fill()
    week.name(NASTY)
    rows(warehouse, "update hub.stores set pic_contact = 'ayu@example.com' where store_code = 'store_0'")
    return week


def channels(mail: MailServer, receiver: Receiver) -> list[Channel]:
    urls = mail.url("boss@example.com"), f"store={mail.url('{contact}')}", receiver.url
    return digest_channels_of("\n".join(url.replace("&format=text", "") for url in urls))


def write(week: Week, to: list[Channel], day: int = 5) -> int:
    return sending.send_digests(
        week.warehouse, to, week.calendar, week.date(day), "https://portal.example.com"
    )


def send(week: Week, to: list[Channel]) -> int:
    return deliver(week.warehouse, to, ZoneInfo("UTC"), jitter=lambda: 0).sent


def parts(mail: email.message.EmailMessage) -> dict[str, list[email.message.EmailMessage]]:
    found: dict[str, list[email.message.EmailMessage]] = {}
    for part in mail.walk():
        found.setdefault(part.get_content_type(), []).append(part)
    return found


def test_a_mail_has_the_page_its_charts_and_the_text_and_a_webhook_the_numbers(
    week: Week, mail: MailServer, receiver: Receiver
) -> None:
    to = channels(mail, receiver)
    alerts = channels_of("json://127.0.0.1:9/gets-no-digest")
    assert write(week, to) == 2
    assert send(week, alerts + to) == 3
    letters = dict(mail.mails)
    assert set(letters) == {"boss@example.com", "ayu@example.com"}
    boss = letters["boss@example.com"]
    assert boss["Subject"] == "TikTok of all stores on 2026-03-06: +7 followers, +1,200 views"
    found = parts(boss)
    page = found["text/html"][0].get_content()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "https://portal.example.com/digest/2026-03-06" in page
    shown = {part["Content-ID"]: part for part in found["image/png"]}
    assert set(shown) == {"<followers.png>", "<views.png>", "<movers.png>"}
    for name, part in shown.items():
        assert f"cid:{name[1:-1]}" in page
        assert part.get_content().startswith(b"\x89PNG\r\n\x1a\n")
    assert "all 2 accounts were observed" in found["text/plain"][0].get_content()
    own = parts(letters["ayu@example.com"])
    assert "portal.example.com" not in own["text/html"][0].get_content()  # she has no login
    assert letters["ayu@example.com"]["Subject"].endswith("on 2026-03-06: +10 followers, +1,000 views")
    [posted] = receiver.received()
    assert (posted["details"]["followers_gained"], posted["details"]["gone_videos"]) == (10, 1)
    assert posted["message"].count(NASTY.split()[0]) > 2
    assert rows(week.warehouse, "select * from ops.attachment") == []  # what was sent keeps its text alone


def test_a_repeated_day_is_written_and_sent_once(week: Week, mail: MailServer, receiver: Receiver) -> None:
    to = channels(mail, receiver)
    write(week, to)
    assert write(week, to) == 0
    send(week, to)
    assert (write(week, to), send(week, to)) == (0, 0)
    assert len(mail.mails) == 2
    assert write(week, to, day=4) == 2  # another day is another digest


def test_one_that_was_killed_between_two_digests_writes_the_other_when_it_is_repeated(
    week: Week, mail: MailServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    to, draw = channels(mail, receiver), charts.draw

    def dies_at_the_second(digest, format):  # type: ignore[no-untyped-def]
        if digest.store_code is not None:
            raise KeyboardInterrupt
        return draw(digest, format)

    with monkeypatch.context() as patched:
        patched.setattr(sending, "draw", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            write(week, to)
    assert [listed.message.key for listed in list_messages(week.warehouse)] == ["digest:2026-03-06:company"]
    assert write(week, to) == 1
    assert send(week, to) == 3


def test_slack_and_others_get_the_text_and_alerts_go_their_own_way(
    week: Week, mail: MailServer, receiver: Receiver
) -> None:
    write(week, digest_channels_of(receiver.url))
    rows(
        week.warehouse,
        "insert into ops.outbox (key, kind, severity, recipient, subject, body, details)"
        " values ('alert', 'noise', 'error', 'operators', 's', 'b', '{}')",
    )
    send(week, channels_of(mail.url("ops@example.com")) + digest_channels_of(receiver.url))
    assert [to for to, _ in mail.mails] == ["ops@example.com"]
    assert receiver.received_keys() == ["digest:2026-03-06:company"]


def test_a_store_that_no_channel_reaches_has_no_digest_and_a_day_without_accounts_neither(
    week: Week, mail: MailServer, receiver: Receiver
) -> None:
    rows(week.warehouse, "update hub.stores set pic_contact = '+62 811 2233'")
    assert write(week, channels(mail, receiver)) == 1
    assert write(week, digest_channels_of(f"store={mail.url('{contact}')}")) == 0
    assert write(week, channels(mail, receiver), day=-3) == 0


def test_an_address_for_digests_takes_no_severity() -> None:
    with pytest.raises(ValueError, match="number 2: before = stands store, or nothing"):
        digest_channels_of("slack://a\nerror=slack://b")
