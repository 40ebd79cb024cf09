"""What TikTok answers, or does not: faults of the sandbox, each for one account beside healthy ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from tiktok_pipeline.capture import pages
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline_tests.capturing import VIDEOS
from tiktok_pipeline_tests.faults.worker import LIMIT, WINDOW_SECONDS, one_day
from tiktok_pipeline_tests.faults.world import World

LIST = "video/list"
CAPTURED = "captured"


def answered(
    *choices: dict[str, Any],
    then: tuple[str | None, ...],
    timeout_seconds: float = 10.0,
    check: Callable[[World, int], None] | None = None,
    as_served: bool = True,
    afresh: bool = False,
) -> Callable[[World], int]:
    """One of these faults hits one account; the day is done, and the account comes to one of `then`.

    `then` are reasons for which it fails, None meaning that it is captured all the same. Nobody else is touched.
    `afresh`: once TikTok is well again, what was captured is captured once more, to compare it with the truth.
    """

    def inject(world: World) -> int:
        victim = world.victim()
        account = world.accounts[victim]
        kinds = world.choose(*choices)
        world.sandbox.set_faults(**{kind: {**rule, "accounts": [victim]} for kind, rule in kinds.items()})
        one_day(world.opened(timeout_seconds=timeout_seconds))
        outcomes = world.outcomes()
        state, reason = outcomes[account]
        came_to = None if state == CAPTURED else reason
        world.expect(came_to in then, f"account {account} to come to {then}, it came to {state} ({reason})")
        others = {found for other, found in outcomes.items() if other != account}
        world.expect(others == {(CAPTURED, None)}, f"the others to be captured, they are {others}")
        if state != CAPTURED:
            held = world.count(f"{VIDEOS} where account_id = {account}")
            world.expect(held == 0, f"nothing of a broken answer in the snapshots, {held} rows are there")
        if check is not None:
            check(world, account)
        hits = sum(world.sandbox.fault_hits().values())
        if state == CAPTURED and afresh:
            world.broke += world.violations(settled=True)
            world.sandbox.clear_faults()
            one_day(world.opened(), force=True)
        elif state == CAPTURED:
            world.as_served = as_served
        return hits

    return inject


def flagged_after_a_second_refusal(world: World) -> int:
    """A fresh access token is refused as well: the account needs a person, and nobody else does."""
    victim = world.victim()
    account = world.accounts[victim]
    once = world.choose(False, True)
    world.sandbox.set_faults(
        token_invalid={"accounts": [victim], "endpoint": LIST} | ({"times": 1} if once else {})
    )
    world.day()
    hits = world.sandbox.fault_hits()["token_invalid"]
    version = world.rows("select token_version from vault.token where account_id = %s", account)
    world.expect(version == [{"token_version": 2}], f"one refresh, the version is {version}")
    if not once:
        world.may_reconnect.add(account)
        outcome = world.outcomes()[account]
        world.expect(outcome == ("failed", "needs_reconnect"), f"it to need a person, it is {outcome}")
        world.expect(hits == 2, f"two refusals, {hits} were heard")
    return hits


def counters_are_null(*columns: str) -> Callable[[World, int], None]:
    """Counters that are no counters become NULL, and never zero."""

    def check(world: World, account: int) -> None:
        for column in columns:
            wrong = world.count(f"{VIDEOS} where account_id = {account} and {column} is not null")
            world.expect(wrong == 0, f"{column} to be NULL, {wrong} rows have one")

    return check


def texts_have_no_nul(world: World, account: int) -> None:
    held = world.count(f"{VIDEOS} where account_id = {account} and strpos(description, U&'\\FFFD') > 0")
    world.expect(held == 45, f"45 captions with a replacement character, {held} have one")


def falls_are_kept(world: World, account: int) -> None:
    """The second capture of the day, with smaller counters, is what TikTok said last, and is kept."""
    before = world.rows(f"select sum(view_count) as views from {VIDEOS} where account_id = %s", account)
    world.sandbox.set_faults(falling_counters={"factor": 0.6})
    one_day(world.opened(), force=True)
    after = world.rows(f"select sum(view_count) as views from {VIDEOS} where account_id = %s", account)
    world.expect(after[0]["views"] < before[0]["views"], f"fewer views than {before}, there are {after}")


def unreachable(world: World) -> int:
    """Nobody listens, the name does not resolve, or it is no TLS: nothing is sent, everything is tried later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    address = world.choose(nobody, "http://tiktok.invalid", world.sandbox.base_url.replace("http:", "https:"))
    pipeline = world.opened()
    pipeline.client = TikTokClient(
        address,
        world.sandbox.client_key,
        Quota(world.warehouse, world.sandbox.client_key, LIMIT, window_seconds=WINDOW_SECONDS),
        timeout_seconds=5,
        max_attempts=2,
    )
    one_day(pipeline)
    outcomes = set(world.outcomes().values())
    world.expect(outcomes == {("failed", "provider_down")}, f"all to fail for now, they are {outcomes}")
    return pipeline.client.requests_sent


def vanishes_between_pages(world: World) -> int:
    """Videos are deleted while their account is captured: what was served is kept, the day is captured."""
    victim = world.victim()
    world.sandbox.set_faults(slow={"delay_ms": 150, "endpoint": LIST})
    worker = world.worker(workers=1)
    world.expect(world.wait_for_pages(len(world.accounts) + 2), "pages to land")
    world.sandbox.set_faults(hidden_videos={"fraction": 0.4, "accounts": [victim]})
    code = worker.wait()
    world.expect(code == 0, f"the day to be done, the worker ended with {code}")
    outcomes = set(world.outcomes().values())
    world.expect(outcomes == {(CAPTURED, None)}, f"all to be captured, they are {outcomes}")
    world.as_served = False
    return max(world.sandbox.fault_hits().get("hidden_videos", 0), 1)


def endless(world: World) -> int:
    """A list without an end: the cap ends it. Lowered, as the quota lets through 600 pages a minute."""
    with patch.object(pages, "MOST_PAGES", 30):
        return answered({"endless": {}}, then=("malformed",))(world)


def paused_by_429(world: World) -> int:
    """429, with Retry-After or without: everybody waits, and nothing fails."""
    seconds = world.choose("1", None)
    world.sandbox.set_faults(rate_limited={"times": 1, "retry_after": seconds, "endpoint": LIST})
    began = time.monotonic()
    world.day()
    waited = time.monotonic() - began
    outcomes = set(world.outcomes().values())
    world.expect(outcomes == {(CAPTURED, None)}, f"all to be captured, they are {outcomes}")
    world.expect(waited >= float(seconds or 5), f"a pause of {seconds or 5} s, the day took {waited:.1f} s")
    return world.sandbox.fault_hits()["rate_limited"]
