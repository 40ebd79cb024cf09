"""Streams of events (Server-Sent Events): the state of something, each time it has changed, until it is over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tiktok_pipeline.warehouse.connection import AWAY

LOOK_SECONDS = 1.0
ALIVE_SECONDS = 15.0  # a comment, so that no proxy takes the stream for dead
LONGEST_SECONDS = 600.0  # then the caller asks again, with a token that is still good
MOST_STREAMS = 50  # of one portal, as each looks at the database once a second
EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "required": ["id", "event", "data"],
}
EVENT_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": EVENT}}}}


class Streams:
    """The streams of one portal; all of them end when `closing` is set."""

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._open = 0

    def of(
        self, name: str, look: Callable[[], BaseModel], is_over: Callable[[BaseModel], bool]
    ) -> StreamingResponse:
        """A stream of what `look` finds, as events `name`, until `is_over`. Raises 429 when there are too many."""
        if self._open >= MOST_STREAMS:
            raise HTTPException(429, headers={"Retry-After": "30"})
        return StreamingResponse(
            self._events(name, look, is_over),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def _events(
        self, name: str, look: Callable[[], BaseModel], is_over: Callable[[BaseModel], bool]
    ) -> AsyncIterator[str]:
        self._open += 1
        try:
            said, said_at, number = "", time.monotonic(), 0
            ends_at = said_at + LONGEST_SECONDS
            while not self._closing.is_set() and time.monotonic() < ends_at:
                try:
                    found = await run_in_threadpool(look)
                except AWAY:
                    found = None  # it goes on when the database is back
                if found is not None and (text := found.model_dump_json()) != said:
                    said, said_at, number = text, time.monotonic(), number + 1
                    yield f"id: {number}\nevent: {name}\ndata: {text}\n\n"
                    if is_over(found):
                        return
                elif time.monotonic() - said_at > ALIVE_SECONDS:
                    said_at = time.monotonic()
                    yield ": alive\n\n"
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._open -= 1


def streams_of(request: Request) -> Streams:
    """The streams of the portal that answers."""
    found: Streams = request.app.state.streams
    return found
