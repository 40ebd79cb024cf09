"""What is done with days that are over, and dies or is cut off on the way: sealing, archive, import, rebuild, deletion."""

from __future__ import annotations

import csv
import datetime as dt
import signal
from collections.abc import Callable
from dataclasses import dataclass

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.history.archive import write_month
from tiktok_pipeline.history.manifest import write_manifest
from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.faults.acts import ACTS, FIRST, GRACE, IMPORTED, LAST, MONTH, NOW, Act
from tiktok_pipeline_tests.faults.databases import ASLEEP, DAWDLE, restart
from tiktok_pipeline_tests.faults.kills import KILLED
from tiktok_pipeline_tests.faults.worker import ENDPOINTS
from tiktok_pipeline_tests.faults.world import World

DAY = dt.timedelta(days=1)
PAGES = "select * from capture.page order by endpoint, day, account_id, capture_no, page_no"


@dataclass(frozen=True)
class Step:
    """A call at which the process dies: `before` or `after` the call of that number of a function of `module`."""

    module: str
    function: str
    when: str
    number: int = 1


SEALING = (
    Step("manifest", "append", "before", 2),
    Step("manifest", "append", "after", 3),
    Step("manifest", "_close", "after"),
)
WRITING = (
    Step("archive", "write_pages", "after"),
    Step("archive", "write_manifest_file", "before"),
    Step("archive", "publish", "before"),
    Step("archive", "publish", "after"),
    Step("archive", "_log", "after"),
)
DROPPING = (
    Step("archive", "_log", "before"),
    Step("archive", "_log", "after"),
    Step("archive", "detach", "after"),
    Step("archive", "_drop_tables", "before"),
    Step("archive", "_drop_tables", "after"),
)
OF_THE_NEWEST_DAY = ("reporting.video_gains", "reporting.video_latest", "reporting.posting_time")
IMPORTING = (
    Step("history", "take_staged", "before", 2),
    Step("history", "take_staged", "after", 2),
    Step("history", "_count", "before", 11),  # the last batch, with the captured day, is committed
)
REBUILDING = (
    Step("rebuild", "derive", "before", 2),
    Step("rebuild", "derive", "after", 2),
    Step("rebuild", "checksum", "after"),
)
DELETING = (
    Step("deletion", "append", "before", 2),
    Step("deletion", "append", "after", 3),
    Step("deletion", "_delete", "after"),
)


def before_the_past(world: World) -> None:
    """Let it be the noon of the first of three days, in two months."""
    world.clock.set(dt.datetime.combine(FIRST, dt.time(12), dt.UTC))


def killed_while(act: str, steps: tuple[Step, ...]) -> Callable[[World], int]:
    """Kill whoever does this at one of its steps; the same command, given again, goes on."""

    def inject(world: World) -> int:
        finish = _begin(world, act)
        step = world.choose(*steps)
        code = Act(
            world, act, broken=world.broken, dies=(step.module, step.function, step.when, step.number)
        ).wait()
        world.expect(code == KILLED, f"it to die {step}, it ended with {code}")
        world.afterwards(finish)
        return 1

    return inject


def cut_while(act: str, table: str, fault: Callable[[World], None]) -> Callable[[World], int]:
    """Do this to the database just while it writes to `table`; the same command, given again, goes on."""

    def inject(world: World) -> int:
        finish = _begin(world, act)
        world.rows(DAWDLE.format(0.5))
        world.rows(
            f"create trigger dawdle before insert on {table} "
            "for each statement execute function public.dawdle()"
        )
        process = Act(world, act)
        world.expect(world.wait_for(lambda: world.count(ASLEEP) > 0), f"{table} to be written just now")
        fault(world)
        code = process.wait()
        world.warehouse.engine.dispose()  # the test's own connections were cut as well
        world.expect(code in (0, 1), f"it to end in order, it ended with {code}")
        world.wait_for(lambda: world.rows(f"drop trigger if exists dawdle on {table}") == [])
        world.afterwards(finish)
        return 1

    return inject


def archive_cannot_be_written(world: World) -> int:
    """The archive's disk is full, or something that is no folder lies there: nothing is logged, nothing dropped."""
    finish = _begin(world, "archive")
    folder = world.folder / "archive"
    full = world.choose(True, False)
    if not full:
        folder.write_text("no folder")
    act = Act(world, "archive", full=full)
    code = act.wait()
    world.expect(code == 1, f"it to be refused, it ended with {code}")
    world.expect(world.count("ops.archive_log") == 0, "nothing to be logged")
    if folder.is_file():
        folder.unlink()
    world.afterwards(finish)
    return 1


def restarted_at_once(world: World) -> None:
    """PostgreSQL restarts as after a power cut."""
    restart(world.server, world.choose(signal.SIGQUIT, signal.SIGINT))


def _sums(world: World) -> dict[str, str]:
    """The checksum of each table whose rows are of days; what holds the newest day alone moves on with the recovery."""
    return {
        made.table: made.checksum
        for made in rebuild(world.warehouse, FIRST, LAST)
        if made.table not in OF_THE_NEWEST_DAY
    }


def _begin(world: World, act: str) -> Callable[[], None]:
    """Make a past for `act`; what finishes it, and looks whether it came to what it comes to without a fault."""
    for number in range((LAST - FIRST).days + 1):
        world.clock.set(dt.datetime.combine(FIRST + number * DAY, dt.time(12), dt.UTC))
        world.day()
    world.clock.set(NOW)
    pipeline = world.opened()
    for endpoint in ENDPOINTS:
        pipeline.ledger(endpoint).close_all()
    if act != "seal":
        write_manifest(world.warehouse, "UTC", GRACE, LAST + DAY)
    pages = world.rows(PAGES)
    sums = _sums(world)
    if act == "drop":
        write_month(world.warehouse, str(world.folder / "archive"), MONTH)
    if act == "rebuild":
        world.rows("delete from snapshots.tiktok_video_daily")
    if act == "import":
        _source(world)
    leaving = world.accounts[-1]

    def finish() -> None:
        command = Warehouse(world.url)  # a command is a process of its own: it has no old connections
        try:
            ACTS[act](command, world.folder)
        except PipelineError as error:
            world.expect(act == "delete" and "there is none" in str(error), f"it to go on, it said: {error}")
        finally:
            command.close()
        if act == "seal":
            entries = world.count(f"capture.manifest where day between '{FIRST}' and '{LAST}'")
            world.expect(entries == (LAST - FIRST).days + 1, f"an entry a day, there are {entries}")
        if act in ("archive", "drop"):
            _archived(world, act, pages)
        if act == "import":
            n = world.count("capture.imported")
            world.expect(n == 3 * IMPORTED, f"{3 * IMPORTED} imported rows, there are {n}")
        if act == "delete":
            left = world.count(f"capture.account_day where account_id = {leaving}")
            logged = world.count("ops.deletion_log")
            world.expect(
                (left, logged) == (0, 1), f"it to be gone and logged once: {left} left, {logged} logged"
            )
            world.accounts.remove(leaving)
        else:
            world.expect(_sums(world) == sums, "a rebuild to derive what was derived before")

    return finish


def _archived(world: World, act: str, pages: list[dict[str, object]]) -> None:
    steps = [row["event"] for row in world.rows("select event from ops.archive_log order by id")]
    wanted = ["written"] if act == "archive" else ["written", "drop confirmed", "dropped"]
    world.expect(steps == wanted, f"the steps {wanted} to be logged once, there are {steps}")
    lasting = [row for row in pages if act == "archive" or row["day"] >= LAST]  # type: ignore[operator]
    held = [row for row in world.rows(PAGES) if row["day"] <= LAST]
    world.expect(held == lasting, f"{len(lasting)} pages to be here as they came, {len(held)} are here")


def _source(world: World) -> None:
    """CSV files with days before the accounts were connected, and one that was captured here, which must stay."""
    folder = world.folder / "source"
    folder.mkdir()
    [account] = world.rows(
        "select store_code, open_id from hub.store_accounts where id = %s", world.accounts[0]
    )
    who = [account["store_code"], account["open_id"]]
    days = [FIRST - n * DAY for n in range(IMPORTED + 1)]
    tables = {
        "tiktok_user_daily": (["follower_count"], [[*who, day, 7] for day in days]),
        "tiktok_video_daily": (
            ["video_id", "view_count"],
            [[*who, day, video, 9] for day in days for video in ("v1", "v2")],
        ),
    }
    for name, (columns, lines) in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["store_code", "open_id", "snapshot_date", *columns], *lines])
