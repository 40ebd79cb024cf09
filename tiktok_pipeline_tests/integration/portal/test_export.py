"""Reports as files, from the portal: the same bytes as by command, for operators alone."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import threading

import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.exporting import FORMATS, Wanted, export_report, reports
from tiktok_pipeline.portal.operator import exports
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal, csrf_in
from tiktok_pipeline_tests.integration.portal.test_operator_overview import page_text, words

DAY = dt.date(2026, 3, 31)
FORMULA = '=HYPERLINK("http://x","y")'
EMOJI = "toko 👩‍👩‍👧‍👦 ½"


@pytest.fixture(scope="module")
def operator(portal: Portal) -> Operator:
    """Logged in, to a portal with two stores that were observed on three days."""
    rows(portal.warehouse, "select ops.ensure_partitions('2026-03-01', '2026-04-30')")
    for code, name in (("jakarta_01", FORMULA), ("bandung_02", EMOJI)):
        add_account(portal.warehouse, f"-000{code}", store=code)
        rows(portal.warehouse, "update hub.stores set store_name = %s where store_code = %s", name, code)
        rows(
            portal.warehouse,
            "insert into reporting.account_daily (store_code, account_id, open_id, snapshot_date, "
            "follower_count, source, late, quarantined) select store_code, id, open_id, "
            "%s::date + d, 100 + d, 'capture', false, false "
            "from hub.store_accounts, generate_series(0, 2) as d where store_code = %s",
            DAY,
            code,
        )
    return portal.operator()


def export(operator: Operator, **form: str) -> tuple[int, bytes, str]:
    """Status, body and file name of an export; what the page asks for and the form does not say is as it shows it."""
    shown = {"report": "store_daily", "store": "", "from": "", "to": "", "format": "csv"}
    page = operator.get("/export")
    answer = operator.post("/export", {"csrf": csrf_in(page), **shown, **form})
    found = re.fullmatch(r'attachment; filename="(.+)"', answer.headers.get("Content-Disposition", ""))
    return answer.status_code, answer.content, found[1] if found else ""


def test_the_form_offers_every_report_store_and_format(portal: Portal, operator: Operator) -> None:
    page = operator.get("/export?store=bandung_02")
    offered = re.findall(r'<option value="([^"]*)"', page.text)
    assert offered == [*reports(portal.warehouse), "", "bandung_02", "jakarta_01", *FORMATS]
    assert re.findall(r'<option value="([^"]*)" selected', page.text) == ["store_daily", "bandung_02", "csv"]
    assert "One row per store and day on which it had accounts to observe" in words(page)
    assert EMOJI in page_text(page)
    assert 'href="/export?store=bandung_02"' in operator.get("/stores/bandung_02").text


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_what_the_command_writes(portal: Portal, operator: Operator, format: str) -> None:
    status, body, name = export(operator, report="dim_store", format=format)
    assert (status, name) == (200, f"dim_store.{format}")
    if format == "xlsx":  # the book says when it was made
        assert body.startswith(b"PK")
        return
    written = io.BytesIO()
    export_report(portal.warehouse, Wanted("dim_store"), format, written)
    assert body == written.getvalue()


def test_formulas_are_made_harmless_and_emoji_kept(operator: Operator) -> None:
    _, body, _ = export(operator, report="dim_store")
    names = {row["store_code"]: row["store_name"] for row in csv.DictReader(io.StringIO(body.decode()))}
    assert names == {"jakarta_01": "'" + FORMULA, "bandung_02": EMOJI}
    _, body, _ = export(operator, report="dim_store", format="parquet")
    assert {row["store_name"] for row in pq.read_table(io.BytesIO(body)).to_pylist()} == {FORMULA, EMOJI}


def test_one_store_and_the_days_between_are_in_it_and_in_its_name(operator: Operator) -> None:
    days = {"from": "2026-04-01", "to": "2026-04-01"}
    status, body, name = export(operator, report="account_daily", store="jakarta_01", **days)
    assert (status, name) == (200, "account_daily_jakarta_01_2026-04-01_2026-04-01.csv")
    [row] = csv.DictReader(io.StringIO(body.decode()))
    assert (row["store_code"], row["snapshot_date"], row["follower_count"]) == (
        "jakarta_01",
        "2026-04-01",
        "101",
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"report": "nothing"}, "report nothing: there is none. Use one of account_daily"),
        ({"report": "../../etc"}, "report ../../etc: there is none"),
        ({"store": "nowhere"}, "store nowhere: there is none"),
        ({"store": "x\x00"}, "there is none"),
        ({"report": "dim_date", "store": "jakarta_01"}, "its rows are not of stores"),
        ({"report": "dim_store", "from": "2026-01-01"}, "its rows are not of days"),
        ({"from": "31.3.2026"}, "From 31.3.2026: not a date"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "ends before it begins"),
        ({"format": "<b>ods"}, "format <b>ods: not known. Use one of csv, xlsx, parquet"),
    ],
)
def test_what_cannot_be_exported_is_said_on_the_page_which_keeps_what_was_chosen(
    portal: Portal, operator: Operator, form: dict[str, str], said: str
) -> None:
    answer = operator.send("/export", **{"report": "store_daily", "format": "csv", **form})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert said in page_text(answer)
    assert "Content-Disposition" not in answer.headers
    for field in ("from", "to"):
        assert f'name="{field}" value="{form.get(field, "")}"' in answer.text
    assert export(operator)[0] == 200  # and the next one works


def test_nobody_else_gets_a_file(portal: Portal, operator: Operator) -> None:
    form = {"report": "dim_store", "format": "csv"}
    assert portal.get("/export").headers["Location"] == "/login"
    assert portal.post("/export", data=form).status_code == 403
    assert operator.post("/export", form).status_code == 403  # without the form's token


def test_a_third_export_at_once_waits_for_its_turn(operator: Operator) -> None:
    for _ in range(exports.MOST_AT_ONCE):
        assert exports._places.acquire(blocking=False)
    try:
        status, body, _ = export(operator)
        assert (status, b"2 exports are being made just now" in body) == (503, True)
    finally:
        exports._places.release(exports.MOST_AT_ONCE)
    done: list[int] = []
    both = [threading.Thread(target=lambda: done.append(export(operator)[0])) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert done == [200, 200]
