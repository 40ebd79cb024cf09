"""Every event is written with its cause, and is as its schema says: what is told is what consumers were promised."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import Any

import jsonschema
import pytest

from tiktok_pipeline.alerts.viral import tell_of_viral
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.listing import list_events
from tiktok_pipeline.hub.accounts import mark_need_reconnect
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_client.events.envelope import parse, schemas
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
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import targets

SCHEMAS = schemas()
TYPES = [
    "account.connected",
    "account.disconnected",
    "account.need_reconnect",
    "capture.gap",
    "quality.failed",
    "snapshot.completed",
    "video.viral",
]


def told(warehouse: Warehouse, event_type: str) -> list[dict[str, Any]]:
    """The data of the events of this type, each checked against its schema, in which every field must stand."""
    found = []
    for listed in list_events(warehouse, event_type=event_type, most=1000):
        envelope = json.loads(listed.event.body)
        schema = SCHEMAS[event_type, listed.event.version]
        jsonschema.validate(envelope, schema, format_checker=jsonschema.FormatChecker())
        assert set(envelope["data"]) <= set(schema["properties"]["data"]["properties"]), (
            "a field without a word"
        )
        found.append(envelope["data"])
    return found


def set_status(warehouse: Warehouse, account: int, status: str, reason: str | None = None) -> None:
    rows(
        warehouse,
        "update hub.store_accounts set status = %s, status_reason = %s where id = %s",
        status,
        reason,
        account,
    )


def test_there_is_a_schema_for_each_type_and_its_example_is_an_event() -> None:
    assert sorted(name for name, _ in SCHEMAS) == TYPES
    for (event_type, version), schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:tiktok-pipeline:event:{event_type}:v{version}"
        for example in schema["examples"]:
            jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())
            event = parse(json.dumps(example))
            assert (event.event_type, event.version) == (event_type, version)


def test_an_accounts_life_is_told(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    with warehouse.transaction() as cursor:
        mark_need_reconnect(cursor, account, "the grant was withdrawn")
    set_status(warehouse, account, "CONNECTED")
    set_status(warehouse, account, "ERROR", "500")
    set_status(warehouse, account, "CONNECTED")
    rows(warehouse, "update hub.store_accounts set updated_at = ops.now()")
    set_status(warehouse, account, "DISABLED", "by an operator")
    rows(warehouse, "delete from hub.stores")
    about = {"account_id": account, "store_code": "jakarta_01", "open_id": "-000open"}
    assert told(warehouse, "account.connected") == [
        {**about, "from_status": None, "reason": None},
        {**about, "from_status": "NEED_RECONNECT", "reason": None},
    ]
    assert told(warehouse, "account.need_reconnect") == [
        {**about, "from_status": "CONNECTED", "reason": "the grant was withdrawn"}
    ]
    assert told(warehouse, "account.disconnected") == [
        {**about, "from_status": "CONNECTED", "reason": "by an operator"},
        {**about, "from_status": "DISABLED", "reason": "deleted"},
    ]


def test_what_did_not_happen_is_not_told(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    with contextlib.suppress(RuntimeError), warehouse.transaction() as cursor:
        mark_need_reconnect(cursor, account, "no")
        raise RuntimeError
    assert told(warehouse, "account.need_reconnect") == []


def test_gaps_are_told_once_per_account_endpoint_and_reason(
    warehouse: Warehouse, clock: DatabaseClock
) -> None:
    clock.set("2026-03-08T12:00:00")
    account = add_account(warehouse, connected_at="2026-03-08T10:00:00")
    disabled = add_account(warehouse, "-000off", status="DISABLED", connected_at="2026-03-08T10:00:00")
    book = ledger(warehouse)
    book.ensure_partitions(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
    book.plan(dt.date(2026, 3, 8))
    clock.set("2026-03-11T12:00:00")
    for _ in range(2):
        book.close_all()
    gaps = told(warehouse, "capture.gap")
    assert {gap["account_id"] for gap in gaps} == {account}, f"{disabled} is disabled: nobody missed it"
    assert sum(gap["days"] for gap in gaps) == 3
    assert {(gap["endpoint"], gap["reason"]) for gap in gaps} == {("video_list", "missed")}
    assert (min(gap["first_day"] for gap in gaps), max(gap["last_day"] for gap in gaps)) == (
        "2026-03-08",
        "2026-03-10",
    )


def test_a_derived_range_is_one_event_and_an_unchanged_one_none(warehouse: Warehouse) -> None:
    add_account(warehouse)
    today = capture_today(ledger(warehouse, "user_info"), user_body())
    for _ in range(2):
        derive(warehouse, "snapshots.tiktok_user_daily", today - dt.timedelta(days=40), today)
    assert told(warehouse, "snapshot.completed") == [
        {
            "table": "snapshots.tiktok_user_daily",
            "first_day": str(today.replace(day=1)),
            "last_day": str(today),
            "changed_rows": 1,
            "captured": 1,
            "missing": 0,
        }
    ]


def test_a_derivation_that_dies_is_told_by_whoever_delivers(
    warehouse: Warehouse, hook: Hook, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T12:00:00")
    with warehouse.transaction() as cursor:
        part = {"table": "reporting.account_daily", "first": "2026-03-09", "last": "2026-03-10", "changed": 5}
        run(
            cursor,
            "events/note_derived",
            {**part, "derivation": "6f2f6f0b-93a1-4c8e-9d0f-6f2f6f0b7a11"},
        )
    where = targets(event_webhooks=hook.url)
    deliver(warehouse, where)
    assert hook.events == [], "it may be at work still"
    clock.set("2026-03-10T12:11:00")
    deliver(warehouse, where)
    assert [event["data"]["table"] for event in hook.events] == ["reporting.account_daily"]
    assert len(told(warehouse, "snapshot.completed")) == 1


def test_a_check_is_told_of_when_a_day_begins_to_fail_it(warehouse: Warehouse) -> None:
    def keep(*verdicts: Verdict) -> None:
        keep_verdicts(warehouse, "snapshots.tiktok_video_daily", "never_falls", "warning", "Look.", verdicts)

    first, second = dt.date(2026, 3, 9), dt.date(2026, 3, 10)
    keep(Verdict(first), Verdict(second))
    keep(Verdict(first, "2 fell", 10, 2), Verdict(second, "3 fell", 10, 3))
    keep(Verdict(first, "2 fell", 10, 2), Verdict(second, "3 fell", 10, 3))
    keep(Verdict(first, "2 fell", 10, 2), Verdict(second))
    keep(Verdict(first, "2 fell", 10, 2), Verdict(second, "incomplete"))
    about = {"table": "snapshots.tiktok_video_daily", "check": "never_falls", "severity": "warning"}
    days = {"first_day": "2026-03-09", "last_day": "2026-03-10", "days": 2}
    again = {"first_day": "2026-03-10", "last_day": "2026-03-10", "days": 1}
    assert told(warehouse, "quality.failed") == [
        {**about, **days, "failing_rows": 5, "message": "3 fell"},
        {**about, **again, "failing_rows": None, "message": "incomplete"},
    ]


def test_a_viral_video_is_told_once_at_each_level(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = add_account(warehouse)
    today = capture_today(ledger(warehouse), videos_body(video("v1", 50_000)))
    derive(warehouse, "snapshots.tiktok_video_daily", today, today)
    monkeypatch.setattr("tiktok_pipeline.alerts.viral.rules", list)
    for level in (5, 5, 20):
        rows(
            warehouse,
            """
            insert into reporting.viral_videos (
                store_code, account_id, video_id, snapshot_date, level, age_days, view_count, gained, expected, ratio,
                compared_videos
            )
            values ('jakarta_01', %s, 'v1', %s, %s, 3, 50000, 50000, 2000, 25, 30)
            on conflict (store_code, video_id, snapshot_date) do update set level = excluded.level
            """,
            account,
            today,
            level,
        )
        tell_of_viral(warehouse, "UTC")
    assert [(data["video_id"], data["level"]) for data in told(warehouse, "video.viral")] == [
        ("v1", 5),
        ("v1", 20),
    ]


def test_no_other_type_is_written_anywhere() -> None:
    from tiktok_pipeline.project_files import project_file

    written = set()
    for file in project_file("sql").rglob("*.sql"):
        text = file.read_text()
        if "ops.event (" in text:
            written |= {name for name in TYPES if f"'{name}'" in text}
    assert written == set(TYPES)
