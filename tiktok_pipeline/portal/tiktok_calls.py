"""How many pages may wait for TikTok at once. One that is slow must not take the threads that all other pages need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import HTTPException, Request

MOST_AT_ONCE = 8  # of 40 threads and 20 connections; each may wait for a minute
WAIT_SECONDS = 5.0  # for a place; no thread is held meanwhile
TRY_AGAIN_SECONDS = 30


def places() -> asyncio.Semaphore:
    """The places of one application."""
    return asyncio.Semaphore(MOST_AT_ONCE)


async def tiktok_call(request: Request) -> AsyncIterator[None]:
    """For a handler that calls TikTok: begun when there is a place, else 503 before anything was used up."""
    waiting: asyncio.Semaphore = request.app.state.tiktok_calls
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await waiting.acquire()
    except TimeoutError:
        raise HTTPException(503, headers={"Retry-After": str(TRY_AGAIN_SECONDS)}) from None
    try:
        yield
    finally:
        waiting.release()
