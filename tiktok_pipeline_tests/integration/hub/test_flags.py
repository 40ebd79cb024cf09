"""When an account needs a person: who is told, once, and what is told when it is connected again."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.alerts.outbox import OPERATORS, list_messages, pending, put
from tiktok_pipeline.hub import flags
from tiktok_pipeline.hub.accounts import mark_need_reconnect
from tiktok_pipeline.hub.flags import (
    handle_status_changes,
    look_for_catch_up,
    tell_people,
    warn_of_grant_ends,
)
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline_tests.building import (
    DatabaseClock,
    add_account,
    add_store,
    capture_today,
    ledger,
    rows,
    user_body,
    videos_body,
)

ZONE = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def links(warehouse: Warehouse) -> ConnectLinks:
    return ConnectLinks(warehouse, b"s" * 40, "https://stores.example.com", 14)


def need_reconnect(warehouse: Warehouse, account: int, reason: str = "TikTok refused the token") -> None:
    with warehouse.transaction() as cursor:
        assert mark_need_reconnect(cursor, account, reason)


def connect_again(warehouse: Warehouse, account: int) -> None:
    set_status(warehouse, account, "CONNECTED")


def set_status(warehouse: Warehouse, account: int, status: str, reason: str | None = None) -> None:
    rows(
        warehouse,
        "update hub.store_accounts set status = %s, status_reason = %s where id = %s",
        status,
        reason,
        account,
    )


def with_contact(warehouse: Warehouse, contact: str = "ayu@example.com") -> None:
    rows(warehouse, "update hub.stores set pic_contact = %s", contact)


def grant_of(warehouse: Warehouse, account: int, days: float) -> None:
    rows(
        warehouse,
        "update hub.store_accounts set refresh_token_expires_at = ops.now() + make_interval(secs => %s) where id = %s",
        days * 86400,
        account,
    )


def told(warehouse: Warehouse, kind: str | None = None) -> list[Any]:
    return [listed.message for listed in list_messages(warehouse) if kind in (None, listed.message.kind)]


def links_made(warehouse: Warehouse) -> int:
    return int(rows(warehouse, "select count(*)::int as made from ops.connect_link")[0]["made"])


def test_every_change_of_status_is_noted_and_nothing_else(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    need_reconnect(warehouse, account, "first")
    rows(
        warehouse,
        "update hub.store_accounts set status = status, display_name = 'Ayu', updated_at = ops.now()",
    )
    connect_again(warehouse, account)
    noted = rows(
        warehouse, "select from_status, to_status, reason, handled_at from hub.status_change order by id"
    )
    assert [tuple(row.values()) for row in noted] == [
        (None, "CONNECTED", None, None),
        ("CONNECTED", "NEED_RECONNECT", "first", None),
        ("NEED_RECONNECT", "CONNECTED", None, None),
    ]


def test_an_episode_gives_one_link_to_the_contact_and_the_operators(
    warehouse: Warehouse, links: ConnectLinks, caplog: pytest.LogCaptureFixture
) -> None:
    account = add_account(warehouse)
    with_contact(warehouse)
    need_reconnect(warehouse, account, "TikTok refused the token")
    with caplog.at_level(logging.INFO, "tiktok_pipeline"):
        assert tell_people(warehouse, links, ZONE) == 2
        assert tell_people(warehouse, links, ZONE) == 0
    operators, contact = told(warehouse)
    assert (operators.recipient, contact.recipient) == (OPERATORS, "ayu@example.com")
    assert (operators.kind, operators.severity, operators.account_id) == ("reconnect", "warning", account)
    assert "TikTok refused the token" in operators.body
    assert "ayu@example.com" in operators.body
    assert contact.body.startswith("Hello Ayu,")
    address = contact.body[contact.body.index("https://") :].split()[0]
    assert address in operators.body
    found = links.look(address.rpartition("/")[2])
    assert (found.state, found.account_id) == ("usable", account)
    assert links_made(warehouse) == 1
    assert f"account {account}" in caplog.text
    assert "connect/" not in caplog.text
    assert "ayu@" not in caplog.text


def test_a_store_without_a_contact_is_the_operators_to_reach(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    need_reconnect(warehouse, add_account(warehouse))
    tell_people(warehouse, links, ZONE)
    [message] = told(warehouse)
    assert message.recipient == OPERATORS
    assert "pass the link on" in message.body


def test_a_second_episode_gets_a_second_link(warehouse: Warehouse, links: ConnectLinks) -> None:
    account = add_account(warehouse)
    for _ in range(2):
        need_reconnect(warehouse, account)
        tell_people(warehouse, links, ZONE)
        connect_again(warehouse, account)
        tell_people(warehouse, links, ZONE)
    assert [message.kind for message in told(warehouse)] == ["reconnect", "reconnected"] * 2
    assert links_made(warehouse) == 2


def test_an_account_that_was_reconnected_meanwhile_gets_no_link(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    account = add_account(warehouse)
    need_reconnect(warehouse, account)
    connect_again(warehouse, account)
    need_reconnect(warehouse, account, "again")
    connect_again(warehouse, account)
    tell_people(warehouse, links, ZONE)
    assert [message.kind for message in told(warehouse)] == ["reconnected"]
    assert links_made(warehouse) == 0


def test_an_account_that_keeps_failing_is_the_operators_business(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    account = add_account(warehouse)
    with_contact(warehouse)
    set_status(warehouse, account, "ERROR", "its captures failed")
    tell_people(warehouse, links, ZONE)
    connect_again(warehouse, account)
    tell_people(warehouse, links, ZONE)
    assert [(message.kind, message.severity, message.recipient) for message in told(warehouse)] == [
        ("account_error", "error", OPERATORS),
        ("recovered", "info", OPERATORS),
    ]


def test_what_fails_in_the_middle_is_told_later_and_once(
    warehouse: Warehouse, links: ConnectLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_reconnect(warehouse, add_account(warehouse))
    with monkeypatch.context() as broken:
        broken.setattr(flags, "put_all", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            handle_status_changes(warehouse, links, ZONE, limit=10)
    assert told(warehouse) == []
    tell_people(warehouse, links, ZONE)
    assert len(told(warehouse)) == 1


def test_two_at_once_share_the_changes(warehouse: Warehouse, links: ConnectLinks) -> None:
    accounts = [add_account(warehouse, f"open {number}", status="NEED_RECONNECT") for number in range(40)]
    handled: list[int] = []

    def handle() -> None:
        handled.append(tell_people(warehouse, links, ZONE))

    threads = [threading.Thread(target=handle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(handled) == 40
    assert sorted(message.account_id for message in told(warehouse)) == accounts
    assert links_made(warehouse) == 40


def test_a_call_is_bounded_in_number_and_in_time(warehouse: Warehouse, links: ConnectLinks) -> None:
    for number in range(60):
        add_account(warehouse, f"open {number}", status="NEED_RECONNECT")
    assert tell_people(warehouse, links, ZONE, most=30) == 30
    ticks = iter([0.0, 1.0, 41.0, 42.0])  # the first batch takes longer than is left
    assert tell_people(warehouse, links, ZONE, elapsed=lambda: next(ticks)) == 25
    assert tell_people(warehouse, links, ZONE) == 5


def test_a_grants_end_is_announced_once_per_threshold(
    warehouse: Warehouse, links: ConnectLinks, clock: DatabaseClock
) -> None:
    clock.set("2026-03-01T12:00:00")
    account = add_account(warehouse)
    with_contact(warehouse)
    end = dt.datetime(2026, 4, 15, 12, tzinfo=dt.UTC)
    announced = []
    for days in range(46):
        now = end - dt.timedelta(days=45 - days, minutes=-1)
        clock.set(now)
        # Every refresh tells the end anew, a little off.
        grant_of(warehouse, account, (end - now).total_seconds() / 86400 + (days % 3 - 1) / 86400)
        for _ in range(2):
            warn_of_grant_ends(warehouse, links, ZONE, limit=10)
        announced.append(len(told(warehouse, "grant_end")))
    per_day = [after - before for before, after in zip([0, *announced], announced, strict=False)]
    assert {45 - day: count for day, count in enumerate(per_day) if count} == {30: 2, 14: 2, 7: 2, 1: 2}
    assert links_made(warehouse) == 4
    last = told(warehouse, "grant_end")[-1]
    assert last.recipient == "ayu@example.com"
    assert "15 April 2026" in last.subject


def test_only_the_narrowest_threshold_is_announced_and_only_while_it_helps(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    ends = {"soon": 5.0, "later": 31.0, "over": -1.0, "waits": 5.0, "off": 5.0}
    accounts = {name: add_account(warehouse, name) for name in ends}
    for name, days in ends.items():
        grant_of(warehouse, accounts[name], days)
    set_status(warehouse, accounts["waits"], "NEED_RECONNECT")
    set_status(warehouse, accounts["off"], "DISABLED")
    assert warn_of_grant_ends(warehouse, links, ZONE, limit=10) == 1
    [message] = told(warehouse, "grant_end")
    assert (message.account_id, message.details["days"]) == (accounts["soon"], 7)
    grant_of(warehouse, accounts["soon"], 180)
    grant_of(warehouse, accounts["soon"], 20)  # a new grant, which ends on another day
    assert warn_of_grant_ends(warehouse, links, ZONE, limit=10) == 1
    assert told(warehouse, "grant_end")[-1].details["days"] == 30


def test_a_grant_lost_between_tiktok_and_us_is_told_once(
    warehouse: Warehouse, links: ConnectLinks, clock: DatabaseClock
) -> None:
    account = add_account(warehouse)
    with_contact(warehouse)
    rows(
        warehouse,
        """
        insert into ops.oauth_transaction (
            state_hash, binding_hash, store_code, account_id, actor, client_key, redirect_uri, scopes, expires_at,
            consumed_at
        )
        select
            sha256(name::bytea), sha256(name::bytea), 'jakarta_01', account_id, 'link', 'key', 'u', 's', ops.now(),
            ops.now() - age
        from (values
            ('lost', null::bigint, interval '3 minutes'),
            ('lost reconnect', %s, interval '3 minutes'),
            ('under way', null, interval '1 minute')
        ) as given (name, account_id, age)
        """,
        account,
    )
    for _ in range(2):
        tell_people(warehouse, links, ZONE)
    assert [(message.account_id, message.recipient) for message in told(warehouse, "lost_grant")] == [
        (None, OPERATORS),
        (None, "ayu@example.com"),
        (account, OPERATORS),
        (account, "ayu@example.com"),
    ]
    assert links_made(warehouse) == 2


def test_a_lost_grant_of_a_store_that_connected_since_needs_nobody(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    add_account(warehouse)
    rows(
        warehouse,
        """
        insert into ops.oauth_transaction (
            state_hash, binding_hash, store_code, actor, client_key, redirect_uri, scopes, expires_at,
            consumed_at, outcome, finished_at
        )
        select
            sha256(name::bytea), sha256(name::bytea), 'jakarta_01', 'link', 'key', 'u', 's', ops.now(),
            ops.now() - age, outcome, case when outcome is not null then ops.now() - age end
        from (values
            ('lost', interval '5 minutes', null),
            ('done', interval '3 minutes', 'connected')
        ) as given (name, age, outcome)
        """,
    )
    tell_people(warehouse, links, ZONE)
    assert told(warehouse, "lost_grant") == []
    assert links_made(warehouse) == 0


def test_a_lost_grant_whose_link_is_old_is_told_without_waiting_for_itself(
    warehouse: Warehouse, database_url: str
) -> None:
    add_store(warehouse)
    options = make_url(database_url).update_query_dict({"options": "-c lock_timeout=2s"})
    impatient = Warehouse(options.render_as_string(hide_password=False))
    links = ConnectLinks(impatient, b"s" * 40, "https://stores.example.com", 14)
    links.make("jakarta_01", made_by="cli")
    rows(warehouse, "update ops.connect_link set expires_at = ops.now() - interval '31 days'")
    rows(
        warehouse,
        """
        insert into ops.oauth_transaction (
            state_hash, binding_hash, store_code, actor, link_id, client_key, redirect_uri, scopes, expires_at,
            consumed_at
        )
        select
            sha256('s'), sha256('b'), store_code, 'link', id, 'key', 'u', 's', ops.now(), ops.now() - interval '3 minutes'
        from ops.connect_link
        """,
    )
    tell_people(warehouse, links, ZONE)
    assert len(told(warehouse, "lost_grant")) == 1
    assert links_made(warehouse) == 2
    impatient.close()


@pytest.mark.parametrize("what", ["status", "grant", "lost"])
def test_telling_people_and_deleting_a_store_do_not_wait_for_each_other(
    warehouse: Warehouse, links: ConnectLinks, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    account = add_account(warehouse)
    if what == "status":
        need_reconnect(warehouse, account)
    elif what == "grant":
        grant_of(warehouse, account, 5)
    else:
        rows(
            warehouse,
            """
            insert into ops.oauth_transaction (
                state_hash, binding_hash, store_code, account_id, actor, client_key, redirect_uri, scopes, expires_at,
                consumed_at
            )
            select
                sha256('s'), sha256('b'), store_code, id, 'x', 'key', 'u', 's', ops.now(),
                ops.now() - interval '3 minutes'
            from hub.store_accounts
            """,
        )
    real, deleting = run, threading.Event()

    def slowly(cursor: Any, name: str, values: Any = None) -> Any:
        found = real(cursor, name, values)
        if name in ("hub/take_status_changes", "hub/grants_ending", "hub/about_lost_grants"):
            deleting.set()
            time.sleep(0.5)
        return found

    monkeypatch.setattr(flags, "run", slowly)

    def delete() -> None:
        assert deleting.wait(10)
        rows(warehouse, "delete from hub.stores")

    ways = [
        threading.Thread(target=tell_people, args=(warehouse, links, ZONE), daemon=True),
        threading.Thread(target=delete, daemon=True),
    ]
    for way in ways:
        way.start()
    for way in ways:
        way.join(8)
    stuck = any(way.is_alive() for way in ways)
    if stuck:
        rows(
            warehouse,
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()",
        )
    assert not stuck
    assert rows(warehouse, "select 1 from hub.stores") == []


def test_what_became_connected_is_caught_up_while_today_lacks_it(
    warehouse: Warehouse, links: ConnectLinks, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T20:00:00")  # the 11th in Jakarta
    account = add_account(warehouse)
    found = look_for_catch_up(warehouse, ZONE, 0)
    assert (found.day, found.hour, found.accounts) == (dt.date(2026, 3, 11), 3, 1)
    assert found.newest == found.newest_lacking
    assert look_for_catch_up(warehouse, ZONE, found.newest).newest_lacking is None
    for endpoint, body in (("user_info", user_body()), ("video_list", videos_body())):
        capture_today(ledger(warehouse, endpoint, zone=ZONE.key), body)  # type: ignore[arg-type]
    assert look_for_catch_up(warehouse, ZONE, 0).newest_lacking is None
    need_reconnect(warehouse, account)
    connect_again(warehouse, account)
    assert look_for_catch_up(warehouse, ZONE, 0).newest_lacking is None
    late = add_account(warehouse, "late")
    assert look_for_catch_up(warehouse, ZONE, found.newest).accounts == 1
    set_status(warehouse, late, "DISABLED")
    assert look_for_catch_up(warehouse, ZONE, 0).newest_lacking is None
    for endpoint in ("user_info", "video_list"):
        book = ledger(warehouse, endpoint, zone=ZONE.key)  # type: ignore[arg-type]
        book.plan(book.today())  # notes that nothing is captured of it
    set_status(warehouse, late, "CONNECTED")
    assert look_for_catch_up(warehouse, ZONE, 0).accounts == 1


def test_a_message_is_written_once_and_foreign_text_cannot_break_a_line(warehouse: Warehouse) -> None:
    with warehouse.transaction() as cursor:
        message: dict[str, Any] = {
            "key": "k", "kind": "note", "severity": "info", "recipient": OPERATORS, "subject": "\x1b[31ma\nb\0",
        }  # fmt: skip
        assert put(cursor, **message, body="one\ntwo\0")
        assert not put(cursor, **message, body="another")
    [listed] = pending(warehouse)
    assert listed.message.subject == "[31ma b\N{REPLACEMENT CHARACTER}"
    assert listed.message.body == "one\ntwo\N{REPLACEMENT CHARACTER}"
    rows(warehouse, "update ops.outbox set sent_at = ops.now()")
    assert pending(warehouse) == []
    assert len(list_messages(warehouse)) == 1


def test_a_mass_of_flags_takes_seconds(warehouse: Warehouse, links: ConnectLinks) -> None:
    rows(warehouse, "insert into hub.stores (store_code, store_name, pic_name) values ('s', 'S', 'Ayu')")
    rows(
        warehouse,
        """
        insert into hub.store_accounts (
            store_code, client_key, open_id, scope, status, token_expires_at, refresh_token_expires_at
        )
        select 's', 'key', 'open ' || n, '', 'NEED_RECONNECT', ops.now(), ops.now() from generate_series(1, 2000) as n
        """,
    )
    began = time.monotonic()
    assert tell_people(warehouse, links, ZONE, most=2000) == 2000
    assert time.monotonic() - began < 20
    assert len(list_messages(warehouse, 10_000)) == 2000
