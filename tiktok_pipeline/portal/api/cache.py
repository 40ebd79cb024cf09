"""Answers that are kept for a while: in this process, and in Redis for all of them when there is one.

An answer is current for its `fresh` seconds, unless a snapshot or report has changed meanwhile. After that it may be
given once more while the next one is made, and for a quarter of an hour when the database is away. Whoever asks for
what is being made waits for it: in this process, and with Redis in all. What is kept is speed, never a fact.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol

from cashews import Cache

from tiktok_pipeline.warehouse.connection import AWAY

MOST_ANSWERS = 500  # in this process; those asked for least recently go first
STALE_IF_ERROR_SECONDS = 900
Found = Literal["miss", "hit", "stale"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """For how many seconds an answer is current, and for how many more it may be given while the next is made."""

    fresh: int
    revalidate: int


# By path: what shows states of accounts and the ledger changes by the minute, days only with what is derived.
LIFETIMES: Mapping[str, Lifetime] = {
    "/stores": Lifetime(30, 30),
    "/stores/{code}": Lifetime(30, 30),
    "/stores/{code}/daily": Lifetime(300, 300),
    "/accounts/{account}": Lifetime(30, 30),
    "/accounts/{account}/videos": Lifetime(300, 300),
    "/videos/{video}/daily": Lifetime(300, 300),
    "/gaps": Lifetime(30, 30),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was made: `age` of its data in seconds at `made_at` (unix seconds), `version` of the data."""

    content: bytes
    headers: dict[str, str]
    age: int | None
    made_at: float
    version: int

    def current(self, version: int, seconds: float) -> bool:
        """Whether nothing has changed since, and it is not older than so many seconds."""
        return self.version >= version and self.younger_than(seconds)

    def younger_than(self, seconds: float) -> bool:
        """Whether it was made less than so many seconds ago."""
        return time.time() - self.made_at < seconds

    def packed(self) -> bytes:
        """It as bytes: a line of JSON, then the content."""
        said = {key: value for key, value in dataclasses.asdict(self).items() if key != "content"}
        return json.dumps(said).encode() + b"\n" + self.content

    @classmethod
    def unpacked(cls, packed: bytes) -> Kept | None:
        """What `packed` made bytes of; None for anything else."""
        said, _, content = packed.partition(b"\n")
        try:
            return cls(content=content, **json.loads(said))
        except (ValueError, TypeError):
            return None


class Shared(Protocol):
    """Where processes keep answers together. Nothing here raises: when it is lost, it has nothing."""

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`."""
        ...

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        """Keep `value` for so long."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold `key` against the other processes, or wait until they have made what they hold it for."""
        ...


class AnswerCache:
    """The answers of one process; `version` says which version of the data is current."""

    def __init__(self, version: Callable[[], int], shared: Shared | None = None) -> None:
        self._version = version
        self._shared = shared
        self._own = Cache()
        self._own.setup("mem://", size=MOST_ANSWERS, check_interval=0)
        self._being_made: dict[str, asyncio.Task[Kept]] = {}

    async def answer(
        self, key: str, lifetime: Lifetime, make: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, Found]:
        """The answer kept under `key`, or the one that `make` makes now, and where it came from.

        Raises what `make` raises, unless that is a database that is away and an answer of the last quarter of an
        hour is kept: then that, as stale.
        """
        kept: Kept | None = await self._own.get(key)
        version = self._version()
        if kept is not None and kept.current(version, lifetime.fresh):
            return kept, "hit"
        making = self._being_made.get(key) or self._begin(key, lifetime, make)
        if kept is not None and kept.current(version, lifetime.fresh + lifetime.revalidate):
            return kept, "hit"
        try:
            return await asyncio.shield(making), "miss"
        except AWAY:
            kept = kept or await self._shared_one(key)
            if kept is None or not kept.younger_than(STALE_IF_ERROR_SECONDS):
                raise
            return kept, "stale"

    def _begin(self, key: str, lifetime: Lifetime, make: Callable[[], Awaitable[Kept]]) -> asyncio.Task[Kept]:
        task = asyncio.create_task(self._made(key, lifetime, make))
        self._being_made[key] = task

        def over(done: asyncio.Task[Kept]) -> None:
            del self._being_made[key]
            if not done.cancelled():
                done.exception()  # whoever waits is told; of a revalidation nobody is, and the next one tries again

        task.add_done_callback(over)
        return task

    async def _made(self, key: str, lifetime: Lifetime, make: Callable[[], Awaitable[Kept]]) -> Kept:
        version = self._version()
        kept = await self._shared_one(key)
        if kept is None or not kept.current(version, lifetime.fresh):
            async with self._shared.lock(key) if self._shared else nullcontext():
                kept = await self._shared_one(key)  # somebody else has made it meanwhile
                if kept is None or not kept.current(version, lifetime.fresh):
                    kept = dataclasses.replace(await make(), version=version)
                    if self._shared:
                        await self._shared.set(key, kept.packed(), STALE_IF_ERROR_SECONDS)
        await self._own.set(key, kept, expire=STALE_IF_ERROR_SECONDS)
        return kept

    async def _shared_one(self, key: str) -> Kept | None:
        packed = await self._shared.get(key) if self._shared else None
        return Kept.unpacked(packed) if packed else None
