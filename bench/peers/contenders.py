"""Who takes part: how each is started, and where its rows are. All get the same environment, `PEER_…`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.database import fresh_database, libpq
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.fields import VIDEO_FIELDS
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
UV = shutil.which("uv") or str(ROOT / ".uv/bin/uv")


@dataclass(frozen=True)
class Contender:
    """`script` is a file beside this one; `table` holds one row a video and day."""

    name: str
    script: str
    table: str
    ours: bool = False

    def command(self) -> list[str]:
        """Ours and the hub's run in this environment; the others in one of their own, of the versions in their head."""
        if self.script in ("ours", "as_the_hub"):
            return [sys.executable, "-m", f"bench.peers.{self.script}"]
        return [_python_of(self.script), str(HERE / f"{self.script}.py")]


CONTENDERS = (
    Contender("tiktok_pipeline", "ours", VIDEOS, ours=True),
    Contender("dlt", "with_dlt", "peer.videos"),
    Contender("Airbyte's CDK", "with_airbyte", "public.peer_videos"),
    Contender("Singer SDK, target-postgres", "with_singer", "peer.videos"),
    Contender("an upsert a row", "as_the_hub", "public.hub_videos"),
)


class Stage:
    """A fresh database and `accounts` of the sandbox, for one contender."""

    def __init__(
        self, contender: Contender, url: str, sandbox: SandboxProcess, folder: Path, accounts: int
    ) -> None:
        self.contender = contender
        self.url = libpq(url)
        self.sandbox = sandbox
        self.environment = {
            **os.environ,
            "PEER_API": sandbox.base_url,
            "PEER_FIELDS": ",".join(VIDEO_FIELDS),
            "PEER_DATABASE": self.url,
            "PEER_SQLALCHEMY": url,
            "PEER_STATE": str(folder),
            "PEER_DAY": sandbox.now().date().isoformat(),
            "PEER_LIMIT": "1000000",
            "PEER_WINDOW": "60",
            "EXTRACT__WORKERS": "8",  # of dlt: as many as the others have threads
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "PYTHONPATH": str(ROOT),
        }
        if contender.ours:
            warehouse = Warehouse(url)
            Pipeline(warehouse, sandbox, folder / "keys.json").connect(accounts)
            warehouse.close()
            self.tokens = []
        else:
            self.tokens = [sandbox.connect(index)["access_token"] for index in range(accounts)]
        sandbox.reset_requests()

    def begin(self, tokens: list[str] | None = None, **more: str) -> subprocess.Popen[bytes]:
        """Start the contender for all its accounts, or those of `tokens`."""
        given = {"PEER_TOKENS": ",".join(self.tokens if tokens is None else tokens), **more}
        return subprocess.Popen(
            self.contender.command(),
            env={**self.environment, **given},
            cwd=self.environment["PEER_STATE"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that all of it can be killed at once
        )

    def requests(self) -> int:
        """Requests for lists of videos that arrived so far."""
        seen = self.sandbox.requests()["endpoints"].get("video/list")
        return int(seen["count"]) if seen else 0

    def rows(self) -> int:
        """Rows in the contender's table, `0` while there is none."""
        try:
            with psycopg.connect(self.url) as connection:
                found = connection.execute(f"select count(*) from {self.contender.table}".encode()).fetchone()
        except psycopg.Error:
            return 0
        return int(found[0]) if found else 0


@contextmanager
def stage(contender: Contender, accounts: int, videos: int, **sandbox: float) -> Iterator[Stage]:
    """A stage that is gone when the block ends."""
    with (
        fresh_database() as url,
        SandboxProcess(accounts=accounts, videos=videos, even=True, **{"limit": 0, **sandbox}) as served,
        tempfile.TemporaryDirectory() as folder,
    ):
        yield Stage(contender, url, served, Path(folder), accounts)


def _python_of(script: str) -> str:
    """The interpreter of the script's own environment, made from its head (PEP 723) when it is not there."""
    found = subprocess.run(
        [UV, "python", "find", "--script", str(HERE / f"{script}.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise SystemExit(f"{script}: {found.stderr}")
    return found.stdout.strip()


def prepare() -> None:
    """Make the environments of the others. Needs a package index, the first time."""
    for contender in CONTENDERS:
        script = HERE / f"{contender.script}.py"
        if script.read_text(encoding="utf-8").startswith("# /// script"):
            subprocess.run([UV, "sync", "--quiet", "--script", str(script)], check=True)
