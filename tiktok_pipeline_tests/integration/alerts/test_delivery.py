"""What lies in the outbox reaches people, through a real webhook receiver and a real mail server."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.alerts.delivery import Delivered, deliver
from tiktok_pipeline.alerts.mutes import end_mute, mute, mutes
from tiktok_pipeline.alerts.outbox import (
    OPERATORS,
    Attachment,
    Message,
    attach,
    list_messages,
    pending,
    put_all,
)
from tiktok_pipeline.alerts.routes import channels_of, quiet_hours
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, add_store, rows
from tiktok_pipeline_tests.integration.alerts.conftest import MailServer
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
NOWHERE = "json://127.0.0.1:9/canary-secret"


def write(warehouse: Warehouse, *keys: str, kind: str = "", to: str = OPERATORS, **more: Any) -> None:
    """Messages into the outbox; each of its own kind unless `kind` is given."""
    defaults: dict[str, Any] = {"severity": "warning", "body": "the body"}
    with warehouse.transaction() as cursor:
        put_all(
            cursor,
            [
                Message(
                    key=key,
                    kind=kind or key,
                    recipient=to,
                    subject=f"subject of {key}",
                    **{**defaults, **more},
                )
                for key in keys
            ],
        )


def send(warehouse: Warehouse, *urls: str, quiet: str | None = None) -> Delivered:
    """One pass."""
    return deliver(
        warehouse,
        channels_of("\n".join(urls)),
        ZoneInfo("Asia/Jakarta"),
        quiet=quiet_hours(quiet) if quiet else None,
        jitter=lambda: 0,
    )


def waiting(warehouse: Warehouse) -> list[str]:
    return [listed.message.key for listed in pending(warehouse)]


def test_operators_get_the_hubs_json_and_a_store_gets_mail(
    warehouse: Warehouse, receiver: Receiver, mail: MailServer
) -> None:
    add_store(warehouse)
    write(warehouse, "a", severity="error", store_code="jakarta_01", details={"n": 1})
    write(warehouse, "b", to="ayu@example.com", body="https://x.example.com/connect/t?a=b&c")
    assert send(warehouse, receiver.url, f"store={mail.url('{contact}')}").sent == 2
    [got] = receiver.received()
    assert set(got) == {"severity", "message", "details", "timestamp"}
    assert (got["severity"], got["message"]) == ("error", "subject of a\n\nthe body")
    assert got["details"] == {
        "n": 1, "key": "a", "kind": "a", "store_code": "jakarta_01", "account_id": None
    }  # fmt: skip
    assert dt.datetime.fromisoformat(got["timestamp"]).tzinfo
    [(to, sent)] = mail.mails
    assert (to, sent["Subject"]) == ("ayu@example.com", "subject of b")
    assert sent.get_content().replace("\r", "") == "https://x.example.com/connect/t?a=b&c\n\n(b)\n"
    assert waiting(warehouse) == []
    assert send(warehouse, receiver.url).sent == 0


def test_a_contact_that_no_channel_reaches_goes_to_the_operators_to_pass_on(
    warehouse: Warehouse, receiver: Receiver, mail: MailServer
) -> None:
    add_store(warehouse)
    write(warehouse, "a", to="+62 811 2233", store_code="jakarta_01")
    send(warehouse, receiver.url, f"store={mail.url('{contact}')}")
    [got] = receiver.received()
    assert got["message"].startswith("Please pass on: subject of a\n\nPlease pass on to Ayu, +62 811 2233:")
    assert mail.mails == []


def test_routes_go_by_severity(warehouse: Warehouse, receiver: Receiver, mail: MailServer) -> None:
    write(warehouse, "a", severity="info")
    write(warehouse, "b", severity="warning")
    write(warehouse, "c", severity="error")
    send(warehouse, f"warning={receiver.url}", f"error={mail.url('boss@example.com')}")
    assert sorted(receiver.received_keys()) == ["b", "c"]
    assert [sent["Subject"] for _, sent in mail.mails] == ["subject of c"]
    assert waiting(warehouse) == []  # nobody wants a


def test_a_receiver_that_fails_for_an_hour_loses_none_and_the_other_gets_no_double(
    warehouse: Warehouse, receiver: Receiver, mail: MailServer, clock: DatabaseClock
) -> None:
    both = receiver.url, mail.url("boss@example.com")
    clock.set(NOON)
    write(warehouse, "a", "b")
    receiver.answers(503)
    for minutes in range(0, 60, 4):
        clock.set(NOON + dt.timedelta(minutes=minutes))
        send(warehouse, *both)
        if minutes == 8:
            write(warehouse, "late")
    [first, *_] = pending(warehouse)
    assert [(d.channel, d.sent, d.error) for d in first.deliveries] == [
        ("mailto", True, None), ("webhook+http", False, "answered HTTP 503")
    ]  # fmt: skip
    assert 4 <= first.deliveries[1].attempts <= 8
    receiver.answers(200)
    clock.set(NOON + dt.timedelta(minutes=125))
    send(warehouse, *both)
    send(warehouse, *both)
    assert sorted(receiver.received_keys()) == ["a", "b", "late"]
    assert sorted(str(sent["Subject"]) for _, sent in mail.mails) == [
        "subject of a", "subject of b", "subject of late"
    ]  # fmt: skip
    assert waiting(warehouse) == []


def test_a_redirect_is_not_followed(warehouse: Warehouse, receiver: Receiver) -> None:
    write(warehouse, "a")
    receiver.answers(302)
    assert send(warehouse, receiver.url).failed == 1
    assert waiting(warehouse) == ["a"]


def test_after_three_days_it_is_given_up_and_the_others_say_so(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock
) -> None:
    both = receiver.url, NOWHERE
    clock.set(NOON)
    write(warehouse, "a")
    send(warehouse, *both)
    clock.set(NOON + dt.timedelta(days=2, hours=23))
    send(warehouse, *both)
    send(warehouse, *both)
    assert receiver.received_keys() == ["a"]
    clock.set(NOON + dt.timedelta(days=3, hours=2))
    send(warehouse, *both)
    send(warehouse, *both)
    assert receiver.received_keys() == ["a", "undelivered:json:2026-03-13"]
    assert waiting(warehouse) == ["a"]
    assert pending(warehouse)[0].deliveries[0].given_up
    clock.set(NOON + dt.timedelta(days=3, hours=4))
    assert send(warehouse, *both) == Delivered()


def test_what_every_channel_gave_up_is_marked_listed_for_two_weeks_and_waits_no_more(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock
) -> None:
    clock.set(NOON)
    write(warehouse, "a")
    with warehouse.transaction() as cursor:
        attach(cursor, "a", [Attachment("page.html", "text/html", b"<p>")])
    for hours in (0, 73):
        clock.set(NOON + dt.timedelta(hours=hours))
        send(warehouse, NOWHERE)
    [given_up] = [listed for listed in pending(warehouse) if listed.message.key == "a"]
    assert given_up.given_up_at is not None
    assert given_up.given_up_at >= NOON + dt.timedelta(hours=73)
    assert given_up.sent_at is None
    assert rows(warehouse, "select name from ops.attachment") == []
    send(warehouse, receiver.url)  # it is mended then, and hears of that alone
    assert receiver.received_keys() == ["undelivered:json:2026-03-13"]
    clock.set(NOON + dt.timedelta(days=16))
    assert "a" in waiting(warehouse)
    clock.set(NOON + dt.timedelta(days=18))
    assert "a" not in waiting(warehouse)
    assert [one.given_up_at is not None for one in list_messages(warehouse) if one.message.key == "a"] == [
        True
    ]


def test_a_new_channel_gets_what_waits_for_less_than_three_days_and_nothing_older(
    warehouse: Warehouse, receiver: Receiver, mail: MailServer, clock: DatabaseClock
) -> None:
    clock.set(NOON)
    write(warehouse, "old")
    clock.set(NOON + dt.timedelta(days=2))
    write(warehouse, "young")
    clock.set(NOON + dt.timedelta(days=3, minutes=1))
    assert send(warehouse, receiver.url).sent == 1
    assert receiver.received_keys() == ["young"]
    send(warehouse, receiver.url, mail.url("boss@example.com"))
    assert mail.mails == []  # what one channel has is no news to a second one
    assert waiting(warehouse) == ["old"]


def test_two_deliverers_at_once_send_each_message_once(warehouse: Warehouse, receiver: Receiver) -> None:
    keys = [f"m{n}" for n in range(30)]
    write(warehouse, *keys)
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        send(warehouse, receiver.url)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(receiver.received_keys()) == sorted(keys)


def test_a_deliverer_that_died_has_its_messages_tried_again(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    clock.set(NOON)
    write(warehouse, "a")
    with monkeypatch.context() as patched:
        patched.setattr("tiktok_pipeline.alerts.delivery.send", dies)
        with pytest.raises(KeyboardInterrupt):
            send(warehouse, receiver.url)
    assert pending(warehouse)[0].deliveries[0].attempts == 1
    assert send(warehouse, receiver.url) == Delivered()  # it might be at it still
    clock.set(NOON + dt.timedelta(minutes=6))
    assert send(warehouse, receiver.url).sent == 1


def test_a_burst_becomes_one_message_with_count_and_examples(
    warehouse: Warehouse, receiver: Receiver, mail: MailServer
) -> None:
    write(warehouse, *(f"m{n}" for n in range(40)), kind="reconnected")
    write(warehouse, *(f"few{n}" for n in range(5)), kind="few")
    write(warehouse, *(f"s{n}" for n in range(30)), kind="reconnect", to="ayu@example.com", body="LINK")
    send(warehouse, receiver.url, f"store={mail.url('{contact}')}")
    got = receiver.received()
    assert len(got) == 6
    [burst] = [message for message in got if "count" in message["details"]]
    assert burst["message"].startswith("40 messages: reconnected\n\n- subject of m0\n")
    assert burst["message"].count("subject of") == 5
    assert "and 35 more" in burst["message"]
    assert len(burst["details"]["keys"]) == 40
    assert [mailed.get_content().count("LINK") for _, mailed in mail.mails] == [20, 10]  # each is needed
    assert waiting(warehouse) == []


def test_in_quiet_hours_only_errors_are_sent(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T20:00:00+07:00")
    write(warehouse, "info", severity="info")
    write(warehouse, "error", severity="error")
    for at in ("2026-03-10T22:00:01", "2026-03-11T06:59:00"):
        clock.set(f"{at}+07:00")
        send(warehouse, receiver.url, quiet="22-07")
        assert receiver.received_keys() == ["error"]
    clock.set("2026-03-11T07:00:01+07:00")
    send(warehouse, receiver.url, quiet="22-07")
    assert receiver.received_keys() == ["error", "info"]
    write(warehouse, "at noon")
    clock.set("2026-03-11T12:30:00+07:00")
    send(warehouse, receiver.url, quiet="12-13:30")
    assert "at noon" not in receiver.received_keys()


def test_what_is_muted_is_kept_and_never_sent(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock
) -> None:
    clock.set(NOON)
    account = add_account(warehouse)
    assert mute(warehouse, "noise", "8h") == pytest.approx(
        NOON + dt.timedelta(hours=8), abs=dt.timedelta(minutes=1)
    )
    mute(warehouse, f"account:{account}", "3d")
    write(warehouse, "noise", "music")
    write(warehouse, "of account", account_id=account)
    send(warehouse, receiver.url)
    assert receiver.received_keys() == ["music"]
    assert waiting(warehouse) == []
    assert [bool(listed.muted_at) for listed in list_messages(warehouse)] == [True, False, True]
    assert [(m.what, m.messages) for m in mutes(warehouse)] == [("noise", 1), (f"account:{account}", 1)]
    end_mute(warehouse, f"account:{account}")
    clock.set(NOON + dt.timedelta(hours=9))
    assert mutes(warehouse) == []
    write(warehouse, "later", kind="noise")
    send(warehouse, receiver.url)
    assert receiver.received_keys() == ["music", "later"]
    with pytest.raises(PipelineError, match="not muted"):
        end_mute(warehouse, "noise")
    with pytest.raises(PipelineError, match="no such account"):
        mute(warehouse, "account:999", "8h")


def test_a_message_loses_its_text_when_its_link_is_used_or_over_but_not_before_it_is_sent(
    warehouse: Warehouse, receiver: Receiver, clock: DatabaseClock
) -> None:
    clock.set(NOON)
    account = add_account(warehouse)
    ends = NOON + dt.timedelta(days=14)
    rows(
        warehouse,
        "insert into ops.connect_link (link_hash, store_code, account_id, made_by, expires_at)"
        " values (sha256('x'), 'jakarta_01', %s, 'sensor', %s)",
        account,
        ends,
    )
    about: dict[str, Any] = {"account_id": account, "store_code": "jakarta_01"}
    write(warehouse, "used", **about, details={"link_expires_at": ends.isoformat()})
    write(warehouse, "other", **about, details={"link_expires_at": (ends + dt.timedelta(days=1)).isoformat()})
    write(warehouse, "no link", **about)
    receiver.answers(500)
    rows(warehouse, "update ops.connect_link set finished_at = ops.now()")
    send(warehouse, receiver.url)
    assert [listed.message.body for listed in list_messages(warehouse)] == ["the body"] * 3
    receiver.answers(200)
    clock.set(NOON + dt.timedelta(minutes=5))
    send(warehouse, receiver.url)
    assert [listed.message.body for listed in list_messages(warehouse)] == ["", "the body", "the body"]
    clock.set(NOON + dt.timedelta(days=16))
    send(warehouse, receiver.url)
    assert [listed.message.body for listed in list_messages(warehouse)] == ["", "", "the body"]


def test_a_channel_that_is_taken_out_holds_nothing_up(warehouse: Warehouse, receiver: Receiver) -> None:
    write(warehouse, "a")
    send(warehouse, receiver.url, NOWHERE)
    assert waiting(warehouse) == ["a"]
    send(warehouse, receiver.url)
    assert waiting(warehouse) == []
    assert receiver.received_keys() == ["a"]


def test_no_secret_of_an_address_is_logged_or_stored(
    warehouse: Warehouse, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "urllib3")  # at DEBUG it names the path of every request
    receiver.answers(500)
    write(warehouse, "a")
    addresses = (
        receiver.url, NOWHERE, "json://u:canary-password@127.0.0.1:9", "slack://canary/canary/canary",
        "webhook+https://u:canary-password@127.0.0.1:9/canary-secret", "nonsense://canary-secret",
        "mailto://canary-user:canary-password@127.0.0.1:9?to=a@example.com&from=b@example.com",
    )  # fmt: skip
    done = send(warehouse, *addresses)
    assert done.failed == len(addresses)
    stored = str(rows(warehouse, "select * from ops.outbox"))
    stored += str(rows(warehouse, "select * from ops.delivery"))
    assert "not reached" in stored
    assert "canary" not in stored + caplog.text + repr(channels_of("\n".join(addresses)))


def test_without_a_channel_nothing_is_sent_and_all_is_listed(warehouse: Warehouse) -> None:
    write(warehouse, "a")
    assert send(warehouse) == Delivered()
    assert waiting(warehouse) == ["a"]
