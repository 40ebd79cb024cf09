"""Years of reports: how long one more day takes, how large they are, how fast the questions of BI tools are answered.

    python -m bench.reports [--rows 30000000] [--accounts 270] [--videos 100] [--runs 60]

Bars: questions below 100 ms at the 95th percentile; one more day of reports after 1,000 days takes as long as after 30,
within 20 %, and so does an old day again. 30 million rows need 25 GB of disk.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.history.rebuild import derived_tables
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive, months

BEGAN = dt.date(2023, 1, 1)
LISTED = 40 / 41  # of the lists of a day; the others are missing
DAYS = 7  # made by the pipeline's own code, one after the other
HERE = Path(__file__)
VIDEOS, REPORTS = "snapshots.tiktok_video_daily", "reporting.video_daily"
OF_A_DAY = ("reporting.account_daily", REPORTS, "reporting.viral_videos")  # what the daily job derives
# A table that is taken in whole sets off no trigger: what the database keeps of it is derived.
KEPT = ("reporting.account_videos_daily", "reporting.video_latest")
# No index to look into, no foreign key, and no disk to wait for while made-up rows are made.
QUICK = (
    "set local synchronous_commit = off; set local session_replication_role = replica; set local jit = off;"
)

Given = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000_000)
    parser.add_argument("--accounts", type=int, default=270)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--runs", type=int, default=60)
    size = parser.parse_args()
    with fresh_database() as url:
        warehouse = Warehouse(url)
        after = make_history(warehouse, size)
        for table in (of_the_days(after), of_the_tables(warehouse), of_the_questions(warehouse, size)):
            Console(width=120).print(table)
        warehouse.close()


def make_history(warehouse: Warehouse, size: argparse.Namespace) -> dict[str, list[float]]:
    """Months of made-up history; what the reports of a few days took, in seconds, after one month and after all."""
    days = round(size.rows / (size.accounts * size.videos * LISTED))
    end = next_month(BEGAN + dt.timedelta(days=days - 1)) - dt.timedelta(days=1)
    spans = list(months(BEGAN, end))
    after = {}
    for number, (first, last) in enumerate(track(spans, "months"), start=1):
        fill(warehouse, size, first, last)
        if number in (1, len(spans)):
            tidy(warehouse)
            days = (last - BEGAN).days + 1
            after[f"a new day, {days:,} days before it"] = real_days(warehouse, size, next_month(first))
    old = next_month(BEGAN)
    after[f"a lost day, {(end - old).days:,} days after it"] = old_days(warehouse, old)
    return after


def fill(warehouse: Warehouse, size: argparse.Namespace, first: dt.date, last: dt.date) -> None:
    """A month of snapshots and reports; they get their indexes when the table takes them in."""
    given = {**vars(size), "began": BEGAN, "first": first, "last": last}
    month = first.strftime("_%Y_%m")
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
        script.execute(QUICK + "set local work_mem = '256MB'; set local maintenance_work_mem = '512MB'")
        for table in (
            "snapshots.tiktok_user_daily",
            "capture.account_day",
            "snapshots.video_change",
            *KEPT,
        ):
            day = "day" if table == "capture.account_day" else "snapshot_date"
            script.execute(f"delete from {table} where {day} >= %s", (first,))
        script.execute("delete from snapshots.quarantine where day >= %s", (first,))
        for table, made, text in (
            (VIDEOS, "bench_videos", "reports.sql"),
            (REPORTS, "bench_reports", "reports_of_a_month.sql"),
        ):
            script.execute(f"drop table if exists {table}{month}")
            script.execute((HERE.parent / text).read_bytes(), given)
            script.execute(f"alter table {made} set schema {table.partition('.')[0]}")
            named = table.partition(".")[2] + month
            script.execute(f"alter table {table.partition('.')[0]}.{made} rename to {named}")
            script.execute(
                f"alter table {table} attach partition {table}{month} for values from (%s) to (%s)",
                (first, last + dt.timedelta(days=1)),
            )
        script.execute("select ops.ensure_partitions(%s, %s)", (first, last))
    for table in ("reporting.account_daily", *KEPT):
        derive(warehouse, table, first, last)


def real_days(warehouse: Warehouse, size: argparse.Namespace, first: dt.date) -> list[float]:
    """The seconds of each of a few days' reports, made by the pipeline's own code as the days come."""
    took = []
    for number in range(DAYS):
        day = first + dt.timedelta(days=number)
        given = {**vars(size), "began": BEGAN, "first": day, "last": day}
        with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as script:
            script.execute(QUICK)
            script.execute("select ops.ensure_partitions(%s, %s)", (day, day))
            script.execute((HERE.parent / "reports.sql").read_bytes(), given)
            script.execute(f"insert into {VIDEOS} select * from bench_videos; drop table bench_videos")
        took.append(reports_of(warehouse, day))
    return took


def old_days(warehouse: Warehouse, first: dt.date) -> list[float]:
    """The same of days that have all the others after them, and were lost."""
    took = []
    for number in range(DAYS):
        day = first + dt.timedelta(days=number)
        with warehouse.transaction() as cursor:
            for table in OF_A_DAY:
                cursor.execute(f"delete from {table} where snapshot_date = %s".encode(), (day,))
        took.append(reports_of(warehouse, day))
    return took


def reports_of(warehouse: Warehouse, day: dt.date) -> float:
    """The seconds that the reports of one day take."""
    began = time.monotonic()
    for table in OF_A_DAY:
        derive(warehouse, table, day, day)
    return time.monotonic() - began


def next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def tidy(warehouse: Warehouse) -> None:
    """What autovacuum does in a quiet hour: it looks at partitions, never at the table over them."""
    with warehouse.session() as session:
        for row in session.execute(
            "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace in "
            "(select oid from pg_namespace where nspname in ('hub', 'capture', 'snapshots', 'reporting'))"
        ).fetchall():
            session.execute(f"vacuum (analyze) {row['name']}".encode())


def of_the_days(after: dict[str, list[float]]) -> Table:
    table = Table(title=f"reports of one day, by the pipeline's own code, {DAYS} days each")
    for heading in ("which", "fastest, s", "median, s", "days/s", "to the first"):
        table.add_column(heading, justify="right", no_wrap=True)
    first = statistics.median(next(iter(after.values())))
    for which, seconds in after.items():
        middle = statistics.median(seconds)
        table.add_row(
            which, f"{min(seconds):.2f}", f"{middle:.2f}", f"{1 / middle:.2f}", f"{middle / first - 1:+.0%}"
        )
    return table


def of_the_tables(warehouse: Warehouse) -> Table:
    table = Table(title="what they hold")
    for heading in ("table", "rows", "MB", "of them indexes"):
        table.add_column(heading, justify="right")
    names = [
        name for name in derived_tables(warehouse) if name.startswith(("reporting.", "snapshots.tiktok"))
    ]
    with warehouse.transaction() as cursor:
        for name in names:
            cursor.execute(
                "select (sum(pg_total_relation_size(relid)) / 2^20)::bigint as all_of_it,"
                " (sum(pg_indexes_size(relid)) / 2^20)::bigint as indexes"
                " from pg_partition_tree(%s) where isleaf",
                (name,),
            )
            told = cursor.fetchone() or {}
            if told.get("all_of_it") is None:
                cursor.execute(
                    "select (pg_total_relation_size(%(n)s::regclass) / 2^20)::bigint as all_of_it,"
                    " (pg_indexes_size(%(n)s::regclass) / 2^20)::bigint as indexes",
                    {"n": name},
                )
                told = cursor.fetchone() or {}
            cursor.execute(f"select count(*) as rows from {name}".encode())
            count = (cursor.fetchone() or {})["rows"]
            table.add_row(name, f"{count:,}", f"{told['all_of_it']:,}", f"{told['indexes']:,}")
    return table


def of_the_questions(warehouse: Warehouse, size: argparse.Namespace) -> Table:
    table = Table(title=f"questions, {size.runs} times each")
    for heading in ("question", "rows", "p50, ms", "p95, ms", "computed, p50", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, text in questions():
        rows, took, computed = ask(warehouse, text, whatever(warehouse, size), size.runs)
        figures = [
            f"{told:.1f}"
            for each in (took, computed)
            for told in (statistics.median(each), percentile(each, 95))
        ]
        table.add_row(name, f"{rows:,}", *figures)
    return table


def ask(
    warehouse: Warehouse, text: str, given: Callable[[], Given], runs: int
) -> tuple[int, list[float], list[float]]:
    """The most rows that came back, the milliseconds of each run, planning included, and those in which it computed."""
    took, computed, rows = [], [], 0
    with warehouse.transaction() as cursor, psycopg.ClientCursor(cursor.connection) as asking:
        for _ in range(runs):
            values = given()
            began, busy = time.monotonic(), on_a_core(asking)
            asking.execute(text.encode(), values)
            rows = max(rows, len(asking.fetchall()))
            took.append((time.monotonic() - began) * 1000)
            computed.append(on_a_core(asking) - busy)
    return rows, took, computed


def on_a_core(asking: psycopg.Cursor[Any]) -> float:
    """Milliseconds for which PostgreSQL's process of this connection has had a core; nan where nobody can say."""
    try:
        told = Path(f"/proc/{asking.connection.info.backend_pid}/schedstat").read_text()
    except OSError:
        return math.nan
    return int(told.split()[0]) / 1e6


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def questions() -> Iterator[tuple[str, str]]:
    """What stands above each statement of questions.sql, and the statement."""
    for statement in (HERE.parent / "questions.sql").read_text().split(";\n"):
        said, _, text = statement.strip().partition("\n")
        if text:
            yield said.removeprefix("-- "), text


def whatever(warehouse: Warehouse, size: argparse.Namespace) -> Callable[[], Given]:
    """Another store, video and day for each question, the same ones in every run of the benchmark."""
    chance = random.Random(7)
    with warehouse.transaction() as cursor:
        cursor.execute(f"select max(snapshot_date) as newest from {REPORTS}".encode())
        newest = (cursor.fetchone() or {})["newest"]
    days = (newest - BEGAN).days + 1

    def given() -> Given:
        account, number = chance.randint(1, size.accounts), chance.randint(0, days // 10 + size.videos // 2)
        return {
            "store": f"bench_{(account - 1) // 3}",
            "video": f"7{account:08d}{number:010d}",
            "day": BEGAN + dt.timedelta(days=chance.randint(30, days - 1)),
            "newest": newest,
        }

    return given


if __name__ == "__main__":
    main()
