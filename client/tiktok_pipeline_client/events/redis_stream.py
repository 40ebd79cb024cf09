"""Events from the stream in Redis, in their order: a service is a consumer group, its processes are consumers of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import redis

from tiktok_pipeline_client.events.envelope import DeadLetter

STREAM = "tiktok:events"
DATA = "data"
BLOCK_MS = 1000

log = logging.getLogger(__name__)


class StreamConsumer:
    """Reads the stream for a group, e.g. the service's name; `name` tells this process from others of the group.

    What a handler fails at is tried again before anything that follows, after `pause` seconds; after `attempts` it goes
    to the stream `tiktok:events:dead:<group>`. What a process died with is taken over when it has been idle for `idle`
    seconds. One process at a time keeps the order; more share the work.
    """

    def __init__(
        self, url: str, group: str, name: str, *, attempts: int = 5, pause: float = 5, idle: float = 60
    ) -> None:
        self._client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=BLOCK_MS / 1000 + 5, socket_connect_timeout=5
        )
        self._group = group
        self._name = name
        self._attempts = attempts
        self._pause = pause
        self._idle_ms = int(idle * 1000)

    def run(self, take: Callable[[str], Any], stop: threading.Event) -> None:
        """Take events until `stop` is set. A Redis that is away or was wiped is waited for."""
        while not stop.is_set():
            try:
                self._make_group()
                while not stop.is_set():
                    self._pass(take, stop)
            except (redis.RedisError, OSError) as error:
                log.warning("events: Redis: %s; trying again", type(error).__name__)
                stop.wait(1)

    def _pass(self, take: Callable[[str], Any], stop: threading.Event) -> None:
        """What this process had before it died, then what others died with, then what is new.

        One at a time: Redis counts how often it has handed out an entry, and that must be its own fault.
        """
        entries = self._read("0")
        if not entries:
            entries = self._client.xautoclaim(STREAM, self._group, self._name, self._idle_ms, count=1)[1]
        if not entries:
            entries = self._read(">", block=BLOCK_MS)
        for entry, fields in entries:
            self._handle(entry, fields, take, stop)

    def _handle(
        self, entry: str, fields: dict[str, str] | None, take: Callable[[str], Any], stop: threading.Event
    ) -> None:
        if not fields:  # cut off the stream's end while it waited
            self._done(entry)
            return
        tried = self._client.xpending_range(STREAM, self._group, entry, entry, 1)
        deliveries = int(tried[0]["times_delivered"]) if tried else 1
        if deliveries > self._attempts:
            self._bury(entry, fields, "its process died each time")
            return
        try:
            take(fields[DATA])
        except DeadLetter as reason:
            self._bury(entry, fields, str(reason))
        except Exception as error:  # a handler's: whatever it is, the event comes again, before any other
            if deliveries == self._attempts:
                self._bury(entry, fields, f"{type(error).__name__}: {error}")
                return
            log.warning("events: attempt %d at %s: %s", deliveries, entry, error)
            stop.wait(self._pause)
        else:
            self._done(entry)

    def _read(self, after: str, block: int | None = None) -> list[Any]:
        found: Any = self._client.xreadgroup(self._group, self._name, {STREAM: after}, count=1, block=block)
        pairs = found.items() if isinstance(found, dict) else found or []
        for _, entries in pairs:
            return list(entries[0] if isinstance(found, dict) else entries)
        return []

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(STREAM, self._group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _done(self, entry: str) -> None:
        self._client.xack(STREAM, self._group, entry)

    def _bury(self, entry: str, fields: dict[str, str], reason: str) -> None:
        log.error("events: dead letter %s: %s", fields.get("id", entry), reason)
        dead: dict[Any, Any] = {**fields, "reason": reason}
        with self._client.pipeline(transaction=True) as both:
            both.xadd(f"{STREAM}:dead:{self._group}", dead)
            both.xack(STREAM, self._group, entry)
            both.execute()
