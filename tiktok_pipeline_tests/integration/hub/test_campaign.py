"""Reconnect links for many: who gets one, and a table that a spreadsheet cannot be tricked with."""

from __future__ import annotations

import csv
import io
import time
from zoneinfo import ZoneInfo

import pytest

from tiktok_pipeline.hub.campaign import COLUMNS, cell, write_campaign
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows

ZONE = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def links(warehouse: Warehouse) -> ConnectLinks:
    return ConnectLinks(warehouse, b"s" * 40, "https://stores.example.com", 14)


def table(warehouse: Warehouse, links: ConnectLinks, **wanted: object) -> list[dict[str, str]]:
    file = io.StringIO()
    written = write_campaign(warehouse, links, file, ZONE, **wanted)  # type: ignore[arg-type]
    made = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(made) == written
    assert file.getvalue().splitlines()[0].split(",") == list(COLUMNS)
    return made


def ends_in(warehouse: Warehouse, account: int, days: int) -> None:
    rows(
        warehouse,
        "update hub.store_accounts set refresh_token_expires_at = ops.now() + make_interval(days => %s) where id = %s",
        days,
        account,
    )


def test_every_account_that_needs_a_person_gets_a_link_that_works(
    warehouse: Warehouse, links: ConnectLinks
) -> None:
    fine = add_account(warehouse, "fine")
    ends_in(warehouse, fine, 100)
    soon = add_account(warehouse, "soon", store="bali")
    ends_in(warehouse, soon, 5)
    waits = add_account(warehouse, "waits", status="NEED_RECONNECT")
    off = add_account(warehouse, "off", status="DISABLED")
    assert [row["account_id"] for row in table(warehouse, links)] == [str(waits)]
    assert [row["account_id"] for row in table(warehouse, links, ending_within=30)] == [str(soon), str(waits)]
    named = table(warehouse, links, account_ids=[off, fine])
    assert {row["account_id"] for row in named} == {str(off), str(fine)}
    for row in named:
        found = links.look(row["link"].rpartition("/")[2])
        state = "disabled" if row["account_id"] == str(off) else "usable"  # until operators enable it
        assert (found.state, str(found.account_id)) == (state, row["account_id"])


def test_nothing_in_it_is_taken_for_a_formula(warehouse: Warehouse, links: ConnectLinks) -> None:
    add_account(warehouse, "-000open", status="NEED_RECONNECT")
    rows(
        warehouse,
        "update hub.stores set store_name = '=HYPERLINK(\"http://x\")', pic_name = '@sum', pic_contact = '+62 8'",
    )
    rows(warehouse, "update hub.store_accounts set status_reason = E'\\t=1+1\\r\\n=2, \"x\"'")
    [row] = table(warehouse, links)
    assert row["store_name"] == '\'=HYPERLINK("http://x")'
    assert row["pic_name"] == "'@sum"
    assert row["pic_contact"] == "'+62 8"
    assert row["display_name"] == "'-000open"
    assert row["reason"] == '\'=1+1 =2, "x"'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n@", " =", "\x1b=", "\ufeff=", "＝"])
def test_whatever_stands_before_it_a_formula_is_text(start: str) -> None:
    shown = cell(f"{start}1")
    assert shown.startswith("'")
    assert cell("plain") == "plain"
    assert cell(None) == ""


def test_ten_thousand_links_take_seconds(warehouse: Warehouse, links: ConnectLinks) -> None:
    rows(warehouse, "insert into hub.stores (store_code, store_name, pic_name) values ('s', 'S', 'Ayu')")
    rows(
        warehouse,
        """
        insert into hub.store_accounts (
            store_code, client_key, open_id, scope, status, token_expires_at, refresh_token_expires_at
        )
        select 's', 'key', 'open ' || n, '', 'NEED_RECONNECT', ops.now(), ops.now() from generate_series(1, 10000) as n
        """,
    )
    began = time.monotonic()
    assert len(table(warehouse, links)) == 10_000
    assert time.monotonic() - began < 15
