"""TCP ports of this machine."""

from __future__ import annotations

import socket

from tiktok_pipeline.errors import PipelineError


class PortTaken(PipelineError):
    """Something listens on the port already."""


def require_free(host: str, port: int, option: str = "--port") -> None:
    """Raise PortTaken, which names `option`, when nothing new can listen on the port."""
    try:
        with _listener(host, port):
            return
    except OSError as error:
        raise PortTaken(
            f"port {port} on {host}: {(error.strerror or str(error)).lower()}. Choose another with {option}."
        ) from None


def free_port(preferred: int | None = None) -> int:
    """`preferred` when it is free on this machine's loopback, else any free port."""
    for port in (preferred, 0):
        if port is None:
            continue
        try:
            with _listener("127.0.0.1", port) as listener:
                return int(listener.getsockname()[1])
        except OSError:
            continue
    raise PipelineError("no TCP port is free on 127.0.0.1. Stop something that listens.")


def _listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just freed is free
        listener.bind(address)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
