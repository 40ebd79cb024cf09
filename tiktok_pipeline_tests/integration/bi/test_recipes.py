"""The recipes of docs/bi.md are true, as far as they are Python or SQL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy.engine import make_url

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows

DOCS = Path(__file__).parents[3] / "docs" / "bi.md"


def recipe(tool: str) -> str:
    """The code in a tool's row of the table."""
    found = re.search(rf"^\| {tool} \| `(.+)` \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, tool
    return found[1]


def test_pandas_reads_a_report_with_the_login_of_a_bi_tool(month: Warehouse, bi_reader: str) -> None:
    code = recipe("pandas").replace("jakarta_01", "demo_store_001")
    address = re.search(r'"(postgresql\+psycopg://[^"]+)"', code)
    assert address
    frame: Any = eval(code.replace(address[1], bi_reader), {"pd": pd})
    [known] = rows(
        month, "select count(*) as days from reporting.store_daily where store_code = 'demo_store_001'"
    )
    assert len(frame) == known["days"] > 20
    assert {"store_code", "snapshot_date", "follower_count", "view_delta"} <= set(frame.columns)


def test_the_login_of_the_page_can_be_made_and_reads_reports_alone(month: Warehouse) -> None:
    found = re.search(r"```sql\n(create role metabase .+?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    with month.transaction() as cursor:
        for statement in (
            found[1].replace("…", "a password").replace("metabase", "test_metabase").split(";\n")
        ):
            cursor.execute(statement.encode())
    url = make_url(month.url).set(username="test_metabase", password="a password").render_as_string(False)
    try:
        frame = pd.read_sql("select * from reporting.top_videos where window_days = 7", url)
        assert len(frame) > 0
        for setting, value in (
            ("statement_timeout", "1min"),
            ("idle_in_transaction_session_timeout", "1min"),
            ("default_transaction_read_only", "on"),
        ):
            assert pd.read_sql(f"show {setting}", url).iloc[0, 0] == value
    finally:
        rows(month, "drop role test_metabase")
