"""Processes of their own that ask the vault for tokens, to be killed, stopped and signalled.

They are forked from a server that has imported everything, so that starting one takes a moment. For signals there
is also a program: `python -m … DATABASE KEYS SANDBOX ACCOUNT` renews once and ends as the command line does.
"""

import contextlib
import datetime as dt
import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from tiktok_pipeline.crash_points import VARIABLE
from tiktok_pipeline.sandbox.settings import SandboxSettings
from tiktok_pipeline.tiktok.errors import TikTokError
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import AccessToken, SecretToken, TokenVault
from tiktok_pipeline.vault.attempt import unprotected_window
from tiktok_pipeline.warehouse.connection import Warehouse

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class Asker:
    """A process with a vault. `crash_at` names the crash point at which it kills itself."""

    def __init__(
        self, database_url: str, keys_file: Path, sandbox_url: str, crash_at: str | None = None
    ) -> None:
        self._here, there = _context.Pipe()
        self._process = _context.Process(
            target=_serve, args=(there, database_url, keys_file, sandbox_url, crash_at)
        )
        self._process.start()
        there.close()
        assert self._here.recv() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        self._process.join(30)
        self._process.kill()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def ask(self, account_id: int, refused_version: int | None = None) -> None:
        """Let it ask for a token, or for one in place of a refused one."""
        self._here.send((account_id, refused_version))

    def windows(self) -> tuple[float, float]:
        """For how long, in seconds, new pairs of this process were in memory alone: at most, and 99 % of them."""
        self._here.send((None, None))
        longest, p99 = self.answer().split()
        return float(longest), float(p99)

    def answer(self, seconds: float = 120) -> str:
        """`version fingerprint`, `Error code`, or `killed` when the process died instead."""
        assert self._here.poll(seconds), "no answer"
        try:
            return str(self._here.recv())
        except (EOFError, ConnectionResetError):
            self._process.join(10)
            assert self._process.exitcode == -signal.SIGKILL, (
                "the process ended with an error; see its traceback"
            )
            return "killed"


@contextlib.contextmanager
def askers(count: int, database_url: str, keys_file: Path, sandbox_url: str) -> Iterator[list[Asker]]:
    """So many processes, ready to be asked at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Asker(database_url, keys_file, sandbox_url)) for _ in range(count)]


def fingerprint(access: AccessToken) -> str:
    return f"{access.version} {hashlib.sha256(access.token.reveal().encode()).hexdigest()}"


def refused(version: int) -> AccessToken:
    """A token of that version, as somebody holds it whom TikTok has refused."""
    return AccessToken(SecretToken("refused"), version, frozenset(), dt.datetime.now(dt.UTC))


def _oauth(sandbox_url: str) -> OAuthClient:
    app = SandboxSettings()
    return OAuthClient(sandbox_url, app.client_key, SecretToken(app.client_secret))


def _serve(
    connection: Connection, database_url: str, keys_file: Path, sandbox_url: str, crash_at: str | None
) -> None:
    vault = TokenVault.open(Warehouse(database_url), keys_file, "test", create=False)
    refresh = _oauth(sandbox_url).refresh
    connection.send("ready")
    if crash_at is not None:
        os.environ[VARIABLE] = crash_at
    with contextlib.suppress(EOFError):
        while True:
            account_id, version = connection.recv()
            if account_id is None:
                connection.send(f"{unprotected_window.longest} {unprotected_window.p99}")
                continue
            try:
                if version is None:
                    access = vault.access_token(account_id, refresh)
                else:
                    access = vault.renew(account_id, refused(version), refresh)
            except TikTokError as error:
                connection.send(f"{type(error).__name__} {error.code}")
            except Exception as error:  # the test is to say what it was
                connection.send(f"unexpected {type(error).__name__}: {error}")
            else:
                connection.send(fingerprint(access))


def main(database_url: str, keys_file: str, sandbox_url: str, account_id: str) -> None:
    """Renew the token of version 1."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    vault = TokenVault.open(Warehouse(database_url), Path(keys_file), "test", create=False)
    vault.renew(int(account_id), refused(1), _oauth(sandbox_url).refresh)


if __name__ == "__main__":
    main(*sys.argv[1:])
