"""What faults are done to: a database, a few accounts at the sandbox, workers; and what is checked afterwards."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy.engine import make_url

from tiktok_pipeline.history.verify import verify
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline
from tiktok_pipeline_tests.faults.worker import (
    ENDPOINTS,
    LIMIT,
    WINDOW_SECONDS,
    Worker,
    derive_lately,
    one_day,
    open_pipeline,
)
from tiktok_pipeline_tests.integration.vault.conftest import let_waits_pass

T = TypeVar("T")

ACCOUNTS = 4
PAGES = 3  # of each account's 45 videos
RECOVERY_SECONDS = 300
INVARIANTS = (Path(__file__).parent / "invariants.sql").read_text(encoding="utf-8")
COUNTERS = ("view_count", "like_count", "comment_count", "share_count")


class World:
    """One database of `server`, with `accounts` accounts of the sandbox. A fault leaves its traces in here.

    The seed decides: `choose` goes through the variants of a fault, `rng` varies its moment. `may_reconnect` and
    `may_fail` are the accounts that a fault may leave so; `as_served` says whether the snapshots must equal what
    TikTok serves without the fault.
    """

    def __init__(
        self,
        server: EmbeddedServer,
        sandbox: SandboxProcess,
        folder: Path,
        database: str,
        seed: int,
        broken: str | None = None,
    ) -> None:
        self.server = server
        self.sandbox = sandbox
        self.folder = folder
        self.seed = seed
        self.rng = random.Random(seed)
        self.broken = broken
        self.zone = "UTC"
        self.limit = LIMIT
        self.url = make_url(server.url()).set(database=database).render_as_string(hide_password=False)
        self.warehouse = Warehouse(self.url)
        self.clock = DatabaseClock(self.warehouse)
        self.log = folder / "worker.log"
        self.keys_file = folder / "keys.json"
        self.accounts: list[int] = []
        self.may_reconnect: set[int] = set()
        self.may_fail: set[int] = set()
        self.as_served = True
        self.recovery_seconds = 0.0
        self.broke: list[str] = []
        self._afterwards: list[Callable[[], None]] = []

    # --- making it ---

    def connect(self, accounts: int = ACCOUNTS) -> None:
        """Connect the sandbox's first accounts."""
        self.pipeline = self.opened()
        connecting = Pipeline(self.warehouse, self.sandbox, self.keys_file)
        self.accounts += connecting.connect(accounts, first=len(self.accounts))
        self.sandbox.reset_requests()

    def opened(self, **options: Any) -> Pipeline:
        """A pipeline in this process."""
        return open_pipeline(
            self.url, self.sandbox.base_url, self.keys_file, self.zone, limit=self.limit, **options
        )

    def worker(self, **options: Any) -> Worker:
        """A day's work, begun in a process of its own."""
        return Worker(
            self.log,
            database_url=self.url,
            base_url=self.sandbox.base_url,
            keys_file=str(self.keys_file),
            zone=self.zone,
            broken=self.broken,
            limit=self.limit,
            **options,
        )

    def day(self) -> int:
        """A day's work in this process; how many snapshot rows changed."""
        return one_day(self.opened())

    def victim(self) -> int:
        """The number of one of the accounts, at the sandbox."""
        return self.rng.randrange(len(self.accounts))

    def choose(self, *variants: T) -> T:
        """One of the variants, the next one with the next seed."""
        return variants[self.seed % len(variants)]

    # --- looking at it ---

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        return rows(self.warehouse, statement, *parameters)

    def count(self, what: str) -> int:
        """A count of rows, `0` while the database cannot say."""
        try:
            return int(self.rows(f"select count(*) as n from {what}")[0]["n"])
        except Exception:
            return 0

    def planned_pages(self) -> int:
        """Requests that one capture of the day takes: of each account its profile and its pages of videos."""
        return len(self.accounts) * (PAGES + 1)

    def asked(self, endpoint: str | None = None) -> int:
        """Requests that arrived at the sandbox, but for those at the token endpoint."""
        return sum(
            1
            for line in self.sandbox.requests(log=True)["log"]
            if not line["endpoint"].startswith("oauth") and endpoint in (None, line["endpoint"])
        )

    def wait_for(self, true: Callable[[], bool], seconds: float = 30) -> bool:
        """Whether it came true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                if true():
                    return True
            time.sleep(0.02)
        return False

    def wait_for_pages(self, pages: int, seconds: float = 30) -> bool:
        return self.wait_for(lambda: self.count("capture.page") >= pages, seconds)

    def outcomes(self, endpoint: str = "video_list") -> dict[int, tuple[str, str | None]]:
        """State and reason of each account, today."""
        found = self.rows(
            "select account_id, state, reason from capture.account_day "
            "where endpoint = %s and day = ops.day_of(ops.now(), %s)",
            endpoint,
            self.zone,
        )
        return {row["account_id"]: (row["state"], row["reason"]) for row in found}

    # --- expecting something of it ---

    def expect(self, holds: bool, words: str) -> None:
        """Note a violation unless it holds."""
        if not holds:
            self.broke.append(f"expected: {words}")

    def afterwards(self, look: Callable[[], None]) -> None:
        """Look at something once the day has been done again."""
        self._afterwards.append(look)

    # --- mending and judging it ---

    def recover(self) -> None:
        """End the fault, let waits pass, and do the day again, as the catch-up schedule would: up to three times."""
        self.sandbox.clear_faults()
        began = time.monotonic()
        self.let_waits_pass()
        for _ in range(3):
            self.day()
            self.let_waits_pass()
            if not self._unfinished():
                break
        self.recovery_seconds = time.monotonic() - began

    def let_waits_pass(self) -> None:
        """Pauses, circuits and waits of refreshes are over; leases of dead workers end by themselves."""
        let_waits_pass(self.warehouse)
        for table in ("ops.quota_pause", "ops.circuit"):
            if self.rows("select to_regclass(%s) as there", table)[0]["there"]:
                self.rows(f"delete from {table}")

    def violations(self, *, settled: bool) -> list[str]:
        """What the invariants find; with `settled` also what only the work after a fault can put in order."""
        parameters = {
            "settled": settled,
            "zone": self.zone,
            "may_reconnect": sorted(self.may_reconnect),
            "secrets": self._secrets(),
            "most": self.limit,
            "window": WINDOW_SECONDS,
        }
        with self.warehouse.transaction() as cursor:
            cursor.execute(INVARIANTS.encode(), parameters)
            found = [f"{row['invariant']}: {row['violation']}" for row in cursor.fetchall()]
        if self.rows("select from capture.manifest limit 1"):
            verdict = verify(self.warehouse)
            found += ["I10: the chain is broken"] * (verdict.broken_at is not None)
            found += [f"I10: {day} was edited: {'; '.join(said)}" for day, said in verdict.edited.items()]
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        found += ["I7: a secret in the log of a worker"] * any(secret in log for secret in self._secrets())
        fullest = max((seen["max_in_window"] for seen in self._seen().values()), default=0)
        found += [f"I6: {fullest} requests arrived within {WINDOW_SECONDS:g} s"] * (fullest > self.limit)
        return found

    def settled_violations(self) -> list[str]:
        """Everything that can be said once the day was done again."""
        for look in self._afterwards:
            look()
        found = self.violations(settled=True) + self.broke + self._unfinished()
        found += [f"I8: recovering took {self.recovery_seconds:.0f} s"] * (
            self.recovery_seconds > RECOVERY_SECONDS
        )
        asked = self.asked()
        changed = derive_lately(self.opened()) + self.day()
        found += [f"a finished day changed {changed} rows when it was repeated"] * (changed > 0)
        if not self.may_fail and not self.may_reconnect:
            more = self.asked() - asked
            found += [f"a finished day sent {more} requests when it was repeated"] * (more > 0)
        return found + (self._unlike_served() if self.as_served else [])

    def close(self) -> None:
        self.warehouse.close()

    def _unfinished(self) -> list[str]:
        excused = self.may_fail | self.may_reconnect
        return [
            f"account {account}, {endpoint}: {state} ({reason})"
            for endpoint in ENDPOINTS
            for account, (state, reason) in self.outcomes(endpoint).items()
            if state != "captured" and account not in excused
        ]

    def _unlike_served(self) -> list[str]:
        """Accounts whose videos of today are not those that TikTok serves, counter by counter."""
        found = []
        accounts = self.rows("select id, open_id from hub.store_accounts order by id")
        for account in accounts:
            if account["id"] in self.may_fail | self.may_reconnect:
                continue
            truth = self.sandbox.history(account["open_id"], at=self.sandbox.now())["videos"]
            held = self.rows(
                f"select * from {VIDEOS} where account_id = %s and snapshot_date = ops.day_of(ops.now(), %s)",
                account["id"],
                self.zone,
            )
            if {row["video_id"]: tuple(row[name] for name in COUNTERS) for row in held} != {
                video["id"]: tuple(video[name] for name in COUNTERS) for video in truth
            }:
                found.append(
                    f"account {account['id']}: {len(held)} videos, not as TikTok served its {len(truth)}"
                )
        return found

    def _secrets(self) -> list[str]:
        secrets = [self.sandbox.client_secret]
        for account in self.rows("select account_id from vault.token order by account_id limit 8"):
            with contextlib.suppress(Exception):
                opened = self.pipeline.vault.access_token(account["account_id"], _no_refresh)
                secrets.append(opened.token.reveal())
        return secrets

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = self.sandbox.requests().get("endpoints", {})
        return {name: found for name, found in seen.items() if not name.startswith("oauth")}


def _no_refresh(_token: Any) -> Any:
    raise AssertionError("looking at a token must not renew it")


@contextmanager
def holding(world: World, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own that has run `statement` and keeps its transaction open while the block runs."""
    url = make_url(world.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, options="-c default_transaction_read_only=off") as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def today_of(world: World) -> dt.date:
    """The business day now."""
    day: dt.date = world.opened().ledger().today()
    return day
