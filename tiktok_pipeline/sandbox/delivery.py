"""How an answer reaches the client: at once and whole, or late, in drops, in part, or not at all."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.envelope import Reply
from tiktok_pipeline.sandbox.fault_box import FaultBox
from tiktok_pipeline.sandbox.faults import Drop, Silence

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Wires:
    """The open connections by client address, so that a fault can cut one below HTTP."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, client: tuple[str, int], transport: asyncio.Transport) -> None:
        """Remember a new connection."""
        self._transports[client] = transport

    def closed(self, client: tuple[str, int]) -> None:
        """Forget a connection."""
        self._transports.pop(client, None)

    async def write(self, client: tuple[str, int], raw: bytes) -> None:
        """Put bytes on a connection, past HTTP."""
        if transport := self._transports.get(client):
            transport.write(raw)
            await asyncio.sleep(0.01)

    async def cut(self, client: tuple[str, int], *, reset: bool = False) -> None:
        """End a connection; with `reset` by a TCP reset. Returns when it is gone."""
        transport = self._transports.get(client)
        if transport is None:
            return
        if reset:
            linger_zero = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
            transport.abort()
        else:
            transport.close()
        while client in self._transports:
            await asyncio.sleep(0.005)

    async def stay_open(self, client: tuple[str, int], seconds: float) -> None:
        """Keep quiet until the client hangs up or the time is over."""
        deadline = time.monotonic() + seconds
        while client in self._transports and time.monotonic() < deadline:
            await asyncio.sleep(0.05)


class Delivery:
    """Sends one reply, with the faults of the way that hit its request."""

    def __init__(self, wires: Wires, faults: FaultBox, call: Call, client: tuple[str, int]) -> None:
        self._wires = wires
        self._client = client
        self._faults = {
            kind: faults.pick(kind, call.endpoint, call.account)
            for kind in ("slow", "drip", "silence", "drop", "wrong_length", "truncated_json", "content_type")
        }

    async def before(self) -> bool:
        """Do what happens before the request is worked on; return False when there will be no answer."""
        slow, silence, drop = self._faults["slow"], self._faults["silence"], self._faults["drop"]
        if slow and slow.at == "request":
            await asyncio.sleep(slow.delay_ms / 1000)
        if silence and silence.at == "request":
            await self._stay_silent(silence)
            return False
        if drop and drop.at == "request":
            await self._wires.cut(self._client, reset=drop.reset)
            return False
        return True

    async def send(self, reply: Reply, send: Send) -> int:
        """Send a reply; return the status that left the house, 0 when none did."""
        slow, silence, drop = self._faults["slow"], self._faults["silence"], self._faults["drop"]
        if slow and slow.at == "answer":
            await asyncio.sleep(slow.delay_ms / 1000)
        if silence:
            return await self._fall_silent(reply, silence)
        if drop:
            return await self._drop(reply, drop)
        if rule := self._faults["truncated_json"]:
            reply.body = reply.body[: int(len(reply.body) * rule.keep)]
        if rule := self._faults["content_type"]:
            reply.content_type = rule.value
        if rule := self._faults["wrong_length"]:
            announced = max(0, len(reply.body) + rule.by)
            await self._wires.write(self._client, _head(reply, announced) + reply.body)
            await self._wires.cut(self._client)
            return reply.status
        if rule := self._faults["drip"]:
            await _send_in_drops(reply, rule.bytes_per_second, send)
            return reply.status
        await send_whole(reply, send)
        return reply.status

    async def _fall_silent(self, reply: Reply, rule: Silence) -> int:
        if rule.at == "headers":
            await self._wires.write(self._client, _head(reply, len(reply.body)))
        await self._stay_silent(rule)
        return reply.status if rule.at == "headers" else 0

    async def _stay_silent(self, rule: Silence) -> None:
        await self._wires.stay_open(self._client, rule.seconds)
        await self._wires.cut(self._client)

    async def _drop(self, reply: Reply, rule: Drop) -> int:
        if rule.at == "body":
            half = reply.body[: len(reply.body) // 2]
            await self._wires.write(self._client, _head(reply, len(reply.body)) + half)
        await self._wires.cut(self._client, reset=rule.reset)
        return reply.status if rule.at == "body" else 0


async def send_whole(reply: Reply, send: Send) -> None:
    """Send a reply at once."""
    await send(
        {"type": "http.response.start", "status": reply.status, "headers": _headers(reply, len(reply.body))}
    )
    await send({"type": "http.response.body", "body": reply.body})


async def _send_in_drops(reply: Reply, bytes_per_second: float, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": reply.status, "headers": _headers(reply, len(reply.body))}
    )
    drop = max(1, int(bytes_per_second / 10))
    for start in range(0, len(reply.body), drop):
        piece = reply.body[start : start + drop]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(len(piece) / bytes_per_second)
    await send({"type": "http.response.body", "body": b""})


def _headers(reply: Reply, length: int) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"max-age=0, no-cache, no-store"),
    ]
    if reply.log_id:
        headers.append((b"x-tt-logid", reply.log_id.encode()))
    headers.extend(
        (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in reply.headers
    )
    return headers


def _head(reply: Reply, length: int) -> bytes:
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in _headers(reply, length))
    return b"HTTP/1.1 %d X\r\n" % reply.status + lines + b"\r\n"
