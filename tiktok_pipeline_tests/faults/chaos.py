"""Days of many accounts in minutes, with a random fault every few seconds.

The database's clock is set to two in the morning of the next day when a day is done or has had its time. Two workers
begin each day again and again; whichever dies is replaced, as the catch-up schedule would.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tiktok_pipeline.hub.accounts import connect_account
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.refresh import MOST_AT_ONCE
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline_tests.faults.shocks import SHOCKS
from tiktok_pipeline_tests.faults.worker import Worker
from tiktok_pipeline_tests.faults.world import World

WORKERS = 2
REDIRECT = "http://localhost/callback"
FIRST_DAY = "2027-02-27"


@dataclass
class Chaos:
    """What happened: faults by kind, days, account-days by state, requests, seconds, violations.

    `at_stake`: the refreshes that were under way when a fault began, at most, and those begun while it lasted.
    """

    faults: Counter[str] = field(default_factory=Counter)
    days: int = 0
    states: dict[str, int] = field(default_factory=dict)
    accounts: int = 0
    requests: int = 0
    lost_grants: int = 0
    at_stake: int = 0
    in_error: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(self.states.items()))
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.accounts:,} accounts, {self.days} days in {self.seconds:.0f} s, {self.faults.total()} faults "
            f"({faults}): {states}; {self.lost_grants} grants lost with a process or an answer ({self.at_stake} at "
            f"stake), {self.in_error} accounts in error; {self.requests:,} requests; {len(self.violations)} violations"
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
    day_began = began
    while time.monotonic() - began < minutes * 60:
        time.sleep(every_seconds * rng.uniform(0.5, 1.5))
        kind, shock = rng.choice(SHOCKS)
        refreshes = _refreshes(world)
        with contextlib.suppress(Exception):  # a fault may meet another one's trouble
            shock(world, rng, crew)
            chaos.faults[kind] += 1
        chaos.at_stake += MOST_AT_ONCE + _refreshes(world) - refreshes
        crew[:] = [worker if worker.alive else _begin(world) for worker in crew]
        if time.monotonic() - day_began > day_seconds or _is_done(world):
            chaos.days, day_began = chaos.days + 1, time.monotonic()
            world.wait_for(lambda: _next_day(world))
            sys.stderr.write(f"{time.monotonic() - began:.0f} s: day {chaos.days} is over\n")
    for worker in crew:
        worker.kill()
    chaos.seconds = time.monotonic() - began
    chaos.days += 1
    world.sandbox.clear_faults()
    # Gigabytes of tracebacks are not searched: secrets in logs have their own row.
    world.log.unlink(missing_ok=True)
    world.recover()
    _judge(world, chaos)
    return chaos


def _judge(world: World, chaos: Chaos) -> None:
    """Note what became of the account-days, and every violation: those of the last day, too, which had no fault."""
    lost, held = _asked_to_reconnect(world), _in_error(world)
    chaos.lost_grants, chaos.in_error = len(lost), len(held)
    world.may_reconnect = set(lost) | set(held)
    unfounded = [
        f"I4: account {account} is to be reconnected, and its grant lives"
        for account in lost
        if _lives(world, account)
    ]
    unfounded += [
        f"I4: account {account} is ERROR without three bad days" for account, bad in held.items() if not bad
    ]
    chaos.violations = world.settled_violations() + unfounded
    if chaos.lost_grants > chaos.at_stake:
        chaos.violations.append(
            f"{chaos.lost_grants} grants lost, and faults met {chaos.at_stake} refreshes at most"
        )
    found = world.rows("select state, count(*) as n from capture.account_day group by state")
    chaos.states = {row["state"]: row["n"] for row in found}
    chaos.requests = world.asked()
    expected = chaos.accounts * 2 * chaos.days
    there = sum(chaos.states.values())
    if there != expected:
        chaos.violations.append(f"{expected} account-days expected, {there} are there")


def _refreshes(world: World) -> int:
    """Requests that came to TikTok's token endpoint so far."""
    seen = world.sandbox.requests()["endpoints"]
    return sum(found["count"] for name, found in seen.items() if name.startswith("oauth"))


def _asked_to_reconnect(world: World) -> list[int]:
    """Accounts whose pair died with its process or with TikTok's answer, as they say."""
    found = world.rows(
        "select id from hub.store_accounts where status = 'NEED_RECONNECT' and status_reason like 'lost_rotation%%'"
    )
    return [row["id"] for row in found]


def _lives(world: World, account: int) -> bool:
    """Whether TikTok still takes the refresh token that the vault holds. Asking spends it."""
    attempts = world.pipeline.vault._attempts
    [pair] = world.rows("select refresh_token, token_version from vault.token where account_id = %s", account)
    place = attempts.place(account, "refresh_token", pair["token_version"])
    oauth = OAuthClient(
        world.sandbox.base_url, world.sandbox.client_key, SecretToken(world.sandbox.client_secret)
    )
    try:
        oauth.refresh(attempts.sealer.unseal(pair["refresh_token"], place))
    except AuthError:
        return False
    return True


def _in_error(world: World) -> dict[int, bool]:
    """Accounts in ERROR, and whether one endpoint of theirs really failed on three days in a row."""
    found = world.rows(
        """
        select
            a.id,
            exists (
                select 1
                from capture.account_day as d
                where
                    d.account_id = a.id
                    and (
                        select count(*)
                        from capture.account_day as bad
                        where
                            bad.account_id = d.account_id
                            and bad.endpoint = d.endpoint
                            and bad.day between d.day - 2 and d.day
                            and bad.state in ('failed', 'gap')
                    ) = 3
            ) as bad
        from hub.store_accounts as a
        where a.status = 'ERROR'
        """
    )
    return {row["id"]: row["bad"] for row in found}


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
