"""How many pages of `video/list` the sandbox serves per second: `python bench/sandbox_pages.py`.

100 accounts of 100 videos, 20 videos a page, all fields, keep-alive connections, every page of every account
in turn. Uses `wrk` when it is installed, otherwise client processes on raw sockets. The figure per CPU second
says what one core would do with nothing else on it.
"""

import argparse
import json
import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import psutil
import requests

from tiktok_pipeline.sandbox.objects import VIDEO_FIELDS
from tiktok_pipeline.sandbox.server import SandboxProcess

ACCOUNTS, VIDEOS, PAGE = 100, 100, 20
PATH = f"/v2/video/list/?fields={','.join(VIDEO_FIELDS)}"


def page_requests(sandbox: SandboxProcess) -> tuple[list[tuple[str, str]], int]:
    """Return (access token, JSON body) of every page of every account, and a page's mean size in bytes."""
    pages: list[tuple[str, str]] = []
    size = 0
    with requests.Session() as session:
        session.trust_env = False
        for account in range(ACCOUNTS):
            token = sandbox.connect(account)["access_token"]
            wanted: dict[str, int] = {"max_count": PAGE}
            has_more = True
            while has_more:
                pages.append((token, json.dumps(wanted)))
                answer = session.post(
                    sandbox.base_url + PATH,
                    headers={"Authorization": f"Bearer {token}"},
                    json=wanted,
                    timeout=30,
                )
                size += len(answer.content)
                data = answer.json()["data"]
                wanted, has_more = {"max_count": PAGE, "cursor": data["cursor"]}, data["has_more"]
    return pages, size // len(pages)


def fetch(
    port: int, pages: list[tuple[str, str]], connections: int, seconds: float, served: "Synchronized[int]"
) -> None:
    """Ask for pages on some connections for some seconds; add how many complete ones came to `served`."""
    raw = [
        (
            f"POST {PATH} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        for token, body in pages
    ]
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    count = position = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for connection in sockets:
            connection.sendall(raw[position % len(raw)])
            position += 1
        for connection in sockets:
            count += complete_page(connection)
    for connection in sockets:
        connection.close()
    with served.get_lock():
        served.value += count


def complete_page(connection: socket.socket) -> int:
    """Read one answer to its end; return 1 when it is a page, else stop the benchmark."""
    answer = connection.recv(65536)
    while (border := answer.find(b"\r\n\r\n")) < 0:
        answer += connection.recv(65536)
    at = answer.index(b"content-length: ") + 16
    missing = border + 4 + int(answer[at : answer.index(b"\r\n", at)]) - len(answer)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"not a page: {answer[:200]!r}")
    while missing > 0:
        missing -= len(connection.recv(min(missing, 1 << 20)))
    return 1


def with_sockets(sandbox: SandboxProcess, pages: list[tuple[str, str]], clients: int, seconds: float) -> int:
    """Return how many pages client processes got."""
    served: Synchronized[int] = multiprocessing.Value("q", 0)
    port = int(sandbox.base_url.rsplit(":", 1)[1])
    workers = [
        multiprocessing.Process(target=fetch, args=(port, pages[n::clients], 8, seconds, served))
        for n in range(clients)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return served.value


def with_wrk(sandbox: SandboxProcess, pages: list[tuple[str, str]], clients: int, seconds: float) -> int:
    """Return how many pages `wrk` got."""
    lines = ",".join(f"{{[[{token}]],[[{body}]]}}" for token, body in pages)
    script = (
        f"local pages={{{lines}}} local n=0\n"
        "request=function() n=n%#pages+1 return wrk.format('POST',nil,"
        "{['Authorization']='Bearer '..pages[n][1],['Content-Type']='application/json'},pages[n][2]) end\n"
        "done=function(s) io.write('PAGES '..(s.requests-s.errors.status)..'\\n') end\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [
            "wrk",
            "-t",
            str(clients),
            "-c",
            str(8 * clients),
            "-d",
            f"{seconds:.0f}s",
            "-s",
            file.name,
        ]
        out = subprocess.run(
            [*command, sandbox.base_url + PATH], check=True, capture_output=True, text=True
        ).stdout
    return int(next(line.split()[1] for line in out.splitlines() if line.startswith("PAGES")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=1, help="client processes (wrk: threads)")
    options = parser.parse_args()
    settings = {"accounts": ACCOUNTS, "videos": VIDEOS, "even": True, "limit": 0}
    with SandboxProcess(**settings) as sandbox:
        pages, size = page_requests(sandbox)
        server = psutil.Process(sandbox.pid)
        before, started = sum(server.cpu_times()[:2]), time.perf_counter()
        load = with_wrk if shutil.which("wrk") else with_sockets
        count = load(sandbox, pages, options.clients, options.seconds)
        elapsed = time.perf_counter() - started
        cpu = sum(server.cpu_times()[:2]) - before
    print("| load | pages | kB per page | pages/s | server CPU | pages per CPU second |")
    print("|---|---:|---:|---:|---:|---:|")
    tool = "wrk" if load is with_wrk else f"{Path(sys.executable).name} sockets"
    print(
        f"| {tool} x {options.clients} | {count} | {size / 1000:.1f} | {count / elapsed:,.0f} "
        f"| {100 * cpu / elapsed:.0f} % | {count / cpu:,.0f} |"
    )


if __name__ == "__main__":
    main()
