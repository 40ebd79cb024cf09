"""A report as a file, from a phone without JavaScript."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.e2e.browser import log_in, tap
from tiktok_pipeline_tests.e2e.conftest import NewPhone
from tiktok_pipeline_tests.integration.portal.conftest import PASSWORD, Portal, running_portal


@pytest.fixture
def portal(server_url: str, migrated_template: str, tmp_path: Path) -> Iterator[Portal]:
    with (
        SandboxProcess(accounts=1, videos=1) as sandbox,
        database(server_url, "browser", template=migrated_template) as url,
    ):
        warehouse = Warehouse(url)
        with running_portal(warehouse, sandbox, tmp_path) as portal:
            yield portal
        warehouse.close()


def test_an_operator_takes_a_stores_month_home(portal: Portal, new_phone: NewPhone, tmp_path: Path) -> None:
    rows(portal.warehouse, "select ops.ensure_partitions('2026-03-01', '2026-04-30')")
    add_account(portal.warehouse, store="jakarta_01")
    rows(
        portal.warehouse,
        "insert into reporting.account_daily (store_code, account_id, open_id, snapshot_date, source, late, quarantined) "
        "select store_code, id, open_id, date '2026-03-30' + d, 'capture', false, false "
        "from hub.store_accounts, generate_series(0, 3) as d",
    )
    page = new_phone()
    log_in(page, portal.url, PASSWORD)
    page.goto(f"{portal.url}/stores/jakarta_01")
    tap(page.get_by_role("link", name="Export").last)
    expect(page.locator("select[name=store]")).to_have_value("jakarta_01")
    page.locator("select[name=report]").select_option("account_daily")
    page.locator("input[name=from]").fill("2026-04-01")
    page.locator("input[name=to]").fill("2026-03-31")
    tap(page.get_by_role("button", name="Export"))
    expect(page.get_by_role("alert")).to_have_text("from 2026-04-01 to 2026-03-31: it ends before it begins.")
    page.locator("input[name=to]").fill("2026-04-30")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").tap()
    assert download.value.suggested_filename == "account_daily_jakarta_01_2026-04-01_2026-04-30.csv"
    file = tmp_path / "april.csv"
    download.value.save_as(file)
    with file.open(newline="") as lines:
        assert [row["snapshot_date"] for row in csv.DictReader(lines)] == ["2026-04-01", "2026-04-02"]
