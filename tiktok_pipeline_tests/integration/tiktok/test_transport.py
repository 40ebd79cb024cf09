"""What the sandbox does not do: answers byte by byte from the first, redirects, and a proxy."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError, MalformedError, TransientError
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault.secret import SecretToken

REFUSAL = b'{"error": {"code": "access_token_invalid", "message": "", "log_id": "L"}, "data": {}}'
TOKEN = SecretToken("act.x")
SCOPES = ["user.info.basic"]


class RawServer:
    """Answers every request with the same bytes, `pause` seconds after each of them."""

    def __init__(self, answer: bytes, pause: float = 0.0) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer, self._pause = answer, pause
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while request := _read(connection):
                self.requests.append(request)
                for piece in [self._answer] if not self._pause else [bytes([one]) for one in self._answer]:
                    connection.sendall(piece)
                    time.sleep(self._pause)

    def close(self) -> None:
        self._socket.close()


def _read(connection: socket.socket) -> bytes:
    """One whole request, or nothing when the connection ends."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.recv(65536)
        if not piece:
            return b""
        request += piece
    length = re.search(rb"Content-Length: (\d+)", request)
    missing = int(length[1]) - len(request.partition(b"\r\n\r\n")[2]) if length else 0
    return request + (connection.recv(missing, socket.MSG_WAITALL) if missing else b"")


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(answer: bytes, pause: float = 0.0) -> RawServer:
        servers.append(RawServer(answer, pause))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def whole(body: bytes, status: str = "401 Unauthorized", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize(
    "answer",
    [
        whole(REFUSAL),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000,
    ],
    ids=["headers and body", "chunks", "until the end of the connection"],
)
def test_the_deadline_holds_from_the_first_byte(serve: Callable[..., RawServer], answer: bytes) -> None:
    server = serve(answer, 0.05)
    client = TikTokClient(server.url, "key", timeout_seconds=0.5, max_attempts=1)
    started = time.monotonic()
    with pytest.raises(TransientError) as error:
        client.user_info(TOKEN, SCOPES)
    assert error.value.code == "deadline"
    assert 0.45 < time.monotonic() - started < 0.8


def test_connections_are_kept_for_the_api_and_not_for_oauth(serve: Callable[..., RawServer]) -> None:
    server = serve(whole(REFUSAL))
    client = TikTokClient(server.url, "key")
    oauth = OAuthClient(server.url, "key", SecretToken("secret"))
    for _ in range(3):
        with pytest.raises(AuthError):
            client.user_info(TOKEN, SCOPES)
    assert server.connections == 1
    for _ in range(3):
        with pytest.raises(AuthError):
            oauth.refresh(SecretToken("rft.x"))
    assert server.connections == 4


def test_a_form_is_sent_and_never_json(serve: Callable[..., RawServer]) -> None:
    server = serve(whole(REFUSAL))
    with pytest.raises(AuthError):
        OAuthClient(server.url, "key", SecretToken("s&t")).exchange("a*1!b", "https://a/b", "verifier")
    head, form = server.requests[0].split(b"\r\n\r\n")
    assert b"Content-Type: application/x-www-form-urlencoded" in head
    assert sorted(form.split(b"&")) == [
        b"client_key=key",
        b"client_secret=s%26t",
        b"code=a%2A1%21b",
        b"code_verifier=verifier",
        b"grant_type=authorization_code",
        b"redirect_uri=https%3A%2F%2Fa%2Fb",
    ]


def test_a_redirect_is_not_followed(serve: Callable[..., RawServer]) -> None:
    elsewhere = serve(whole(REFUSAL))
    server = serve(whole(b"", "302 Found", f"Location: {elsewhere.url}/\r\n"))
    with pytest.raises(MalformedError) as error:
        TikTokClient(server.url, "key").user_info(TOKEN, SCOPES)
    assert error.value.http_status == 302
    assert elsewhere.connections == 0


def test_cookies_do_not_travel_from_one_account_to_the_next(serve: Callable[..., RawServer]) -> None:
    server = serve(whole(REFUSAL, headers="Set-Cookie: account=1\r\n"))
    client = TikTokClient(server.url, "key")
    for _ in range(2):
        with pytest.raises(AuthError):
            client.user_info(TOKEN, SCOPES)
    assert b"ookie" not in server.requests[1]


def test_a_proxy_of_the_environment_is_used(
    serve: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(whole(REFUSAL))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(AuthError):
        TikTokClient("http://tiktok.invalid", "key").user_info(TOKEN, SCOPES)
    assert proxy.requests[0].startswith(b"GET http://tiktok.invalid/v2/user/info/?fields=open_id")
