"""The embedded PostgreSQL: starting, stopping, and what crashes leave behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg2
import pytest
from sqlalchemy import create_engine

from tiktok_pipeline.warehouse.connection import Warehouse, psycopg2_url
from tiktok_pipeline.warehouse.embedded import SYSTEM_USER, EmbeddedServer, EmbeddedServerError, running_url
from tiktok_pipeline.warehouse.migrations import migrate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("embedded") / "a folder with spaces" / "pg"
    yield path
    EmbeddedServer(path).stop()


def postmaster_pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def remember(server: EmbeddedServer, word: str) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("create table if not exists memory (word text)")
        connection.execute("insert into memory values (%s)", (word,))


def remembered(server: EmbeddedServer) -> list[str]:
    with psycopg.connect(server.url("postgres")) as connection:
        return [str(row[0]) for row in connection.execute("select word from memory order by word")]


def test_its_address_works_for_every_driver_also_with_a_space_in_the_path(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        psycopg.connect(server.url("postgres")).close()
        psycopg2.connect(server.url("postgres")).close()
        create_engine(psycopg2_url(server.url("postgres"))).connect().close()
        warehouse = Warehouse(server.url("postgres"))
        assert migrate(warehouse)
        warehouse.close()
    assert running_url(folder, "postgres") is None


def test_data_outlives_a_stop_and_is_kept_with_fsync(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        remember(server, "kept")
    with EmbeddedServer(folder) as server:
        assert "kept" in remembered(server)
        with psycopg.connect(server.url("postgres")) as connection:
            assert connection.execute("show fsync").fetchone() == ("on",)
            assert connection.execute("show listen_addresses").fetchone() == ("",)


def test_a_killed_server_is_started_again_with_what_it_had_committed(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    remember(server, "committed")
    os.kill(postmaster_pid(folder), signal.SIGKILL)
    with EmbeddedServer(folder) as again:
        assert "committed" in remembered(again)


def test_a_server_that_outlived_its_owner_is_taken_over_and_stopped(folder: Path) -> None:
    EmbeddedServer(folder).start()
    pid = postmaster_pid(folder)
    with EmbeddedServer(folder):
        assert postmaster_pid(folder) == pid
    assert running_url(folder, "postgres") is None


def leave_pid_files(folder: Path, pid: int) -> None:
    """What a killed server leaves, when its pid is now `pid`."""
    (folder / "postmaster.pid").write_text(f"{pid}\n{folder}\n1\n5432\n{folder}\n\n1 1\nready\n")
    (folder / ".s.PGSQL.5432.lock").write_text(f"{pid}\n{folder}\n1\n5432\n{folder}\n")


def test_pid_files_of_a_dead_process_are_repaired(folder: Path) -> None:
    with EmbeddedServer(folder):
        pass
    leave_pid_files(folder, 4_194_303)
    with EmbeddedServer(folder) as server:
        psycopg.connect(server.url("postgres")).close()


def test_pid_files_whose_pid_now_belongs_to_something_else_are_repaired(folder: Path) -> None:
    with EmbeddedServer(folder):
        pass
    user = SYSTEM_USER if os.geteuid() == 0 else None  # PostgreSQL believes the pids of its own user only
    with subprocess.Popen(["sleep", "60"], user=user) as something_else:
        leave_pid_files(folder, something_else.pid)
        with EmbeddedServer(folder) as server:
            psycopg.connect(server.url("postgres")).close()
            assert postmaster_pid(folder) != something_else.pid
        assert something_else.poll() is None
        something_else.kill()


def test_a_path_too_long_for_a_socket_gets_a_private_socket_elsewhere(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / ("long" * 25) / "pg") as server:
        psycopg.connect(server.url("postgres")).close()
        sockets = Path(server.url("postgres").partition("host=")[2])
        assert sockets.stat().st_mode & 0o077 == 0
    sockets.rmdir()


def test_a_broken_folder_is_one_line_that_names_folder_and_log(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("18\n")
    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedServer(folder).start()
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    assert str(tmp_path / "pg.log") in message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_servers_that_start_at_once_for_the_first_time_make_their_user_once(tmp_path: Path) -> None:
    user = f"pgserver{os.getpid()}"
    slow = tmp_path / "programs" / "useradd"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\nsleep 0.5\nexec {shutil.which("useradd")} "$@"\n')
    slow.chmod(0o755)
    path = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    start = (
        "import sys; from pathlib import Path; from tiktok_pipeline.warehouse import embedded\n"
        f"embedded.SYSTEM_USER = {user!r}\n"
        "with embedded.EmbeddedServer(Path(sys.argv[1])): pass"
    )
    try:
        starting = [
            subprocess.Popen(
                [sys.executable, "-c", start, str(tmp_path / name / "pg")], env=path, stderr=subprocess.PIPE
            )
            for name in ("one", "two", "three")
        ]
        errors = [one.communicate(timeout=60)[1].decode() for one in starting]
        assert [one.returncode for one in starting] == [0, 0, 0], errors
    finally:
        subprocess.run(["userdel", user], check=False, capture_output=True)
