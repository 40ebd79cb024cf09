"""What happens when an account needs a person, and when it is connected again.

A trigger notes every change of an account's status (hub.status_change). Here each change is handled once: an
episode of NEED_RECONNECT gets one connect link, told to the store's contact and to the operators. The message
and the link are written in the transaction that marks the change as handled, so they are neither lost nor made twice,
and nobody waits on one connection for what another holds.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.alerts.outbox import Message, put_all
from tiktok_pipeline.alerts.texts import (
    About,
    grant_ends,
    in_words,
    lost_grant,
    need_reconnect,
    to_operators,
)
from tiktok_pipeline.hub.authorization import orphaned_grants
from tiktok_pipeline.warehouse.connection import Warehouse, run

if TYPE_CHECKING:
    from tiktok_pipeline.hub.links import ConnectLinks

MADE_BY = "sensor"
BATCH = 25  # of one transaction


@dataclass(frozen=True)
class CatchUp:
    """What became connected since a change, and what it still lacks of today (`day`, at `hour` o'clock).

    `newest` is the newest such change, `newest_lacking` the newest of an account that lacks something.
    """

    day: dt.date
    hour: int
    newest: int
    newest_lacking: int | None
    accounts: int


def tell_people(
    warehouse: Warehouse,
    links: ConnectLinks,
    zone: ZoneInfo,
    *,
    most: int = 100,
    seconds: float = 40,
    elapsed: Callable[[], float] = time.monotonic,
) -> int:
    """How many changes and grants were handled: about `most`, and none begun after `seconds`.

    What is left is handled by the next call.
    """
    deadline = elapsed() + seconds
    handled = tell_of_lost_grants(warehouse, links, zone)
    for handle in (handle_status_changes, warn_of_grant_ends):
        while handled < most and elapsed() < deadline:
            wanted = min(BATCH, most - handled)
            done = handle(warehouse, links, zone, limit=wanted)
            handled += done
            if done < wanted:
                break
    return handled


def handle_status_changes(warehouse: Warehouse, links: ConnectLinks, zone: ZoneInfo, *, limit: int) -> int:
    """How many status changes were handled, up to `limit`. One that is over already needs no message."""
    with warehouse.transaction() as cursor:
        changes = run(cursor, "hub/take_status_changes", {"limit": limit})
        current = [change for change in changes if change["is_current"]]
        episodes = [change for change in current if change["to_status"] == "NEED_RECONNECT"]
        made = _links(cursor, links, [change["account_id"] for change in episodes])
        messages = [message for change in current if (message := _fact(change, zone))]
        for change in episodes:
            if link := made.get(change["account_id"]):  # none for an account that was deleted meanwhile
                about = About.of(change)
                messages += need_reconnect(about, change, zone).messages(about, *link, zone)
        put_all(cursor, messages)
    return len(changes)


def warn_of_grant_ends(warehouse: Warehouse, links: ConnectLinks, zone: ZoneInfo, *, limit: int) -> int:
    """How many accounts, up to `limit`, are warned now that their grant ends within 30, 14, 7 or 1 days."""
    with warehouse.transaction() as cursor:
        ending = run(cursor, "hub/grants_ending", {"limit": limit})
        made = _links(cursor, links, [grant["account_id"] for grant in ending])
        messages: list[Message] = []
        for grant in ending:
            if link := made.get(grant["account_id"]):
                about = About.of(grant)
                asking = grant_ends(about, grant["ends_at"], grant["days"], zone)
                messages += asking.messages(about, *link, zone)
        put_all(cursor, messages)
    return len(ending)


def tell_of_lost_grants(warehouse: Warehouse, links: ConnectLinks, zone: ZoneInfo) -> int:
    """How many grants were found lost between TikTok's answer and our save: each store is asked to connect again."""
    with warehouse.transaction() as cursor:
        lost = orphaned_grants(cursor)
        messages: list[Message] = []
        for row in (
            run(cursor, "hub/about_lost_grants", {"ids": [grant.id for grant in lost]}) if lost else []
        ):
            about = About.of(row)
            if about.account_id is None:
                link = links.make_for_store_within(cursor, about.store_code, made_by=MADE_BY)
            else:
                link = next(iter(links.make_within(cursor, [about.account_id], made_by=MADE_BY)), None)
            if link:
                asking = lost_grant(about, row["transaction_id"], row["consumed_at"], zone)
                messages += asking.messages(about, link.url, link.expires_at, zone)
        put_all(cursor, messages)
    return len(lost)


def look_for_catch_up(warehouse: Warehouse, zone: ZoneInfo, after: int) -> CatchUp:
    """What became connected after the change `after`, and whether today's captures of it are missing."""
    [found] = warehouse.execute("hub/to_catch_up", {"zone": zone.key, "after": after})
    return CatchUp(**found)


def _links(
    cursor: psycopg.Cursor[DictRow], links: ConnectLinks, account_ids: list[int]
) -> dict[int, tuple[str, dt.datetime]]:
    if not account_ids:
        return {}
    made = links.make_within(cursor, account_ids, made_by=MADE_BY)
    return {link.account_id: (link.url, link.expires_at) for link in made if link.account_id is not None}


def _fact(change: DictRow, zone: ZoneInfo) -> Message | None:
    """What operators are told of a change that asks nothing of the store; None for what is no news."""
    about = About.of(change)
    at = in_words(change["changed_at"], zone)
    match change["from_status"], change["to_status"]:
        case "NEED_RECONNECT", "CONNECTED":
            return to_operators(
                about, change, "reconnected", "info", "connected again", f"reconnected on {at}"
            )
        case "ERROR", "CONNECTED":
            return to_operators(about, change, "recovered", "info", "works again", f"captured again on {at}")
        case _, "ERROR":
            why = change["reason"] or "no reason given"
            return to_operators(about, change, "account_error", "error", "its captures keep failing", why)
    return None
