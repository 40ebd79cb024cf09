"""Bringing what waits in the outbox to people, through every channel that is to get it.

Each message has a row per channel (ops.delivery), so a channel that is broken neither loses anything nor repeats what
the others have. Whoever sends a row puts its next attempt off first: no second deliverer sends it meanwhile, and one
that dies has it tried again. So a message comes at least once, and always with its key.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from tiktok_pipeline.alerts.channels import send
from tiktok_pipeline.alerts.letters import Letter, letters
from tiktok_pipeline.alerts.outbox import OPERATORS, Attachment, put
from tiktok_pipeline.alerts.routes import MAIL, Channel, route, summary
from tiktok_pipeline.posting import NotTaken
from tiktok_pipeline.warehouse.connection import Warehouse, run

LEASE = dt.timedelta(minutes=5)
MOST_ROUTED = 5000
MOST_CLAIMED = 5000
FAILURES_IN_A_ROW = 3  # then a channel rests until the next pass

log = logging.getLogger(__name__)


@dataclass
class Delivered:
    """What one pass did: messages, counted once per channel."""

    sent: int = 0
    failed: int = 0
    left: int = 0

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.failed} not taken, {self.left} left for later"


def deliver(
    warehouse: Warehouse,
    channels: Sequence[Channel],
    zone: ZoneInfo,
    *,
    quiet: tuple[dt.time, dt.time] | None = None,
    seconds: float = 30,
    elapsed: Callable[[], float] = time.monotonic,
    jitter: Callable[[], float] = random.random,
) -> Delivered:
    """Send what is due. No channel begins a letter after its part of `seconds`; what is left is for the next pass."""
    done = Delivered()
    if not channels:
        return done
    ends = elapsed() + seconds
    warehouse.execute("alerts/mute_messages")
    _route(warehouse, channels)
    for nth, channel in enumerate(channels):
        until = elapsed() + max(0, ends - elapsed()) / (len(channels) - nth)
        _through(warehouse, channel, zone, quiet, done, lambda until=until: elapsed() < until, jitter)  # type: ignore[misc]
    warehouse.execute("alerts/settle")
    warehouse.execute("alerts/drop_attachments")
    warehouse.execute("alerts/blank_spent")
    return done


def _route(warehouse: Warehouse, channels: Sequence[Channel]) -> None:
    """Write which channels are to get the messages that were not routed for these channels yet."""
    routed_for = summary(channels)
    rows = warehouse.execute("alerts/unrouted", {"routed_for": routed_for, "most": MOST_ROUTED})
    if not rows:
        return
    wanted = [
        {"outbox_id": row["id"], "channel": name}
        for row in rows
        for name in route(channels, row["kind"], row["severity"], row["recipient"], row["about_channel"])
    ]
    ids = [row["id"] for row in rows]
    warehouse.execute("alerts/route", {"ids": ids, "deliveries": Jsonb(wanted), "routed_for": routed_for})


def _through(
    warehouse: Warehouse,
    channel: Channel,
    zone: ZoneInfo,
    quiet: tuple[dt.time, dt.time] | None,
    done: Delivered,
    in_time: Callable[[], bool],
    jitter: Callable[[], float],
) -> None:
    """Send what is due through one channel."""
    quiet_from, quiet_to = quiet or (None, None)
    claim = {"channel": channel.name, "zone": zone.key, "quiet_from": quiet_from, "quiet_to": quiet_to}
    claimed = warehouse.execute("alerts/claim", {**claim, "most": MOST_CLAIMED, "lease": LEASE})
    failures, unsent = 0, letters(claimed, to_stores=channel.route == "store")
    while unsent and in_time() and failures < FAILURES_IN_A_ROW:
        letter = unsent.pop(0)
        try:
            send(channel, _whole(warehouse, channel, letter))
        except NotTaken as error:
            failures += 1
            done.failed += len(letter.ids)
            _not_sent(warehouse, channel, letter, str(error), zone, jitter())
        else:
            failures = 0
            done.sent += len(letter.ids)
            warehouse.execute("alerts/sent", {"channel": channel.name, "ids": list(letter.ids)})
    if left := [id_ for letter in unsent for id_ in letter.ids]:
        done.left += len(left)
        warehouse.execute("alerts/put_back", {"channel": channel.name, "ids": left})


def _whole(warehouse: Warehouse, channel: Channel, letter: Letter) -> Letter:
    """The letter with its attachments, where the channel shows them: in a mail."""
    if channel.scheme not in MAIL or len(letter.ids) != 1:
        return letter
    rows = warehouse.execute("alerts/attachments", {"id": letter.ids[0]})
    return replace(letter, attachments=tuple(Attachment(**row) for row in rows))


def _not_sent(
    warehouse: Warehouse, channel: Channel, letter: Letter, error: str, zone: ZoneInfo, jitter: float
) -> None:
    """Note a failed attempt; what is given up is told through the other channels, once a day and channel."""
    log.warning("channel %s: %s; %d messages wait", channel.name, error, len(letter.ids))
    with warehouse.transaction() as cursor:
        values = {"channel": channel.name, "ids": list(letter.ids), "error": error, "jitter": jitter}
        given_up = sum(row["given_up"] for row in run(cursor, "alerts/not_sent", values))
        if given_up:
            [today] = run(cursor, "alerts/today", {"zone": zone.key})
            put(
                cursor,
                key=f"undelivered:{channel.name}:{today['day']}",
                kind="undelivered",
                severity="error",
                recipient=OPERATORS,
                subject=f"alerts do not reach people through {channel.name}",
                body=f"{channel.name}: {error}, for three days. What it did not get is given up: "
                "tiktok-pipeline alerts list. Mend its address in the settings; tiktok-pipeline alerts test tries it.",
                details={"channel": channel.name, "error": error},
            )
