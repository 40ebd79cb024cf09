"""`python -m tiktok_pipeline.runtime.guard SECONDS COMMAND …`: a command that cannot outlive who asked for it.

The guard's standard input is a pipe that its parent holds open. When the parent closes it, or dies in any
way, `kill -9` included, the guard ends the command and everything the command has started: Dagster's code
server starts runs, which no signal to their parent alone would reach. SECONDS is how long they may take to end
politely.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

PR_SET_CHILD_SUBREAPER = 36


def main(patience: float, command: list[str]) -> int:
    """Run the command; its exit code, or 128 + n when signal n ended it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only the pipe ends us, in order, with the whole tree. A handler, unlike SIG_IGN, is not inherited.
        signal.signal(number, lambda *_: None)
    if sys.platform == "linux":
        # What loses its parent becomes our child instead of init's, so that it stays in the tree.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_pipe, args=(child, patience), daemon=True).start()
    code = child.wait()
    end_tree(psutil.Process(), first=None, patience=patience)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()  # init of a container often reaps nothing
    return code if code >= 0 else 128 - code


def end_tree(root: psutil.Process, first: int | None, patience: float) -> None:
    """End everything below `root`: a polite signal to `first` or to all, then SIGKILL for what is left."""
    asked = [process for process in _below(root) if first in (None, process.pid)]
    for process in asked:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + patience
    while (left := _below(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _below(root: psutil.Process) -> list[psutil.Process]:
    living = []
    with contextlib.suppress(psutil.Error):
        for process in root.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    living.append(process)
    return living


def _end_with_the_pipe(child: subprocess.Popen[bytes], patience: float) -> None:
    while os.read(0, 1024):
        pass
    end_tree(psutil.Process(), first=child.pid, patience=patience)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
