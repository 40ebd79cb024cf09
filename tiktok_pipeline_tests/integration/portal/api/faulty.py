"""An address at which a portal is reached, or is not: a small HTTP proxy that does what `mode` says."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import requests

HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "keep-alive", "date", "host"}


class Faulty:
    """Runs while the block does. `mode`: fine, drop (the connection), hang, or a status to answer with."""

    def __init__(self, url: str) -> None:
        self.mode = "fine"
        self.only_next = 0  # so many requests meet the fault, then all is fine; 0: all of them
        self.asked: list[tuple[str, str, str]] = []
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                faulty.asked.append((self.command, self.path, self.headers.get("X-Request-ID", "")))
                mode = faulty._mode_now()
                if mode == "drop":
                    self.connection.close()
                    return
                if mode == "hang":
                    time.sleep(3)
                    self.connection.close()
                    return
                if mode.isdigit():
                    self._answer(int(mode), {"Retry-After": "1"} if mode == "429" else {}, b"{}")
                    return
                headers = {name: said for name, said in self.headers.items() if name.lower() not in HOP}
                answer = requests.request(
                    self.command, url + self.path, data=body, headers=headers, timeout=10
                )
                kept = {name: said for name, said in answer.headers.items() if name.lower() not in HOP}
                self._answer(answer.status_code, kept, answer.content)

            do_POST = do_GET

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, said in headers.items():
                    self.send_header(name, said)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_is(self, mode: str, times: int = 1) -> None:
        self.mode, self.only_next = mode, times

    def _mode_now(self) -> str:
        mode = self.mode
        if mode != "fine" and self.only_next:
            self.only_next -= 1
            if not self.only_next:
                self.mode = "fine"
        return mode
