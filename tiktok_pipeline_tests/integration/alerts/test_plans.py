"""Conditions that look at a day read that day alone, however long the ledger is."""

from __future__ import annotations

import pytest

from bench.incidents import make_ledger
from tiktok_pipeline.alerts.incidents import Facts
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse


@pytest.mark.parametrize("kind", ["gaps", "late_capture"])
def test_a_look_at_a_day_reads_the_ledger_by_its_index(warehouse: Warehouse, kind: str) -> None:
    make_ledger(warehouse, 200, 60)
    with warehouse.transaction() as cursor:
        cursor.execute(f"explain (costs off) {sql(f'conditions/{kind}')}".encode(), Facts("UTC").parameters())
        lines = [row["QUERY PLAN"].strip() for row in cursor.fetchall()]
    assert any("account_day_pkey" in line for line in lines)
    assert not any(line.endswith("Seq Scan on account_day") for line in lines)
    assert not any(line.endswith("Seq Scan on account_day d") for line in lines)
