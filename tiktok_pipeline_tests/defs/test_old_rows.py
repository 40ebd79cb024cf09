"""What means nothing any more is forgotten; what somebody still needs, and history, stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg

from tiktok_pipeline.defs.maintenance.old_rows import forget_old_rows, old_rows
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.hub.flags import warn_of_grant_ends
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, add_store, rows

LINK_DAYS = 14

FILL = """
with attempts as (
    insert into ops.attempt (bucket, attempted_at, forget_at)
    select 'login ' || n, '{}', ops.now() + case when n = 1 then 1 else -1 end * interval '1 hour'
    from generate_series(1, 250) as n
),

sessions as (
    insert into ops.operator_session (session_hash, ends_at)
    select sha256(n::text::bytea), ops.now() + case when n = 1 then 1 else -1 end * interval '1 hour'
    from generate_series(1, 3) as n
),

events as (
    insert into ops.webhook_event (event_key, event, effect, received_at)
    select n::text, 'x', 'nothing', ops.now() - n * interval '100 days'
    from generate_series(1, 3) as n
),

links as (
    insert into ops.connect_link (link_hash, store_code, made_by, expires_at)
    select sha256(n::text::bytea), 'jakarta_01', 'cli', ops.now() - (n - 1) * interval '31 days'
    from generate_series(1, 2) as n
    returning id, expires_at
)

insert into ops.oauth_transaction (
    state_hash, binding_hash, store_code, actor, link_id, client_key, redirect_uri, scopes, expires_at
)
select sha256(id::text::bytea), sha256(id::text::bytea), 'jakarta_01', 'link', id, 'key', 'u', 's', expires_at
from links
"""


def put(warehouse: Warehouse, kind: str, *, written: int, **details: int) -> None:
    """A message written so many days ago; `details` are days from now."""
    rows(
        warehouse,
        """
        insert into ops.outbox (key, kind, severity, recipient, subject, body, details, created_at)
        select %s || random(), %s, 'info', 'operators', 'subject', 'open this link', coalesce(
            jsonb_object_agg(key, ops.now() + value::integer * interval '1 day') filter (where key is not null), '{}'
        ), ops.now() - %s * interval '1 day'
        from (values (1)) as one left join jsonb_each_text(%s::jsonb) on true
        """,
        kind,
        kind,
        written,
        str(details).replace("'", '"'),
    )


def messages(warehouse: Warehouse) -> list[tuple[str, bool]]:
    found = rows(warehouse, "select kind, body <> '' as has_text from ops.outbox order by id")
    return [(row["kind"], row["has_text"]) for row in found]


def test_what_is_old_is_forgotten_and_counted(warehouse: Warehouse, database_url: str) -> None:
    add_store(warehouse)
    rows(warehouse, FILL)
    put(warehouse, "reconnected", written=181)
    result = dg.materialize(
        [old_rows],
        instance=dg.DagsterInstance.ephemeral(),
        resources={"warehouse": WarehouseResource(database_url=database_url)},
    )
    (event,) = result.get_asset_materialization_events()
    assert {name: value.value for name, value in event.materialization.metadata.items()} == {
        "attempts": 249,
        "operator_sessions": 2,
        "oauth_transactions": 1,
        "connect_links": 1,
        "webhook_events": 2,
        "messages": 1,
        "texts_of_messages": 0,
        "incidents": 0,
        "sync_jobs": 0,
        "events": 0,
    }
    left: dict[str, Any] = {
        table: rows(warehouse, f"select count(*)::int as n from ops.{table}")[0]["n"]
        for table in (
            "attempt",
            "operator_session",
            "oauth_transaction",
            "connect_link",
            "webhook_event",
            "outbox",
        )
    }
    assert list(left.values()) == [1, 1, 1, 1, 1, 0]
    assert set(forget_old_rows(warehouse, LINK_DAYS).values()) == {0}


def test_a_text_goes_with_its_link_and_a_message_long_after(warehouse: Warehouse) -> None:
    put(warehouse, "link is good", written=20, link_expires_at=1)
    put(warehouse, "link has expired", written=20, link_expires_at=-1)
    put(warehouse, "of today", written=0)
    put(warehouse, "no link, old", written=LINK_DAYS + 1)
    put(warehouse, "very old", written=181)
    assert forget_old_rows(warehouse, LINK_DAYS)["texts_of_messages"] == 2
    assert messages(warehouse) == [
        ("link is good", True),
        ("link has expired", False),
        ("of today", True),
        ("no link, old", False),
    ]


def test_the_end_of_a_grant_is_told_once_however_long_ago(warehouse: Warehouse, clock: DatabaseClock) -> None:
    zone = load_settings().zone
    links = ConnectLinks(warehouse, b"s" * 40, "https://stores.example.com", LINK_DAYS)
    add_account(warehouse)
    rows(warehouse, "update hub.store_accounts set refresh_token_expires_at = ops.now() + interval '29 days'")
    assert warn_of_grant_ends(warehouse, links, zone, limit=10) == 1
    rows(warehouse, "update ops.outbox set created_at = ops.now() - interval '300 days'")
    assert forget_old_rows(warehouse, LINK_DAYS)["messages"] == 0
    assert warn_of_grant_ends(warehouse, links, zone, limit=10) == 0
    clock.set(dt.datetime.now(dt.UTC) + dt.timedelta(days=32))
    assert forget_old_rows(warehouse, LINK_DAYS)["messages"] == 1
    assert warn_of_grant_ends(warehouse, links, zone, limit=10) == 0


def test_history_of_accounts_stays(warehouse: Warehouse) -> None:
    add_account(warehouse)
    rows(
        warehouse,
        "update hub.status_change set changed_at = ops.now() - interval '5 years', handled_at = ops.now()",
    )
    forget_old_rows(warehouse, LINK_DAYS)
    assert len(rows(warehouse, "select * from hub.status_change")) == 1
