import csv
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests

from tiktok_pipeline.sandbox import SandboxError
from tiktok_pipeline.sandbox.csv_world import COLUMNS
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline_tests.integration.sandbox.calling import App

REAL_VIDEOS = os.environ.get("TIKTOK_VIDEOS_CSV", "")

FOSTER_PARENT = """
import sys, time
from tiktok_pipeline.sandbox.server import SandboxProcess
sandbox = SandboxProcess(accounts=1, videos=1).start()
print(sandbox.pid, flush=True)
time.sleep(60)
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tiktok_pipeline.sandbox", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_it_prints_one_line_when_it_is_ready_and_ends_when_told() -> None:
    command = [sys.executable, "-m", "tiktok_pipeline.sandbox", "--port", "0", "--accounts", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    base_url = process.stdout.readline().strip()
    assert requests.get(f"{base_url}/sandbox/health", timeout=5).json()["status"] == "ok"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=10)
    assert (out, errors) == ("", "")


def test_a_taken_port_is_one_line_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run("--port", str(port))
    assert answer.returncode == 1
    assert answer.stderr == f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_broken_csv_is_one_line_and_status_1(tmp_path: Path) -> None:
    broken = tmp_path / "videos.csv"
    broken.write_text(",".join(COLUMNS) + "\n" + ",".join(["x"] * len(COLUMNS)) + "\n")
    answer = run("--port", "0", "--videos-csv", str(broken))
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"sandbox: {broken}, line 2, column ")
    assert answer.stderr.count("\n") == 1


def test_a_wrong_setting_is_one_line_and_status_2() -> None:
    answer = run("--accounts", "many")
    assert answer.returncode == 2
    assert answer.stderr.startswith("sandbox: --accounts: ")
    assert answer.stderr.count("\n") == 1


def test_a_sandbox_that_cannot_start_says_why() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SandboxError, match="did not start: sandbox: cannot listen on"),
    ):
        SandboxProcess(port=taken.getsockname()[1]).start()


def test_it_dies_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", FOSTER_PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    assert gone(child)


def test_it_outlives_the_thread_that_started_it_and_ends_with_stop() -> None:
    sandbox = SandboxProcess(accounts=1, videos=1)
    thread = threading.Thread(target=sandbox.start)
    thread.start()
    thread.join()
    pid = sandbox.pid
    assert len(sandbox.accounts()) == 1
    sandbox.stop()
    sandbox.stop()
    assert gone(pid)


def test_settings_reach_the_process() -> None:
    with SandboxProcess(
        accounts=3, videos=25, even=True, client_key="k", client_secret="s", token_regime="lenient"
    ) as sandbox:
        assert [account["video_count"] for account in sandbox.accounts()] == [25, 25, 25]
        assert sandbox.connect(0)["expires_in"] == 86_400


def test_a_real_csv_is_served_byte_for_byte(tmp_path: Path) -> None:
    given = real_videos() or invented_videos(tmp_path / "videos.csv")
    with given.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    with SandboxProcess(videos_csv=given, accounts=5, limit=0) as sandbox:
        app = App(sandbox)
        served = {}
        for account in range(5):
            videos = app.videos(app.connected(account), fields=",".join(COLUMNS[:10]))
            served.update({video["id"]: video for video in videos})
    assert set(served) == set(rows)
    for id_, row in rows.items():
        assert {name: str(value) for name, value in served[id_].items()} == {
            name: row[name] for name in served[id_]
        }


def real_videos() -> Path | None:
    """Return a CSV of real videos named by TIKTOK_VIDEOS_CSV, None when there is none."""
    path = Path(REAL_VIDEOS)
    return path if REAL_VIDEOS and path.is_file() else None


def invented_videos(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(45):
            created = 1_690_000_000 + n // 2
            caption = f' "{n}" 😂 عرض, #fyp\n'
            author = [f"a{n % 7}", "False", 10, 1, 4_900_000_000, 3]
            writer.writerow(
                [created << 32 | n, created, 9, 1024, 576, caption, 5_000_000_000 + n, n, 0, 1, *author]
            )
    return path
