"""What is wrong is told once, with reminders, and once when it is over; a normal day is quiet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tiktok_pipeline.alerts.incidents import Facts, Looked, look, open_incidents
from tiktok_pipeline.alerts.outbox import Message, list_messages
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    capture_today,
    ledger,
    rows,
    user_body,
    video,
    videos_body,
)
from tiktok_pipeline_tests.capturing import USERS, VIDEOS
from tiktok_pipeline_tests.integration.alerts.conftest import MailServer
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.alerts.test_delivery import send

LISTS = "snapshots.account_day_verdict"
FIRST = dt.date(2026, 3, 10)
FAILING = """
insert into reporting.quality_results
(table_name, check_name, day, passed, severity, failing, message, failing_since)
values ('snapshots.x', %s, ops.day_of(ops.now(), 'UTC'), false, %s, 2, 'two are off', ops.now())
on conflict (day, table_name, check_name) do update
set passed = false, severity = excluded.severity, failing_since = ops.now()
"""
PASSING = "update reporting.quality_results set passed = true, failing_since = null"


class House:
    """A pipeline without Dagster whose days go by as told."""

    def __init__(self, warehouse: Warehouse, clock: DatabaseClock) -> None:
        self.warehouse = warehouse
        self.clock = clock
        self.day = FIRST
        self.facts: dict[str, Any] = {}

    def at(self, hour: int, minute: int = 0, day: dt.date | None = None) -> None:
        """Let it be that time of the day, in UTC."""
        self.day = day or self.day
        self.clock.set(dt.datetime.combine(self.day, dt.time(hour, minute), dt.UTC))

    def look(self) -> Looked:
        looked = look(self.warehouse, Facts("UTC", **self.facts))
        assert looked.broken == {}
        return looked

    def run(self, *, derived: bool = True) -> None:
        """What the job of 02:00 does: capture, close, derive."""
        for endpoint, body in (("user_info", user_body()), ("video_list", videos_body(video("1")))):
            book = ledger(self.warehouse, endpoint)  # type: ignore[arg-type]
            capture_today(book, body)
            book.close_all()
        if derived:
            for table in (USERS, VIDEOS, LISTS):
                derive(self.warehouse, table, self.day, self.day)

    def told(self, kind: str | None = None) -> list[Message]:
        listed = [message.message for message in list_messages(self.warehouse)]
        return [message for message in listed if kind in (None, message.kind)]

    def words(self, kind: str | None = None) -> list[str]:
        """What was told, one word each."""
        return [message.details["what"] for message in self.told(kind)]


@pytest.fixture
def house(warehouse: Warehouse, clock: DatabaseClock) -> House:
    house = House(warehouse, clock)
    house.at(1)
    for number in range(5):
        add_account(warehouse, f"open {number}", store=f"store_{number}", connected_at="2026-03-10T00:00:00Z")
    house.at(2)
    house.run()
    return house


def test_a_cause_is_told_once_reminded_of_with_growing_distance_and_told_when_over(house: House) -> None:
    rows(house.warehouse, FAILING, "sums", "warning")
    for day in range(20):
        for hour in (3, 15):
            # a minute later each day, so that what is due after whole days is due however slow the machine is
            house.at(hour, day, FIRST + dt.timedelta(days=day))
            rows(house.warehouse, FAILING, "sums", "warning")
            look(house.warehouse, Facts("UTC"), ["check_failed"])
    told = house.told()
    assert [(message.details["what"], message.details["count"]) for message in told] == [
        ("new", 2), ("reminder", 4), ("worse", 8), ("reminder", 14), ("reminder", 14)
    ]  # fmt: skip
    assert told[0].subject == "the check sums of snapshots.x fails on 2026-03-10"
    assert "- 2026-03-10: two are off" in told[0].body
    assert told[1].subject == "still: the check sums of snapshots.x fails on 2 days"
    rows(house.warehouse, PASSING)
    look(house.warehouse, Facts("UTC"), ["check_failed"])
    assert len(house.told()) == 5
    house.at(15, 30)
    look(house.warehouse, Facts("UTC"), ["check_failed"])
    look(house.warehouse, Facts("UTC"), ["check_failed"])
    assert house.words()[5:] == ["over"]
    assert house.told()[5].subject.startswith("over: the check sums")
    assert open_incidents(house.warehouse) == []


def test_what_gets_worse_is_told_again_and_what_gets_better_is_not(house: House) -> None:
    for severity in ("warning", "error", "warning", "error"):
        rows(house.warehouse, FAILING, "sums", severity)
        house.look()
    assert [(message.severity, message.details["what"]) for message in house.told()] == [
        ("warning", "new"), ("error", "worse")
    ]  # fmt: skip


def test_what_doubles_is_told_again_and_what_grows_by_one_is_not(house: House) -> None:
    for failing in (2, 3, 4, 5, 6, 11, 12):
        rows(house.warehouse, FAILING, "sums", "warning")
        rows(house.warehouse, "update reporting.quality_results set failing = %s where not passed", failing)
        house.look()
    assert [(message.details["count"], message.details["what"]) for message in house.told()] == [
        (2, "new"), (5, "worse"), (11, "worse")
    ]  # fmt: skip


def test_a_failure_that_only_grew_old_is_not_said_to_be_mended(house: House) -> None:
    rows(house.warehouse, FAILING, "sums", "error")
    house.look()
    rows(house.warehouse, "update reporting.quality_results set day = day - 8")
    house.look()
    house.at(3, 30)
    house.look()
    over = house.told()[-1]
    assert over.subject.startswith("over: ")
    assert over.body.startswith("No day of the last week fails it now. Days before may")


def test_what_flaps_is_told_once_and_what_flickers_never(house: House) -> None:
    for minute in range(0, 40, 2):
        house.at(3, minute)
        rows(house.warehouse, FAILING, "sums", "error") if minute % 4 == 0 else rows(house.warehouse, PASSING)
        house.look()
    assert house.words() == ["new"]
    rows(house.warehouse, "delete from ops.heartbeat")
    rows(
        house.warehouse,
        "insert into ops.heartbeat values ('a', ops.now(), ops.now() - interval '11 minutes')",
    )
    look(house.warehouse, Facts("UTC"), ["daemon_silent"])
    house.at(3, 50)
    rows(house.warehouse, "update ops.heartbeat set last_at = ops.now()")
    look(house.warehouse, Facts("UTC"), ["daemon_silent"])
    house.at(3, 55)
    look(house.warehouse, Facts("UTC"), ["daemon_silent"])
    assert house.told("daemon_silent") == []
    assert rows(house.warehouse, "select id from ops.incident where kind = 'daemon_silent'") == []


def test_a_condition_that_cannot_be_looked_at_ends_nothing_and_holds_no_other_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(house.warehouse, FAILING, "sums", "warning")
    house.look()
    rows(house.warehouse, "alter table reporting.quality_results rename to away")
    house.at(4)
    looked = look(house.warehouse, Facts("UTC", ticks=[{"name": "s", "failures": 3, "error": "x"}]))
    assert list(looked.broken) == ["check_failed"]
    assert house.words("tick_failed") == ["new"]
    house.at(5)
    look(house.warehouse, Facts("UTC"))
    assert house.words("check_failed") == ["new"]


def test_a_receiver_that_fails_for_an_hour_loses_no_incident_and_mail_and_webhook_get_it(
    house: House, receiver: Receiver, mail: MailServer
) -> None:
    house.at(3)
    rows(house.warehouse, FAILING, "sums", "error")
    house.look()
    receiver.answers(503)
    for minute in range(0, 60, 5):
        house.at(3, minute)
        send(house.warehouse, receiver.url, mail.url("boss@example.com"))
    receiver.answers(200)
    house.at(5)
    send(house.warehouse, receiver.url, mail.url("boss@example.com"))
    [got] = receiver.received()
    assert got["severity"] == "error"
    assert got["details"]["kind"] == "check_failed"
    [(_, sent)] = mail.mails
    assert sent["Subject"] == "the check sums of snapshots.x fails on 2026-03-10"


# Each condition: what breaks it, at which time of the next day it is looked at, and what of it is then said.


def _gap(house: House) -> None:
    rows(
        house.warehouse,
        "update capture.account_day set state = 'gap', reason = 'missed', chosen_capture_no = null"
        " where account_id = (select min(id) from hub.store_accounts) and endpoint = 'video_list' and day = %s",
        FIRST,
    )


def _fail(house: House) -> None:
    rows(
        house.warehouse,
        "update capture.account_day set state = 'failed', reason = 'malformed', error_code = 'cursor_stuck',"
        " error_message = 'the cursor stands' where endpoint = 'video_list' and day = %s",
        house.day,
    )


def _quarantine(house: House) -> None:
    rows(
        house.warehouse,
        "insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)"
        " select id, 'video_list', %s, 'jumps', 'ten times as many' from hub.store_accounts",
        FIRST,
    )


def _circuit(house: House) -> None:
    rows(
        house.warehouse,
        "insert into ops.circuit (client_key, endpoint, failures, last_error, opened_at, rest, probe_at)"
        " select 'key', e, 20, 'http_503', ops.now() - interval '16 minutes', '1 minute', ops.now()"
        " from unnest(array['/v2/video/list/', '/v2/user/info/']) as e",
    )


def _two_daemons(house: House) -> None:
    for daemon in ("a", "b"):
        rows(
            house.warehouse,
            "insert into ops.heartbeat values (%s, ops.now() - interval '30 minutes', ops.now())",
            daemon,
        )


def _silent(house: House) -> None:
    rows(
        house.warehouse,
        "insert into ops.heartbeat values ('a', ops.now() - interval '1 day', ops.now() - interval '11 minutes')",
    )


def _nothing_derived(house: House) -> None:
    rows(house.warehouse, "delete from snapshots.tiktok_video_daily")


def _unrun(house: House) -> None:
    rows(house.warehouse, "delete from capture.account_day where day = %s", house.day)


def _forecast(house: House) -> None:
    house.facts["forecasts"] = [
        {"client_key": "key", "accounts": 5, "fits": False, "fits_until": None, "words": "9 pages"}
    ]


def _ticks(house: House) -> None:
    house.facts["ticks"] = [{"name": "reconnect", "failures": 3, "error": "no key ring"}]


CONDITIONS: dict[str, tuple[Callable[[House], object], str, str]] = {
    "gaps": (_gap, "1 account-days of 2026-03-10 are gaps: missed", "store_0 video_list"),
    "failed_captures": (_fail, "5 captures fail: malformed, cursor_stuck", "the cursor stands"),
    "quarantined": (_quarantine, "reports leave 5 account-days out: jumps", "ten times as many"),
    "circuit_open": (_circuit, "TikTok has not answered since", "http_503"),
    "two_daemons": (_two_daemons, "2 Dagster daemons are at work", "stop it"),
    "daemon_silent": (_silent, "Dagster's daemon is silent since", "Start it again"),
    "snapshots_stale": (
        _nothing_derived,
        "snapshots.tiktok_video_daily lacks 5 accounts of 2026-03-10",
        "derived",
    ),
    "late_capture": (_unrun, "10 of 10 captures of 2026-03-11 are missing after 06:00", "CAPTURE_DEADLINE"),
    "quota_forecast": (_forecast, "the daily capture does not fit its window", "9 pages"),
    "tick_failed": (_ticks, "reconnect fails: its last 3 ticks did", "no key ring"),
    "check_failed": (
        lambda house: rows(house.warehouse, FAILING, "sums", "error"),
        "the check sums of snapshots.x fails on 2026-03-11",
        "two are off",
    ),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_fault_is_told_once_in_words_that_say_what_to_do(house: House, kind: str) -> None:
    breaks, subject, words = CONDITIONS[kind]
    house.at(2, day=FIRST + dt.timedelta(days=1))
    house.run()
    house.at(6, 1)
    house.look()
    assert house.told() == []
    breaks(house)
    for minute in (2, 4, 10, 25):
        house.at(6, minute)
        if kind == "two_daemons":
            rows(house.warehouse, "update ops.heartbeat set last_at = ops.now()")
        house.look()
    assert [message.kind for message in house.told()] == [kind]
    [told] = house.told()
    assert told.subject.startswith(subject)
    assert words in told.body
    assert len(told.details["examples"]) <= 5


def test_accounts_to_reconnect_are_reminded_of_and_not_told_a_second_time(house: House) -> None:
    rows(
        house.warehouse,
        "update hub.store_accounts set status = 'NEED_RECONNECT', status_changed_at = ops.now()",
    )
    kinds = ["reconnect_open"]
    look(house.warehouse, Facts("UTC"), kinds)
    assert house.told() == []
    house.at(3, day=FIRST + dt.timedelta(days=1))
    look(house.warehouse, Facts("UTC"), kinds)
    [told] = house.told()
    assert told.subject == "still: 5 accounts wait to be reconnected"
    rows(house.warehouse, "update hub.store_accounts set status = 'CONNECTED'")
    look(house.warehouse, Facts("UTC"), kinds)
    house.at(4)
    look(house.warehouse, Facts("UTC"), kinds)
    assert len(house.told()) == 1
    assert open_incidents(house.warehouse) == []


def test_gaps_of_other_accounts_are_told_again_and_those_of_the_same_are_not(house: House) -> None:
    """One a day, so that their number never says that it is another store's day that is lost."""
    lost = (0, 0, 1, 0, 1, 2, 2)
    for number, account in enumerate(lost):
        day = FIRST + dt.timedelta(days=number)
        house.at(2, day=day)
        if number:
            house.run()
        rows(
            house.warehouse,
            "update capture.account_day set state = 'gap', reason = 'missed', chosen_capture_no = null"
            " where endpoint = 'video_list' and day = %s and account_id ="
            " (select id from hub.store_accounts where store_code = %s)",
            day,
            f"store_{account}",
        )
        for hour in (1, 2):
            house.at(hour, number, day + dt.timedelta(days=1))
            look(house.warehouse, Facts("UTC"), ["gaps"])
    told = house.told("gaps")
    assert [(message.details["what"], message.subject[-40:]) for message in told] == [
        ("new", "1 account-days of 2026-03-10 are gaps: missed"[-40:]),
        ("reminder", "1 account-days of 2026-03-11 are gaps: missed"[-40:]),
        ("others", "1 account-days of 2026-03-12 are gaps: missed"[-40:]),
        ("others", "1 account-days of 2026-03-15 are gaps: missed"[-40:]),
    ]
    others = told[2]
    assert others.subject.startswith("others, too: ")
    assert others.body.startswith("Not told of before: store_1, account ")
    assert "store_0" not in others.body


def test_a_backfill_of_old_dates_clears_no_alarm_about_the_latest_day(house: House) -> None:
    house.at(2, day=FIRST + dt.timedelta(days=1))
    house.run(derived=False)
    house.at(3, day=FIRST + dt.timedelta(days=2))
    for minute in (0, 25):
        house.at(3, minute)
        house.look()
    assert {message.kind for message in house.told()} == {"snapshots_stale"}
    for table in (USERS, VIDEOS, LISTS):
        derive(house.warehouse, table, FIRST, FIRST)
    house.at(5)
    house.look()
    assert {incident.kind for incident in open_incidents(house.warehouse)} >= {"snapshots_stale"}
    assert "over" not in house.words("snapshots_stale")
    for table in (USERS, VIDEOS, LISTS):
        derive(house.warehouse, table, FIRST + dt.timedelta(days=1), FIRST + dt.timedelta(days=1))
    for minute in (1, 20):
        house.at(5, minute)
        house.look()
    assert house.words("snapshots_stale") == ["new"] * 3 + ["over"] * 3
