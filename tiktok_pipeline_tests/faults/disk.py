"""A disk that fills up: a server of its own on a small tmpfs, where the machine allows one to be mounted."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiktok_pipeline.warehouse.embedded import EmbeddedServer, EmbeddedServerError, running_url
from tiktok_pipeline_tests.faults.world import World

MEGABYTES = 220  # a new server with one database takes about 100
BLOCK = b"x" * 65_536
FULL_SECONDS = 3


class NoDisk(Exception):
    """A small disk cannot be mounted on this machine."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of MEGABYTES, mounted at `folder`. Raises NoDisk."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NoDisk(str(error)) from None
    if done.returncode != 0:
        raise NoDisk(done.stderr.strip() or "mount was refused")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


def full(world: World) -> int:
    """The disk of data and write-ahead log is full for some seconds in the middle of a capture."""
    world.sandbox.set_faults(slow={"delay_ms": 100, "endpoint": "video/list"})
    ballast = world.server.folder.parent / "ballast"
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(0, 3)), "pages to land")
    _fill(ballast, keep=world.choose(0, 1))
    failures = 0
    deadline = time.monotonic() + 20
    while not failures and time.monotonic() < deadline:
        failures = _cannot_write(world)
    world.expect(failures > 0, "the database to run out of space")
    _fill(ballast, keep=0)
    time.sleep(FULL_SECONDS)
    ballast.unlink()
    _start_again(world.server)
    code = worker.wait()
    world.expect(code is not None, "the worker to end, well or not, once there is room again")
    world.wait_for(lambda: world.rows("drop table if exists public.filler") == [])
    return failures


def _fill(ballast: Path, keep: int) -> None:
    """Write until there is no room, and leave `keep` MB."""
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(BLOCK)
    with contextlib.suppress(OSError):
        size = ballast.stat().st_size
        with ballast.open("ab") as file:
            file.truncate(max(0, size - keep * 1_000_000))


def _cannot_write(world: World) -> int:
    """Fill what room is left inside of files that PostgreSQL has already; 1 when it could not write."""
    try:
        world.rows("create table if not exists public.filler (text text)")
        world.rows(
            "insert into public.filler select repeat(md5(n::text), 30) from generate_series(1, 3000) as n"
        )
    except Exception:
        return 1
    return 0


def _start_again(server: EmbeddedServer) -> None:
    """Start the server if it gave up, as a service manager does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if running_url(server.folder, "postgres") is not None:
            return
        with contextlib.suppress(EmbeddedServerError):
            server.start()
        time.sleep(0.2)
