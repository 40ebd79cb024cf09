"""Days of many accounts in minutes, with a random fault every few seconds.

The database's clock is set to two in the morning of the next day when a day is done or has had its time. Two workers
begin each day again and again; whichever dies is replaced, as the catch-up schedule would.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tiktok_pipeline.hub.accounts import connect_account
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline_tests.faults.databases import restart
from tiktok_pipeline_tests.faults.worker import Worker
from tiktok_pipeline_tests.faults.world import World, holding

WORKERS = 2
REDIRECT = "http://localhost/callback"
FIRST_DAY = "2027-02-27"
ANSWERS: tuple[dict[str, Any], ...] = (
    {"internal_error": {"probability": 0.3}},
    {"html_error": {"probability": 0.3, "status": 502}},
    {"rate_limited": {"times": 2, "retry_after": "1"}},
    {"drop": {"at": "body", "reset": True, "probability": 0.3}},
    {"truncated_json": {"probability": 0.3}},
    {"slow": {"delay_ms": 500, "probability": 0.5}},
    {"stuck_cursor": {"probability": 0.3}},
)


@dataclass
class Chaos:
    """What happened: faults by kind, days, account-days by state, requests, seconds, violations."""

    faults: Counter[str] = field(default_factory=Counter)
    days: int = 0
    states: dict[str, int] = field(default_factory=dict)
    accounts: int = 0
    requests: int = 0
    lost_grants: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.accounts:,} accounts, {self.days} days in {self.seconds:.0f} s, {self.faults.total()} faults "
            f"({faults}): {states}; {self.lost_grants} grants lost with a process or an answer; "
            f"{self.requests:,} requests; {len(self.violations)} violations"
        )


def connect_many(world: World, accounts: int) -> None:
    """Connect the sandbox's first accounts, one store each."""
    world.pipeline = world.opened()
    vault = TokenVault.open(world.warehouse, world.keys_file, "test", create=True)
    secret = SecretToken(world.sandbox.client_secret)

    def connect(index: int) -> int:
        add_store(world.warehouse, f"store_{index:04}", f"Store {index}", "Ayu")
        oauth = OAuthClient(world.sandbox.base_url, world.sandbox.client_key, secret)
        code = world.sandbox.authorize(index)
        return connect_account(
            world.warehouse,
            vault,
            oauth,
            store_code=f"store_{index:04}",
            auth_code=code,
            redirect_uri=REDIRECT,
            client_key=world.sandbox.client_key,
        ).id

    with ThreadPoolExecutor(4) as pool:
        world.accounts = list(pool.map(connect, range(accounts)))
    world.sandbox.reset_requests()


def run_chaos(world: World, accounts: int, minutes: float, every_seconds: float, day_seconds: float) -> Chaos:
    """Days of `accounts` for so many minutes; ends with a day without faults, and judges."""
    chaos = Chaos(accounts=accounts)
    rng = random.Random(world.seed)
    world.limit = 100_000  # a day of this clock has minutes: so does TikTok's minute
    world.clock.set(f"{FIRST_DAY}T02:00:00")
    connect_many(world, accounts)
    began = time.monotonic()
    crew = [_begin(world) for _ in range(WORKERS)]
    day_began, day = began, 0
    while time.monotonic() - began < minutes * 60:
        time.sleep(every_seconds * rng.uniform(0.5, 1.5))
        kind, fault = rng.choice(FAULTS)
        with contextlib.suppress(Exception):  # a fault may meet another one's trouble
            fault(world, rng, crew)
            chaos.faults[kind] += 1
        crew[:] = [worker if worker.alive else _begin(world) for worker in crew]
        if time.monotonic() - day_began > day_seconds or _is_done(world):
            chaos.days, day, day_began = chaos.days + 1, day + 1, time.monotonic()
            world.wait_for(lambda: _next_day(world))
            sys.stderr.write(f"{time.monotonic() - began:.0f} s: day {day} is over\n")
    for worker in crew:
        worker.kill()
    chaos.seconds = time.monotonic() - began
    chaos.days += 1
    world.sandbox.clear_faults()
    world.log.unlink(
        missing_ok=True
    )  # gigabytes of tracebacks are not searched: secrets in logs have their own row
    world.recover()
    # A pair that died with its process or with TikTok's answer is lost, and only such an account needs a person.
    lost = world.rows(
        "select id from hub.store_accounts where status = 'NEED_RECONNECT' and status_reason like 'lost_rotation%%'"
    )
    world.may_reconnect = {row["id"] for row in lost}
    chaos.lost_grants = len(lost)
    held = world.rows("select id from hub.store_accounts where status = 'ERROR'")
    world.may_reconnect |= {
        row["id"] for row in held
    }  # three bad days in a row: said so, and it goes on being tried
    chaos.violations = world.settled_violations()
    found = world.rows("select state, count(*) as n from capture.account_day group by state")
    chaos.states = {row["state"]: row["n"] for row in found}
    chaos.requests = world.asked()
    expected = accounts * 2 * chaos.days
    there = sum(chaos.states.values())
    if there != expected:
        chaos.violations.append(f"{expected} account-days expected, {there} are there")
    return chaos


def _begin(world: World) -> Worker:
    return world.worker(workers=4, repeat=True)


def _is_done(world: World) -> bool:
    unfinished = (
        "capture.account_day where day = ops.day_of(ops.now(), 'UTC') and state not in ('captured', 'gap')"
    )
    try:
        there = world.rows(
            "select count(*) as n from capture.account_day where day = ops.day_of(ops.now(), 'UTC')"
        )
    except Exception:
        return False
    return bool(there[0]["n"] >= 2 * len(world.accounts)) and world.count(unfinished) == 0


def _next_day(world: World) -> bool:
    [row] = world.rows("select ops.day_of(ops.now(), 'UTC') + 1 as day")
    world.clock.set(f"{row['day']}T02:00:00")
    return True


def _kill(world: World, rng: random.Random, crew: list[Worker]) -> None:
    rng.choice(crew).kill()


def _freeze(world: World, rng: random.Random, crew: list[Worker]) -> None:
    worker = rng.choice(crew)
    worker.signal(signal.SIGSTOP)
    time.sleep(1.5)
    worker.signal(signal.SIGCONT)


def _terminate(world: World, rng: random.Random, crew: list[Worker]) -> None:
    rng.choice(crew).signal(signal.SIGTERM)


def _restart_fast(world: World, rng: random.Random, crew: list[Worker]) -> None:
    restart(world.server, signal.SIGINT)


def _restart_immediate(world: World, rng: random.Random, crew: list[Worker]) -> None:
    restart(world.server, signal.SIGQUIT)


def _cut(world: World, rng: random.Random, crew: list[Worker]) -> None:
    with holding(world, "select 1") as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def _lock(world: World, rng: random.Random, crew: list[Worker]) -> None:
    with holding(world, "lock table capture.account_day in access exclusive mode"):
        time.sleep(1)


def _answer(world: World, rng: random.Random, crew: list[Worker]) -> None:
    world.sandbox.set_faults(**rng.choice(ANSWERS))
    time.sleep(2)
    world.sandbox.clear_faults()


FAULTS: tuple[tuple[str, Callable[[World, random.Random, list[Worker]], None]], ...] = (
    ("kill -9", _kill),
    ("freeze", _freeze),
    ("SIGTERM", _terminate),
    ("restart fast", _restart_fast),
    ("restart immediate", _restart_immediate),
    ("cut connections", _cut),
    ("lock", _lock),
    ("bad answers", _answer),
    ("bad answers", _answer),
)
