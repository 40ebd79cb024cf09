"""One HTTP call: over a pooled connection, within a total deadline, with a cap on the size of the answer.

`requests` prepares the request and keeps the pool (proxies, certificates), once; each call goes straight to that
pool. A Session would look up proxies and merge headers and cookies again for every call, follow redirects, and
carry one account's cookies into the next account's call.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from requests import PreparedRequest, Request, RequestException
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, MaxRetryError, NewConnectionError, ProxyError
from urllib3.response import HTTPResponse as PooledResponse

from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.errors import MalformedError, TikTokError, TransientError
from tiktok_pipeline.tracing import span

MAX_BODY_BYTES = 10_000_000  # a page of 20 videos has about 15,000
CONNECT_TIMEOUT_SECONDS = 10.0
USER_AGENT = "tiktok_pipeline"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: decompressed body, headers by case-insensitive name, and how long it took."""

    method: str
    endpoint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Transport:
    """Keep-alive connections to one host, shared by all threads of the process.

    Proxies and certificates come from the environment (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE …), read
    once. `counts` counts what is sent.
    """

    def __init__(
        self, base_url: str, *, timeout_seconds: float, pool_size: int, counts: RequestCounts | None = None
    ) -> None:
        self._counts = counts
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._proxies = get_environ_proxies(self._base_url)
        self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._adapter = _DeadlineAdapter(pool_maxsize=pool_size)
        self._pool: HTTPConnectionPool = self._adapter.get_connection_with_tls_context(  # type: ignore[assignment]
            self.prepare("GET", "/"), self._verify, self._proxies
        )

    def prepare(self, method: str, endpoint: str, query: Mapping[str, str] | None = None) -> PreparedRequest:
        """A request without its secret parts, to be made once and sent many times."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": USER_AGENT}
        return Request(method, self._base_url + endpoint, headers, params=dict(query or {})).prepare()

    def send(
        self,
        prepared: PreparedRequest,
        endpoint: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        counted_as: str | None = None,
    ) -> HttpAnswer:
        """Send a copy of a prepared request with these headers and this body; whatever HTTP status it gets.

        Raises TransientError (network, deadline), MalformedError (over MAX_BODY_BYTES, not decompressible).
        Looking up the host's name is bounded by the resolver's own time-outs, not by the deadline.
        `counted_as`: under which name instead of the endpoint's.
        """
        try:
            with span(f"TikTok {endpoint}", http_request_method=prepared.method or "") as traced:
                answer = self._send(prepared, endpoint, headers, body)
                if traced:
                    traced.set_attribute("http.response.status_code", answer.status)
        except TikTokError as error:
            self._count(counted_as or endpoint, error.http_status or error.code)
            raise
        self._count(counted_as or endpoint, answer.status)
        return answer

    def _count(self, endpoint: str, status: int | str) -> None:
        if self._counts is not None:
            self._counts.note(endpoint, status)

    def _send(
        self, prepared: PreparedRequest, endpoint: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        started = time.monotonic()
        try:
            response = self._open(prepared, headers, body)
            try:
                answered = response.read(MAX_BODY_BYTES + 1, decode_content=True)
            except BaseException:
                response.close()  # a half-read connection must not serve the next call
                raise
        except DecodeError:
            raise MalformedError(
                "the answer could not be decompressed", code="malformed", endpoint=endpoint
            ) from None
        except (RequestException, HTTPError, OSError) as error:
            raise _unanswered(error, endpoint, time.monotonic() - started) from None
        if len(answered) > MAX_BODY_BYTES:
            response.close()
            raise MalformedError(
                f"the answer is larger than {MAX_BODY_BYTES:,} bytes",
                code="oversize",
                endpoint=endpoint,
                http_status=response.status,
            )
        return HttpAnswer(
            method=prepared.method or "",
            endpoint=endpoint,
            status=response.status,
            headers=response.headers,
            body=answered,
            seconds=time.monotonic() - started,
        )

    def _open(self, prepared: PreparedRequest, headers: Mapping[str, str], body: bytes) -> BaseHTTPResponse:
        """The answer's status and headers, its body not read yet."""
        length = {"Content-Length": str(len(body))} if body else {}
        return self._pool.urlopen(
            prepared.method or "",
            self._adapter.request_url(prepared, self._proxies),
            body or None,
            {**prepared.headers, **headers, **length},
            retries=False,
            redirect=False,
            assert_same_host=False,  # a plain HTTP proxy is asked for the whole address
            # The total covers connecting and waiting; _DeadlineReader carries on where urllib3 stops counting.
            timeout=Timeout(connect=CONNECT_TIMEOUT_SECONDS, total=self._timeout_seconds),
            preload_content=False,
            decode_content=False,
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()


def _unanswered(error: Exception, endpoint: str, seconds: float) -> TransientError:
    """What a failed exchange means. Only class names are told: texts of HTTP libraries quote addresses."""
    causes = _causes(error)
    reason = type(causes[-1]).__name__
    if any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes):
        return TransientError(
            f"no complete answer within {seconds:.1f} s ({reason})",
            code="deadline",
            endpoint=endpoint,
            sent=_may_have_been_sent(causes),
        )
    return TransientError(
        f"the connection failed ({reason})",
        code="network_error",
        endpoint=endpoint,
        sent=_may_have_been_sent(causes),
    )


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what requests and urllib3 wrapped into it, outermost first."""
    causes = [error]
    while True:
        last = causes[-1]
        inner: object = last.reason if isinstance(last, MaxRetryError) else None
        if inner is None:
            inner = next((part for part in last.args if isinstance(part, BaseException)), None)
        if not isinstance(inner, BaseException) or inner in causes:
            return causes
        causes.append(inner)


def _may_have_been_sent(causes: list[BaseException]) -> bool:
    """False only when no connection came about, so that TikTok cannot have seen the request."""
    never_connected = (NewConnectionError, ProxyError, ssl.SSLCertVerificationError)
    return not any(
        isinstance(cause, never_connected) or type(cause).__name__.startswith("ConnectTimeout")
        for cause in causes
    )


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until an instant, however slowly the bytes drip.

    A socket's own time-out starts again with every byte; this one does not.
    """

    def __init__(self, sock: socket.socket) -> None:
        # urllib3 has just set what is left of the call's total as the socket's time-out.
        left = sock.gettimeout()
        self._ends = None if left is None else time.monotonic() + left
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._ends is not None:
            left = self._ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("the total deadline has passed")
            self._sock.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _DeadlineSocket:
    """A socket as http.client's response sees it: something that makes a file to read from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, *args: object, **options: object) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock))


class _DeadlineResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_DeadlineSocket(sock), *args, **options)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _DeadlineResponse

    def getresponse(self) -> PooledResponse:  # type: ignore[override]  # as urllib3 itself does
        crash_point("after_send")
        return super().getresponse()


class _TLSConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _DeadlineAdapter(HTTPAdapter):
    """requests' adapter over connections whose answers have a total deadline, also through a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager
