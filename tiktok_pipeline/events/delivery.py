"""Bringing what waits in `ops.event` to every target, at least once and in order.

Each event has a row per target (ops.event_delivery). One process at a time delivers to a target, oldest first; of what
a target refuses nothing of the same subject passes, so an account's events come in their order. Whoever dies between
sending and noting it sends it again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.events.event import Event
from tiktok_pipeline.events.targets import NotReached, Sink, Target
from tiktok_pipeline.posting import NotTaken
from tiktok_pipeline.tracing import span
from tiktok_pipeline.warehouse.connection import Warehouse, run

MOST_ROUTED = 5000
BATCH = 500
FAILURES_IN_A_ROW = 3  # then a target rests until the next pass

log = logging.getLogger(__name__)


@dataclass
class Delivered:
    """What one pass did: events, counted once per target; and the targets that were not reached."""

    sent: int = 0
    refused: int = 0
    unreached: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{self.sent} sent, {self.refused} not taken"
        return f"{said}; not reached: {', '.join(self.unreached)}" if self.unreached else said


def deliver(
    warehouse: Warehouse,
    targets: Sequence[Target],
    *,
    seconds: float = 25,
    elapsed: Callable[[], float] = time.monotonic,
) -> Delivered:
    """Deliver what is due. No target is begun after its part of `seconds`; what is left is for the next pass."""
    done = Delivered()
    if not targets:
        return done
    ends = elapsed() + seconds
    names = [target.name for target in targets]
    warehouse.execute("events/tell_derived", {"derivation": None})
    while (
        warehouse.execute("events/route", {"targets": names, "most": MOST_ROUTED})[0]["routed"] == MOST_ROUTED
    ):
        pass
    for nth, target in enumerate(targets):
        until = elapsed() + max(0, ends - elapsed()) / (len(targets) - nth)
        with _alone(warehouse, target.name) as mine:
            if mine:
                _deliver_to(warehouse, target, done, lambda until=until: elapsed() < until)  # type: ignore[misc]
    return done


def _deliver_to(warehouse: Warehouse, target: Target, done: Delivered, in_time: Callable[[], bool]) -> None:
    try:
        with target.reach() as sink:
            _look_for_loss(warehouse, target.name, sink)
            sink.prepare()
            try:
                _send_what_is_due(warehouse, target.name, sink, done, in_time)
            finally:
                warehouse.execute("events/note_position", {"target": target.name, "position": sink.position})
    except NotReached as error:
        done.unreached += (target.name,)
        log.warning("events: %s: %s", target.name, error)
        warehouse.execute("events/not_reached", {"target": target.name, "error": str(error)})


def _look_for_loss(warehouse: Warehouse, name: str, sink: Sink) -> None:
    """A broker that was wiped gets again all that it was sent and that is kept."""
    known = warehouse.execute("events/position", {"target": name})
    if known and known[0]["position"] and sink.lost(known[0]["position"]):
        [again] = warehouse.execute("events/replay", {"targets": [name], "first": None})
        log.warning("events: %s has lost what it had: %d are sent again", name, again["deliveries"])


def _send_what_is_due(
    warehouse: Warehouse, name: str, sink: Sink, done: Delivered, in_time: Callable[[], bool]
) -> None:
    failures = 0
    while due := warehouse.execute("events/due", {"target": name, "most": BATCH}):
        waiting: set[str] = set()
        for event in (Event(**row) for row in due):
            if not in_time() or failures == FAILURES_IN_A_ROW:
                return
            if event.subject in waiting:
                continue
            this = {"target": name, "id": event.id}
            crash_point("event_due")
            try:
                with span(f"event {event.event_type}", messaging_destination_name=name):
                    sink.send(event)
            except NotTaken as error:
                failures += 1
                done.refused += 1
                waiting.add(event.subject)
                [noted] = warehouse.execute("events/not_taken", {**this, "error": str(error)})
                words = "given up" if noted["given_up"] else "tried again later"
                log.warning("event %s to %s: %s; %s", event.event_id, name, error, words)
            else:
                failures = 0
                done.sent += 1
                crash_point("event_sent")
                warehouse.execute("events/sent", this)


@contextmanager
def _alone(warehouse: Warehouse, name: str) -> Iterator[bool]:
    """Whether nobody else delivers to this target while the block runs: order needs one sender."""
    with warehouse.session() as connection, connection.cursor() as cursor:
        [held] = run(cursor, "events/alone", {"target": name})
        yield held["mine"]


def replay(warehouse: Warehouse, first: uuid.UUID, targets: Sequence[str]) -> int | None:
    """How many deliveries are made again: of each event from `first` on, to these targets; None: no such event."""
    found = warehouse.execute("events/find", {"event_id": first})
    if not found:
        return None
    [again] = warehouse.execute("events/replay", {"targets": list(targets), "first": found[0]["id"]})
    return int(again["deliveries"])
