"""Redis, where portals keep answers together. When it is lost, each goes on with what it keeps itself."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from cashews import Cache
from cashews.exceptions import CacheError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

T = TypeVar("T")
PREFIX = "tiktok_pipeline:"
TIMEOUT_SECONDS = 2.0  # also what a busy moment of our own takes
REST_SECONDS = 5.0  # after a failure nobody asks it for so long
LOCK_SECONDS = 10.0  # as long as a query may take before others make the answer, too
LOOK_SECONDS = 0.02
LOST = (CacheError, RedisError, OSError, asyncio.TimeoutError)

log = logging.getLogger(__name__)


class Redis:
    """What the API keeps in Redis at `url`. Nothing here raises: after a failure it rests, and then has nothing."""

    def __init__(self, url: str) -> None:
        self._cache = Cache()
        self._cache.setup(
            url,
            suppress=False,
            pickle_type="null",  # what lies there is bytes, and nothing of it is ever executed
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            wait_for_connection_timeout=TIMEOUT_SECONDS,
            max_connections=20,
            client_name="tiktok_pipeline",
        )
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._rests_until

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`."""
        return await self._unless_lost(lambda: self._cache.get(PREFIX + key), None)

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        """Keep `value` for so long."""
        await self._unless_lost(lambda: self._cache.set(PREFIX + key, value, expire=seconds), False)

    async def add(self, key: str, number: int, seconds: int) -> int | None:
        """Add to what is counted under `key`, forgotten so long after the last time; None while it is lost."""
        total = await self._unless_lost(lambda: self._cache.incr(PREFIX + key, number), None)
        await self._unless_lost(lambda: self._cache.expire(PREFIX + key, seconds), None)
        return total

    async def alive(self) -> bool:
        """Whether it answers now."""
        return await self._unless_lost(self._cache.ping, None) is not None

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold `key` against other processes; who finds it held waits until it is free, or LOCK_SECONDS."""
        name, mine = f"{PREFIX}making:{key}", secrets.token_hex(8)
        deadline = time.monotonic() + LOCK_SECONDS
        while not (
            held := await self._unless_lost(lambda: self._cache.set_lock(name, mine, LOCK_SECONDS), None)
        ):
            if held is None or time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            if held:
                await self._unless_lost(lambda: self._cache.unlock(name, mine), False)

    async def _unless_lost(self, ask: Callable[[], Awaitable[T]], without: T) -> T:
        """What `ask` finds; a try that took too long is repeated, since it may have been we who were busy."""
        for is_last in (False, True):
            if self.rests:
                return without
            try:
                return await ask()
            except LOST as reason:
                if _took_too_long(reason) and not is_last:
                    continue
                if not self.rests:
                    log.warning("Redis is lost; each portal keeps answers alone: %s", type(reason).__name__)
                self._rests_until = time.monotonic() + REST_SECONDS
        return without


def _took_too_long(reason: BaseException) -> bool:
    return isinstance(reason.__cause__ or reason, RedisTimeout | TimeoutError)
