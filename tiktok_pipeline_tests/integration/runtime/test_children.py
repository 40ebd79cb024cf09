"""Children end with us, whole, however we end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tiktok_pipeline.runtime.children import Child, ChildFailed
from tiktok_pipeline.runtime.ports import PortTaken, free_port, require_free

# A parent that starts a stubborn child in a session of its own, which outlives ordinary signals to the parent.
FAMILY = """
import subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
print(child.pid, flush=True)
time.sleep(99)
"""
OWNER = """
import os, sys, time
from pathlib import Path
from tiktok_pipeline.runtime.children import Child
child = Child("family", [sys.executable, "-c", sys.argv[2]], environment=os.environ, log_file=Path(sys.argv[1]), polite_seconds=0.5)
time.sleep(99)
"""


def grandchild(log_file: Path) -> psutil.Process:
    for _ in range(200):
        lines = log_file.read_text().split() if log_file.exists() else []
        if "up" in lines:
            return psutil.Process(int(next(line for line in lines if line.isdigit())))
        time.sleep(0.05)
    raise AssertionError(f"no grandchild: {log_file.read_text()}")


def gone(process: psutil.Process, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        return False
    return True


def test_stopping_a_child_ends_its_whole_tree(tmp_path: Path) -> None:
    log_file = tmp_path / "family.log"
    child = Child(
        "family",
        [sys.executable, "-c", FAMILY],
        environment=os.environ,
        log_file=log_file,
        polite_seconds=0.5,
    )
    deep = grandchild(log_file)
    child.stop()
    assert child.exit_code is not None
    assert gone(deep, 1)


def test_kill_9_of_the_owner_leaves_no_process(tmp_path: Path) -> None:
    log_file = tmp_path / "family.log"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(log_file), FAMILY])
    deep = grandchild(log_file)
    family = [deep, *psutil.Process(owner.pid).children(recursive=True)]
    owner.kill()
    owner.wait()
    assert all(gone(process, 10) for process in family)


def test_a_child_that_ended_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    child = Child(
        "thing", [sys.executable, "-c", "exit(3)"], environment=os.environ, log_file=tmp_path / "log"
    )
    assert child.wait(10) == 3
    with pytest.raises(ChildFailed, match=r"thing ended with code 3\. See .*/log"):
        child.require()


def test_a_taken_port_is_one_line_that_names_the_option() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            require_free("127.0.0.1", port)
        assert free_port(port) != port
    assert (
        str(caught.value) == f"port {port} on 127.0.0.1: address already in use. Choose another with --port."
    )
    require_free("127.0.0.1", port)
    assert free_port(port) == port
