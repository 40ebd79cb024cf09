"""PostgreSQL restarts, loses connections, refuses to write, makes wait, and runs out of space."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psycopg
from sqlalchemy.engine import make_url

from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline_tests.faults.worker import one_day
from tiktok_pipeline_tests.faults.world import World, holding

DAWDLE = """
create or replace function public.dawdle() returns trigger language plpgsql as
'begin perform pg_sleep({}); return null; end'
"""
ASLEEP = "pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"


def restart(server: EmbeddedServer, how: signal.Signals) -> None:
    """Stop the server as `pg_ctl stop -m fast` (SIGINT) or `immediate` (SIGQUIT) does, and start it again."""
    pid = int((server.folder / "postmaster.pid").read_text().splitlines()[0])
    if how == signal.SIGQUIT:
        os.kill(pid, how)
        deadline = time.monotonic() + 30
        while (server.folder / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
            if server._child is not None and server._child.poll() is not None:
                break
    else:
        server.stop()
    server.start()


def restarted(how: signal.Signals) -> Callable[[World], int]:
    """The server restarts during the capture, and again during the SQL of a snapshot; the run goes on."""
    return _twice(lambda world: restart(world.server, how))


def disconnected(world: World) -> int:
    """Every connection is cut during the capture, and again during the SQL of a snapshot; the run goes on."""
    return _twice(cut_connections)(world)


def cut_connections(world: World) -> None:
    """Cut every connection to the database."""
    with holding(world, "select 1") as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def _twice(fault: Callable[[World], None]) -> Callable[[World], int]:
    def inject(world: World) -> int:
        world.rows(DAWDLE.format(0.5))
        table = world.choose("tiktok_video_daily", "tiktok_user_daily")
        world.rows(
            f"create trigger dawdle before insert on snapshots.{table} "
            "for each statement execute function public.dawdle()"
        )
        world.sandbox.set_faults(slow={"delay_ms": 100, "endpoint": "video/list"})
        worker = world.worker()
        world.expect(world.wait_for_pages(len(world.accounts) + world.rng.randint(1, 6)), "pages to land")
        fault(world)
        world.expect(world.wait_for(lambda: world.count(ASLEEP) > 0), "a snapshot to be derived just now")
        fault(world)
        code = worker.wait()
        world.expect(code == 0, f"the run to go on and succeed, it ended with {code}")
        world.wait_for(lambda: world.rows(f"drop trigger if exists dawdle on snapshots.{table}") == [])
        return 2

    return inject


def read_only(world: World) -> int:
    """A failover's moment: for two seconds nothing can be written; the run waits."""
    world.sandbox.set_faults(slow={"delay_ms": 100, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts) + 1), "pages to land")
    _with_setting(world, "default_transaction_read_only = on", seconds=2)
    code = worker.wait()
    world.expect(code == 0, f"the run to go on and succeed, it ended with {code}")
    return 1


def _with_setting(world: World, setting: str, seconds: float) -> None:
    name = setting.split(" ", maxsplit=1)[0]
    url = make_url(world.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        connection.execute(f"alter system set {setting}".encode())
        connection.execute("select pg_reload_conf()")
        time.sleep(seconds)
        connection.execute(f"alter system reset {name}".encode())
        connection.execute("select pg_reload_conf()")
    time.sleep(0.1)


def conflicts(world: World) -> int:
    """Every third statement on the ledger or a snapshot ends as a deadlock or serialization failure does."""
    code = world.choose("40P01", "40001")
    world.rows("create sequence public.conflicts")
    world.rows(
        f"""
        create function public.conflict() returns trigger language plpgsql as $$
        begin
            if nextval('public.conflicts') %% 3 = 0 and currval('public.conflicts') < 40 then
                raise exception 'made up' using errcode = '{code}';
            end if;
            return null;
        end $$
        """
    )
    tables = ("capture.account_day", "snapshots.tiktok_user_daily", "snapshots.tiktok_video_daily")
    for table in tables:
        world.rows(
            f"create trigger conflict before insert or update on {table} "
            "for each statement execute function public.conflict()"
        )
    done = world.worker().wait()
    world.expect(done == 0, f"every statement to be repeated, the worker ended with {done}")
    hits = int(world.rows("select last_value / 3 as hits from public.conflicts")[0]["hits"])
    for table in tables:
        world.rows(f"drop trigger conflict on {table}")
    return min(hits, 13)


def locked_out(world: World) -> int:
    """A migration's lock and a long BI query stand in the way for two seconds: delayed, not failed."""
    world.sandbox.set_faults(slow={"delay_ms": 50, "endpoint": "video/list"})
    worker = world.worker()
    world.expect(world.wait_for_pages(len(world.accounts)), "pages to land")
    with (
        holding(world, "select count(*) from capture.page"),
        holding(world, "lock table capture.account_day in access exclusive mode"),
    ):
        time.sleep(2)
        world.expect(worker.alive, "the worker to wait")
    code = worker.wait()
    world.expect(code == 0, f"the run to be delayed and to succeed, it ended with {code}")
    failed = world.count("capture.account_day where error_code is not null")
    world.expect(failed == 0, f"no account-day to fail, {failed} did")
    return 2


def pool_exhausted(world: World) -> int:
    """All connections of the process are in other hands for two seconds: the day waits for one."""
    pipeline = world.opened()
    taken = threading.Barrier(21)

    def hold() -> None:
        with pipeline.warehouse.transaction():
            taken.wait(30)
            time.sleep(2)

    holders = [threading.Thread(target=hold) for _ in range(20)]
    for holder in holders:
        holder.start()
    taken.wait(30)
    began = time.monotonic()
    one_day(pipeline)
    world.expect(time.monotonic() - began > 1.5, "the day to wait for a connection")
    for holder in holders:
        holder.join()
    return 20


def partitions_missing(world: World) -> int:
    """Partitions of the month and of those ahead are gone: the run makes them again, three months ahead."""
    parents = ("capture.user_info", "capture.video_list", "snapshots.tiktok_video_daily")
    inherited = """
        select inhrelid::regclass::text as name from pg_inherits where inhparent = any(%s::regclass[]) order by 1
    """
    before = [row["name"] for row in world.rows(inherited, list(parents))]
    for name in before:
        world.rows(f"drop table {name}")
    world.day()
    after = {row["name"] for row in world.rows(inherited, list(parents))}
    [month] = world.rows("select to_char(ops.now() + interval '3 months', 'YYYY_MM') as name")
    for parent in parents:
        world.expect(f"{parent}_{month['name']}" in after, f"{parent} to reach to {month['name']}")
    return len(before)
