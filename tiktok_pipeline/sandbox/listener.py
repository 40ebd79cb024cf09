"""Runs the sandbox in the foreground: one process, one event loop, uvicorn without an access log."""

import asyncio
import socket
import sys
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tiktok_pipeline.sandbox.app import SandboxApp
from tiktok_pipeline.sandbox.delivery import Wires
from tiktok_pipeline.sandbox.settings import SandboxError, SandboxSettings
from tiktok_pipeline.sandbox.state import Sandbox


class _Announcing(uvicorn.Server):
    """A server that writes its base URL once it accepts connections."""

    base_url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self.base_url}\n")
        sys.stdout.flush()


def run(settings: SandboxSettings) -> None:
    """Serve until interrupted. Raises SandboxError when the port is taken or the CSV cannot be read."""
    try:
        listening = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise SandboxError(f"cannot listen on {settings.host}:{settings.port}: {reason}") from None
    with listening:
        port = listening.getsockname()[1]
        base_url = f"http://{settings.host}:{port}"
        wires = Wires()
        app = SandboxApp(Sandbox(settings, settings.public_url or base_url), wires)
        config = uvicorn.Config(
            app,
            http=_tapped(wires),
            loop="auto",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        server = _Announcing(config)
        server.base_url = base_url
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            return


def _tapped(wires: Wires) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with every connection made known to the faults that cut connections."""

    class TappedProtocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client is not None:
                wires.opened(self.client, transport)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                wires.closed(self.client)
            super().connection_lost(exc)

    return cast(type[asyncio.Protocol], TappedProtocol)
