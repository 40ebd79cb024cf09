"""The four questions that BI tools ask most look into their months alone, by an index: asserted on PostgreSQL's own plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.reporting.test_facts import Book

FIRST = dt.date(2028, 1, 1)
LAST = dt.date(2028, 5, 31)

BY_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}

MONTHS_OF_A_STORE = """
select * from reporting.{table}
where store_code = 'jakarta_01' and snapshot_date between '2028-02-10' and '2028-03-10'
"""
ONE_DAY = "select * from reporting.{table} where snapshot_date = '2028-03-10'"
TOP_OF_THE_WEEK = """
select video_id, sum(view_delta) from reporting.video_daily
where snapshot_date between '2028-03-04' and '2028-03-10' group by video_id order by 2 desc nulls last limit 20
"""
ONE_LIFE = """
select * from reporting.video_daily where video_id = '{video}' order by snapshot_date
"""


@pytest.fixture
def history(warehouse: Warehouse) -> Warehouse:
    """Five months of 15 accounts of 20 videos each."""
    Book(warehouse)
    rows(warehouse, "select ops.ensure_partitions(%s, %s)", FIRST, LAST)
    rows(
        warehouse,
        """
        insert into hub.stores (store_code, store_name, pic_name)
        select 'store_' || n, n, n from generate_series(4, 15) as n
        """,
    )
    rows(
        warehouse,
        """
        insert into hub.store_accounts (
            store_code, client_key, open_id, scope, token_expires_at, refresh_token_expires_at
        )
        select store_code, 'key', store_code, '', ops.now(), ops.now() from hub.stores where store_code like 'store%%'
        """,
    )
    for table, names, values, more in (
        ("tiktok_user_daily", "follower_count", "n", ""),
        (
            "tiktok_video_daily",
            "view_count, video_id",
            "n, a.id || '-' || v",
            "cross join generate_series(1, 20) as v",
        ),
    ):
        rows(
            warehouse,
            f"""
            insert into snapshots.{table} (
                store_code, account_id, open_id, snapshot_date, source, late, capture_no, {names}
            )
            select a.store_code, a.id, a.open_id, %s::date + n, 'capture', false, 1, {values}
            from generate_series(0, %s) as n cross join hub.store_accounts as a {more}
            """,
            FIRST,
            (LAST - FIRST).days,
        )
    for report in ("reporting.account_daily", "reporting.video_daily"):
        derive(warehouse, report, FIRST, LAST)
    # As autovacuum does: partitions, never the table over them.
    for row in rows(warehouse, "select oid::regclass::text as name from pg_class where relkind = 'r' and reltuples <> 0 "
                    "and relnamespace in ('reporting'::regnamespace, 'snapshots'::regnamespace)"):  # fmt: skip
        rows(warehouse, f"analyze {row['name']}")
    return warehouse


def scans(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    """The nodes of a query's plan that read a table of reports, and were not found to be needless as it ran."""
    [row] = rows(warehouse, "explain (analyze, timing off, format json) " + query)
    return [
        node
        for node in nodes(row["QUERY PLAN"][0]["Plan"])
        if node.get("Schema", "reporting") == "reporting"
        and "Relation Name" in node
        and node["Relation Name"].startswith(
            ("video_daily", "account_daily", "account_videos", "video_gains")
        )
        and node["Actual Loops"] > 0
    ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def test_each_question_reads_its_months_alone_by_an_index(history: Warehouse) -> None:
    of_the_store = {"account_daily_2028_02", "account_daily_2028_03", "account_videos_daily"}
    for query, expected in (
        (MONTHS_OF_A_STORE.format(table="video_daily"), {"video_daily_2028_02", "video_daily_2028_03"}),
        (MONTHS_OF_A_STORE.format(table="store_daily"), of_the_store),
        (ONE_DAY.format(table="account_daily"), {"account_daily_2028_03"}),
        (ONE_DAY.format(table="store_daily"), {"account_daily_2028_03", "account_videos_daily"}),
        (TOP_OF_THE_WEEK, {"video_daily_2028_03"}),
    ):
        read = scans(history, query)
        assert {node["Relation Name"] for node in read} == expected, query
        assert {node["Node Type"] for node in read} <= BY_INDEX, query

    # A video's life may be in any month: each is asked by index, for this video's rows alone.
    [video] = rows(history, "select min(video_id) as id from reporting.video_latest")
    read = [node for node in scans(history, ONE_LIFE.format(video=video["id"])) if node["Actual Rows"]]
    assert {node["Relation Name"] for node in read} == {f"video_daily_2028_0{month}" for month in range(1, 6)}
    assert {node["Node Type"] for node in read} <= BY_INDEX
    assert sum(node["Actual Rows"] for node in read) == (LAST - FIRST).days + 1

    read = scans(history, "select * from reporting.top_videos where window_days = 7 order by place limit 20")
    assert [node["Relation Name"] for node in read] == ["video_gains"]  # once: the other lengths are left out
