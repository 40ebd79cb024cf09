"""Clocks that jump, days of 23 and 25 hours, accounts that come and go, deploys, and what is missing at the start."""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import psycopg

from tiktok_pipeline_tests.faults.world import World, holding, today_of

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
# A zone and a day on which its clocks change, or one with an odd offset: 23 h, 25 h, 24.5 h, 23.5 h, :30, :45.
CHANGES = (
    ("America/New_York", dt.date(2027, 3, 14)),
    ("America/New_York", dt.date(2026, 11, 1)),
    ("Australia/Lord_Howe", dt.date(2027, 4, 4)),
    ("Australia/Lord_Howe", dt.date(2026, 10, 4)),
    ("Asia/Kolkata", dt.date(2027, 1, 15)),
    ("Asia/Kathmandu", dt.date(2027, 1, 15)),
)


def app_clock_shifted(world: World) -> int:
    """The worker's own clock is an hour off: the database's clock decides."""
    code = world.worker(skew=world.choose(3600, -3600)).wait()
    world.expect(code == 0, f"the day to be done, the worker ended with {code}")
    far = world.count("capture.page where abs(extract(epoch from observed_at - ops.now())) > 120")
    world.expect(far == 0, f"pages to have the database's time, {far} have not")
    return 1


def at_noon(world: World) -> None:
    """Let it be noon, so that an hour to and fro stays within the day."""
    world.clock.set("2027-01-20T12:00:00")


def database_clock_jumps(world: World) -> int:
    """The database's clock jumps an hour on, an hour back (and is set right), or to the next day."""
    world.sandbox.set_faults(slow={"delay_ms": 150, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(0, 3)), "pages to land")
    to = world.choose("2027-01-20T13:00:00", "2027-01-20T11:00:00", "2027-01-21T12:00:00")
    world.clock.set(to)
    if to == "2027-01-20T11:00:00":
        # No permit is given out until the clock has come back to where it was: safe, and it takes as long.
        asked = world.asked()
        time.sleep(2)
        world.expect(
            world.asked() - asked <= len(world.accounts), "nothing but what was under way to be sent"
        )
        world.broke += world.violations(settled=False)
        world.clock.set("2027-01-20T12:00:30")
    code = worker.wait()
    world.expect(code == 0, f"the worker to end in order, it ended with {code}")
    world.afterwards(lambda: _one_unit_per_day(world))
    return 1


def before_a_change(world: World) -> None:
    """The noon before a day whose clocks change."""
    world.zone, day = world.choose(*CHANGES)
    world.clock.set(dt.datetime.combine(day - DAY, dt.time(12), ZoneInfo(world.zone)))


def clocks_change(world: World) -> int:
    """The day is done at its first minute, in the missing or doubled hour and at its last minute, then the next day."""
    zone, day = world.choose(*CHANGES)
    local = ZoneInfo(zone)
    world.day()
    instants = [
        dt.datetime.combine(day, dt.time(0, 0, 30), local),
        dt.datetime.combine(day, dt.time(2, 30), local),
        dt.datetime.combine(day, dt.time(2, 30), local).replace(fold=1),
        dt.datetime.combine(day, dt.time(23, 59), local),
        dt.datetime.combine(day + DAY, dt.time(0, 0, 30), local),
    ]
    for instant in instants:
        world.clock.set(instant)
        world.day()
    world.afterwards(lambda: _one_unit_per_day(world))
    days = world.rows("select day, count(*) as units from capture.account_day group by day order by day")
    expected = [{"day": day + n * DAY, "units": 2 * len(world.accounts)} for n in (-1, 0, 1)]
    world.expect(days == expected, f"one unit a local date, there are {days}")
    return len(instants)


def just_before_midnight(world: World) -> None:
    """Ten seconds before midnight: whoever connects now has a day of ten seconds."""
    world.clock.set("2027-01-20T23:59:50")


def midnight_comes(world: World) -> int:
    """Midnight comes in the middle of a capture: what was begun is finished under its date, the rest is a gap."""
    world.sandbox.set_faults(slow={"delay_ms": 200, "endpoint": "video/list"})
    world.clock.set("2027-01-20T23:59:58")
    code = world.worker(workers=1).wait()
    world.expect(code == 0, f"the worker to end in order, it ended with {code}")
    time.sleep(max(0.0, 2.5 - 0.2 * len(world.accounts)))
    wrong = world.count("capture.page where day <> '2027-01-20' and observed_at < '2027-01-21T00:00:00Z'")
    world.expect(wrong == 0, f"every page under the day it was begun on, {wrong} are not")
    world.clock.set("2027-01-21T12:00:00")
    world.afterwards(lambda: _one_unit_per_day(world))
    return 1


def accounts_come_and_go(world: World) -> int:
    """One account is deleted, one disabled and one connected in the middle of a capture."""
    world.sandbox.set_faults(slow={"delay_ms": 150, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + 1), "pages to land")
    deleted, disabled = world.rng.sample(world.accounts, 2)
    world.rows("delete from hub.store_accounts where id = %s", deleted)
    world.rows("update hub.store_accounts set status = 'DISABLED' where id = %s", disabled)
    world.connect(1)
    world.accounts.remove(deleted)
    world.may_fail |= {disabled}
    code = worker.wait()
    world.expect(code == 0, f"the others to be captured, the worker ended with {code}")
    return 3


def asked_for_the_past(world: World) -> int:
    """A year of past days is asked for: not one request, only gaps, and SQL cannot back-date an answer either."""
    pipeline = world.opened()
    today = today_of(world)
    year = [today - n * DAY for n in range(1, 366)]
    world.day()
    asked = world.asked()
    for endpoint in ("user_info", "video_list"):
        pipeline.capture(endpoint, year)
    world.expect(world.asked() == asked, f"no request, {world.asked() - asked} were sent")
    gaps = world.count("capture.account_day where state = 'gap'")
    world.expect(gaps == 2 * len(world.accounts) * 365, f"a gap for every day, there are {gaps}")
    refused = 0
    for statement in (
        "update capture.account_day set state = 'captured', chosen_capture_no = 1, started_at = planned_at, "
        "captured_at = planned_at where day = %s",
        "update capture.page set day = %s",
    ):
        try:
            world.rows(statement, year[9])
        except psycopg.errors.CheckViolation:
            refused += 1
    world.expect(refused == 2, f"both forgeries to be refused, {refused} were")
    return len(year) + 2


def deployed_meanwhile(world: World) -> int:
    """A new version adds columns and an index while the old version's workers run."""
    world.sandbox.set_faults(slow={"delay_ms": 100, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(0, 3)), "pages to land")
    changes = (
        "alter table capture.account_day add column newer text",
        "alter table capture.page add column newer text",
        "alter table snapshots.tiktok_video_daily add column newer bigint",
        "create index newer on capture.account_day (run_id)",
    )
    for change in changes:
        for _ in range(
            20
        ):  # a migration gives up after a second, so that nobody queues behind it, and tries again
            try:
                with holding(world, "set local lock_timeout = '1s'") as connection:
                    connection.execute(change.encode())
                    connection.commit()
                break
            except psycopg.errors.LockNotAvailable:
                time.sleep(0.1)
        else:
            world.expect(False, f"{change} to get its turn")
    code = worker.wait()
    world.expect(code == 0, f"the old version to go on, it ended with {code}")
    return len(changes)


def keys_missing(world: World) -> int:
    """The key ring is missing at the start: the worker ends before it takes any work."""
    hidden = world.keys_file.rename(world.keys_file.with_suffix(".hidden"))
    code = world.worker().wait()
    world.expect(code not in (0, None), f"the worker to refuse to start, it ended with {code}")
    begun = world.count("capture.account_day")
    world.expect(begun == 0, f"no work to be taken, {begun} account-days were")
    world.expect(not world.keys_file.exists(), "no new key ring to be made beside a database that has keys")
    hidden.rename(world.keys_file)
    return 1


def _one_unit_per_day(world: World) -> None:
    odd = world.rows(
        "select account_id, endpoint, day from capture.account_day where state not in ('captured', 'gap')"
    )
    world.expect(not odd, f"every day captured or a gap, these are not: {odd}")
    late = world.rows(
        "select account_id, day from capture.account_day "
        "where captured_at is not null and late <> (ops.day_of(captured_at, time_zone) > day)"
    )
    world.expect(not late, f"late to say what it means, it does not for {late}")
