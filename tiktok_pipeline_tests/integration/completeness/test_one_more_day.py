"""The list before is found by an index: one more day costs the same after years as after a month."""

from __future__ import annotations

import datetime as dt

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows

LAST = dt.date(2026, 2, 28)
VERDICTS = """
insert into snapshots.account_day_verdict (
    store_code, account_id, snapshot_date, verdict, reason, pages, listed_videos, distinct_videos, duplicates,
    chain_closed, source, late, capture_no
)
select a.store_code, a.id, d::date, 'COMPLETE', '', 1, 5, 5, 0, true, 'capture', false, 1
from hub.store_accounts as a
cross join generate_series(%s::date, %s::date, interval '1 day') as d
"""
COMPARED = "snapshots.lists_to_compare(%s, %s, '9999-12-31', 0, 1)"


def blocks_read(warehouse: Warehouse) -> int:
    """Blocks that PostgreSQL looks at to find the lists of LAST and the lists before them."""
    rows(warehouse, "analyze snapshots.account_day_verdict")
    [row] = rows(warehouse, f"explain (analyze, buffers, format json) select * from {COMPARED}", LAST, LAST)
    [plan] = row["QUERY PLAN"]
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def test_one_more_day_costs_the_same_however_long_the_history_is(warehouse: Warehouse) -> None:
    for number in range(20):
        add_account(warehouse, f"-{number}", store=f"store_{number}")
    month, years = LAST - dt.timedelta(days=30), LAST - dt.timedelta(days=1000)
    rows(warehouse, VERDICTS, month, LAST)
    after_a_month = blocks_read(warehouse)
    rows(warehouse, VERDICTS, years, month - dt.timedelta(days=1))
    assert blocks_read(warehouse) < 2 * after_a_month + 50


def test_the_list_before_is_found_however_long_ago_it_was(warehouse: Warehouse) -> None:
    account = add_account(warehouse)
    long_ago = LAST - dt.timedelta(days=800)
    for day in (long_ago, LAST, LAST + dt.timedelta(days=9)):
        rows(warehouse, VERDICTS, day, day)
    found = rows(warehouse, f"select account_id, day, previous_day from {COMPARED} order by day", LAST, LAST)
    assert [tuple(row.values()) for row in found] == [
        (account, LAST, long_ago),
        (account, LAST + dt.timedelta(days=9), LAST),
    ]
