"""Workers that die, are stopped, and are told to end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

from tiktok_pipeline_tests.faults.worker import LEASE
from tiktok_pipeline_tests.faults.world import World

KILLED = -signal.SIGKILL
# What dies with the process at each step of a refresh: nothing, or the pair that only its memory held. The first
# request that is sent is the one whose token is refused, so the second one is the refresh.
RECOVERS = ("before_claim", "after_claim", "before_send", "after_spool", "after_save", "before_return")
LOSES_THE_PAIR = ("after_send:2", "after_answer", "after_seal")


def killed_at(points: Mapping[str, int]) -> Callable[[World], int]:
    """Kill a worker at one of these crash points, and leave what it left."""

    def inject(world: World) -> int:
        point = world.choose(*points)
        which = world.rng.randint(1, points[point])
        code = world.worker(crash_at=f"{point}:{which}").wait()
        world.expect(code == KILLED, f"the worker to die at {point}:{which}, it ended with {code}")
        return 1

    return inject


def killed_within_a_statement(world: World) -> int:
    """Kill a worker while PostgreSQL works on its page; the statement goes on alone, and commits or does not."""
    world.rows(
        """
        create function public.dawdle() returns trigger language plpgsql as
        'begin perform pg_sleep(0.7); return new; end'
        """
    )
    world.rows(
        "create trigger dawdle after insert on capture.page for each row execute function public.dawdle()"
    )
    worker = world.worker(workers=1)
    asleep = "pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    world.expect(world.wait_for(lambda: world.count(asleep) > 0), "a page to be landed just now")
    worker.kill()
    world.expect(world.wait_for(lambda: world.count(asleep) == 0), "the statement to end")
    world.rows("drop trigger dawdle on capture.page")
    return 1


def killed_while_refreshing(world: World) -> int:
    """Kill a worker at one of the nine steps of a refresh of its first account."""
    point = world.choose(*RECOVERS, *LOSES_THE_PAIR)
    world.sandbox.expire(0)
    code = world.worker(crash_at=point, workers=1).wait()
    world.expect(code == KILLED, f"the worker to die at {point}, it ended with {code}")
    time.sleep(0.1)  # what it sent last is still being worked on
    if point in LOSES_THE_PAIR:
        account = world.accounts[0]
        world.may_reconnect.add(account)

        def flagged() -> None:
            [row] = world.rows("select status, status_reason from hub.store_accounts where id = %s", account)
            world.expect(
                row["status"] == "NEED_RECONNECT" and str(row["status_reason"]).startswith("lost_rotation"),
                f"account {account} to be flagged with lost_rotation, it is {row}",
            )

        world.afterwards(flagged)
    return 1


def told_to_end(world: World) -> int:
    """SIGTERM in the middle: nothing new is begun, and what was held is given back at once."""
    world.sandbox.set_faults(slow={"delay_ms": 200, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(1, 4)), "pages to land")
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    code = worker.wait(30)
    world.expect(
        code == 128 + signal.SIGTERM, f"the worker to end in order within 30 s, it ended with {code}"
    )
    world.expect(time.monotonic() - began < 30, "the worker to end within 30 s")
    held = world.count("capture.account_day where owner is not null")
    world.expect(held == 0, f"everything to be given back, {held} account-days were not")
    return 1


def three_deaths(world: World) -> int:
    """One account's days kill three workers: it is isolated, the others go on."""
    victim = world.victim()
    account = world.accounts[victim]
    world.sandbox.set_faults(slow={"accounts": [victim], "delay_ms": 20_000, "endpoint": "video/list"})
    held = "capture.account_day where account_id = {} and endpoint = 'video_list' and attempts = {}"
    for death in (1, 2, 3):
        worker = world.worker()
        reached = world.wait_for(lambda death=death: world.count(held.format(account, death)) > 0)  # type: ignore[misc]
        world.expect(reached, f"a worker to take account {account} for the {death}. time")
        worker.kill()
        time.sleep(LEASE.total_seconds())
    world.sandbox.clear_faults()
    world.day()
    found = world.rows(
        "select state, error_code from capture.account_day where account_id = %s and endpoint = 'video_list'",
        account,
    )
    world.expect(found == [{"state": "failed", "error_code": "poison"}], f"it to be isolated, it is {found}")
    others = {state for other, (state, _) in world.outcomes().items() if other != account}
    world.expect(others == {"captured"}, f"the others to be captured, they are {others}")
    world.may_fail.add(account)
    return 3


def two_at_once(world: World) -> int:
    """Two workers for one day: every page is asked for and landed once."""
    both = [world.worker(workers=2) for _ in range(2)]
    codes = [worker.wait() for worker in both]
    world.expect(codes == [0, 0], f"both to succeed, they ended with {codes}")
    planned = world.planned_pages()
    asked = world.asked()
    world.expect(asked == planned, f"{planned} requests, {asked} were sent")
    return 1


def frozen_past_its_lease(world: World) -> int:
    """A worker freezes with a page under way; another takes over; the first wakes up and must write nothing."""
    world.sandbox.set_faults(slow={"delay_ms": 300, "endpoint": "video/list"})
    frozen = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(1, 3)), "pages to land")
    frozen.signal(signal.SIGSTOP)
    time.sleep(LEASE.total_seconds() + 0.2)
    other = world.worker()
    code = other.wait()
    world.expect(code == 0, f"the other worker to finish the day, it ended with {code}")
    landed = world.count("capture.page")
    frozen.signal(signal.SIGCONT)
    world.expect(frozen.wait(30) == 0, "the frozen worker to end in order")
    more = world.count("capture.page") - landed
    world.expect(more == 0, f"no page of the frozen worker, {more} landed")
    return 1
