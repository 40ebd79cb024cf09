"""Redis: all events in one stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.events.event import Event
from tiktok_pipeline.events.targets import NotReached, Sink

if TYPE_CHECKING:
    import redis

STREAM = "tiktok:events"
LONGEST = 100_000  # entries, about; older ones go
TIMEOUT_SECONDS = 5


class RedisStream:
    """The stream. Its position is its newest entry: a Redis that has not got that one was wiped, or lost a second of
    writes in a crash.
    """

    def __init__(self, client: redis.Redis, source: str) -> None:
        self._client = client
        self._source = source
        self.position: str | None = None

    def lost(self, position: str) -> bool:
        """Whether the entry is not there any more."""
        return not self._client.xrange(STREAM, position, position, count=1)

    def prepare(self) -> None:
        """A stream is made by its first entry."""

    def send(self, event: Event) -> None:
        """Append it."""
        fields: dict[Any, Any] = {**event.attributes(self._source), "data": event.body}
        entry: Any = self._client.xadd(STREAM, fields, maxlen=LONGEST, approximate=True)
        self.position = entry.decode()


@contextmanager
def reach(url: str, source: str) -> Iterator[Sink]:
    """The stream on the Redis at `url`. What Redis refuses (no memory, read-only) is as if it were not there."""
    import redis

    try:
        with redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            decode_responses=False,
        ) as client:
            yield RedisStream(client, source)
    except (redis.RedisError, OSError) as error:  # whose texts may quote the address
        raise NotReached(f"not reached ({type(error).__name__})") from None
