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
    [statement] = re.findall(
        r"^create role metabase login .+;$", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    rows(month, statement.replace("…", "a password").replace("metabase", "test_metabase"))
    try:
        url = make_url(month.url).set(username="test_metabase", password="a password")
        frame = pd.read_sql(
            "select * from reporting.top_videos where window_days = 7", url.render_as_string(False)
        )
        assert len(frame) > 0
    finally:
        rows(month, "drop role test_metabase")
