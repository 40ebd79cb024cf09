"""Serving the portal with uvicorn: in the foreground, or in a thread for tests."""

from __future__ import annotations

import logging
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

from tiktok_pipeline import tracing
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.portal.app import create_app
from tiktok_pipeline.portal.context import PortalContext

START_SECONDS = 10.0
FINISH_SECONDS = 60  # an exchange of a code with TikTok takes this long at most, and its answer must be kept


def serve_portal(context: PortalContext, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM, which let requests under way finish. Raises PipelineError: port taken."""
    with _listener(host, port) as listener:
        _server(context).run(sockets=[listener])


class PortalThread:
    """The portal in a thread of this process, ready when the block begins. Port 0 takes a free one."""

    def __init__(self, context: PortalContext, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = _listener(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._server = _server(context)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise PipelineError("portal: did not start. See the log.")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(FINISH_SECONDS)
        self._listener.close()


class _Server(uvicorn.Server):
    """Tells what goes on for minutes to end, then lets requests under way finish."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and return when all are closed."""
        self._closing.set()
        await super().shutdown(sockets)


def _server(context: PortalContext) -> uvicorn.Server:
    tracing.begin(context.settings.otel_exporter_otlp_endpoint, "tiktok_pipeline portal")
    # It names links and queries, which the guard's log does not.
    logging.getLogger("uvicorn.access").disabled = True
    app = create_app(context)
    return _Server(
        uvicorn.Config(
            app,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=FINISH_SECONDS,
        ),
        app.state.closing,
    )


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise PipelineError(
            f"port {port} on {host}: {(error.strerror or str(error)).lower()}. Choose another port."
        ) from None
