"""A webhook receiver as a process of its own: keeps what it gets, and answers as it was told to."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests


class _Handler(BaseHTTPRequestHandler):
    received: list[Any] = []  # noqa: RUF012  # of the one server of this process
    status = 200

    def do_GET(self) -> None:
        if self.path != "/":
            self.received.append({"asked": self.path})
            self._answer(self.status)
            return
        self._answer(200, json.dumps(self.received).encode())

    def do_PUT(self) -> None:
        told = json.loads(self._body())
        type(self).status = told["status"]
        if told["forget"]:
            self.received.clear()
        self._answer(200)

    def do_POST(self) -> None:
        body = json.loads(self._body())
        if self.status == 200:
            self.received.append(body)
        self._answer(self.status)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Receiver:
    """The process, while the block runs. `url` is for ALERT_URLS, and its path is a secret."""

    def __enter__(self) -> Receiver:
        self._process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._base = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.url = f"webhook+{self._base}/hooks/canary-secret"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # a runner that ignores signals makes its children ignore them
        self._process.communicate()

    def answers(self, status: int, *, forget: bool = False) -> None:
        """From now on answer with this status; only what is answered with 200 is kept."""
        requests.put(self._base, json={"status": status, "forget": forget}, timeout=5)

    def received(self) -> list[dict[str, Any]]:
        """What it was sent."""
        got: list[dict[str, Any]] = requests.get(self._base, timeout=5).json()
        return got

    def received_keys(self) -> list[str]:
        """The keys of what it was sent."""
        return [message["details"]["key"] for message in self.received()]


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
