"""`tiktok-pipeline export`: what is in the report is in the file, and no spreadsheet runs it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.capture.ledger import Failure
from tiktok_pipeline.exporting import Wanted, export_report
from tiktok_pipeline.exporting.formulas import harmless
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, add_store, ledger, rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine

FORMULA = '=HYPERLINK("http://x","y")'
EMOJI = 'toko 👩‍👩‍👧‍👦 ½ \u202e, "q"\nline'


@pytest.fixture
def settings(warehouse: Warehouse, database_url: str) -> dict[str, str]:
    """Two stores: the names are a formula and a text with emoji, comma, quote and line break."""
    for code, name in (("jakarta_01", FORMULA), ("bandung_02", EMOJI)):
        add_account(warehouse, f"-000{code}", store=code)
        rows(warehouse, "update hub.stores set store_name = %s where store_code = %s", name, code)
        rows(
            warehouse,
            "insert into reporting.account_daily (store_code, account_id, open_id, snapshot_date, "
            "follower_count, source, late, quarantined) select store_code, id, open_id, "
            "ops.day_of(ops.now(), 'UTC') - d, 4611686018427387904 + d, 'capture', false, false "
            "from hub.store_accounts, generate_series(0, 1) as d where store_code = %s",
            code,
        )
    return {"TIKTOK_CLIENT_KEY": "key", "TIKTOK_CLIENT_SECRET": "canary-secret", "DATABASE_URL": database_url}


def exported(warehouse: Warehouse, report: str, format: str, **filters: object) -> bytes:
    out = io.BytesIO()
    export_report(warehouse, Wanted(report, **filters), format, out)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_csv_has_every_byte_of_a_text_and_no_formula(
    warehouse: Warehouse, settings: dict[str, str]
) -> None:
    text = exported(warehouse, "dim_store", "csv").decode()
    read = {row["store_code"]: row["store_name"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert read == {"jakarta_01": "'" + FORMULA, "bandung_02": EMOJI}


HIDDEN = {  # a text, and the same harmless: a spreadsheet splits it where it likes
    "=1+1": "'=1+1",
    " =1+1": " '=1+1",
    "\u00a0@a": "\u00a0'@a",
    "＝1+1": "'＝1+1",
    "a;=1+1": "a;'=1+1",
    "a\t+1;-1": "a\t'+1;'-1",
    "a|＠x": "a|'＠x",
    'a;"=1+1"': 'a;"\'=1+1"',
    "a\n-1": "a\n'-1",
    "\t=1": "\t'=1",
    "a=1 - b+c@d; e": "a=1 - b+c@d; e",
}


def test_a_text_begins_no_formula_wherever_lines_are_split(
    warehouse: Warehouse, settings: dict[str, str]
) -> None:
    for place, text in enumerate(HIDDEN):
        add_store(warehouse, f"t{place:02}")
        rows(warehouse, "update hub.stores set store_name = %s where store_code = %s", text, f"t{place:02}")
    file = exported(warehouse, "dim_store", "csv").decode()
    read = {row["store_code"]: row["store_name"] for row in csv.DictReader(io.StringIO(file, newline=""))}
    for place, (text, expected) in enumerate(HIDDEN.items()):
        assert (text, read[f"t{place:02}"]) == (text, expected)
        assert harmless(text) == expected  # the API's
    for separator in ",;\t|":
        lines = csv.reader(io.StringIO(file, newline=""), delimiter=separator)
        cells = [cell.lstrip(' "\u00a0') for cell in itertools.chain.from_iterable(lines)]
        assert not [cell for cell in cells if cell[:1] in tuple("=+-@＝＋－＠")]


def test_a_parquet_file_has_every_value_as_it_is(warehouse: Warehouse, settings: dict[str, str]) -> None:
    names = pq.read_table(io.BytesIO(exported(warehouse, "dim_store", "parquet"))).to_pylist()
    assert {row["store_name"] for row in names} == {FORMULA, EMOJI}
    facts = pq.read_table(io.BytesIO(exported(warehouse, "account_daily", "parquet"))).to_pylist()
    assert {row["follower_count"] for row in facts} == {2**62, 2**62 + 1}
    assert facts[0]["open_id"].startswith("-000")


def test_an_excel_file_has_texts_and_no_formulas(warehouse: Warehouse, settings: dict[str, str]) -> None:
    book = zipfile.ZipFile(io.BytesIO(exported(warehouse, "dim_store", "xlsx")))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "👩‍👩‍👧‍👦" in sheet
    facts = zipfile.ZipFile(io.BytesIO(exported(warehouse, "account_daily", "xlsx")))
    assert str(2**62 + 1) in facts.read("xl/worksheets/sheet1.xml").decode()  # not rounded to a double


def test_one_store_and_day_are_written_into_the_named_file(
    cli: CommandLine, warehouse: Warehouse, settings: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    [today] = rows(warehouse, "select ops.day_of(ops.now(), 'UTC') as day")
    day = today["day"].isoformat()
    answer = cli(
        "export", "--report", "account_daily", "--store", "jakarta_01", "--from", day, "--to", day,
        "--output", str(file), **settings,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    [row] = csv.DictReader(io.StringIO(file.read_text(), newline=""))
    assert (row["store_code"], row["snapshot_date"]) == ("jakarta_01", day)
    assert not file.with_name("out.csv.part").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "nothing"), "report nothing: there is none. Use one of account_daily"),
        (("--report", "account_daily; drop table x"), "there is none"),
        (("--report", "store_daily", "--store", "nowhere"), "store nowhere: there is none"),
        (("--report", "dim_date", "--store", "jakarta_01"), "its rows are not of stores"),
        (("--report", "dim_store", "--from", "2026-01-01"), "its rows are not of days"),
        (("--report", "store_daily", "--from", "2026-13-01"), "not a date"),
        (("--report", "store_daily", "--from", "2026-02-01", "--to", "2026-01-01"), "ends before it begins"),
        (("--report", "store_daily", "--format", "ods"), "format ods: not known"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    cli: CommandLine, settings: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    answer = cli("export", *arguments, "--output", str(tmp_path / "out"), **settings)
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)
    assert said in answer.stderr
    assert not list(tmp_path.glob("out*"))


def test_every_report_can_be_exported_in_every_format(warehouse: Warehouse, settings: dict[str, str]) -> None:
    from tiktok_pipeline.exporting.export import FORMATS, reports

    assert {"store_daily", "account_daily", "video_daily", "quality_results"} <= set(reports(warehouse))
    for report in reports(warehouse):
        for format in FORMATS:
            assert exported(warehouse, report, format), (report, format)


def test_a_ledger_with_failures_and_gaps_can_be_exported_in_every_format(
    warehouse: Warehouse, settings: dict[str, str]
) -> None:
    failing = ledger(warehouse, "user_info")
    failing.ensure_partitions(failing.today(), failing.today())
    failing.plan(failing.today())
    for unit in failing.claim(failing.today(), 10):
        failing.fail(unit, Failure("missed", "rate_limit_exceeded", "=too much", 429, "L", final=False))
    for report in ("account_days", "capture_calendar", "failed_captures", "sync_logs"):
        for format in ("csv", "xlsx", "parquet"):
            assert exported(warehouse, report, format), (report, format)
    [cause] = pq.read_table(io.BytesIO(exported(warehouse, "failed_captures", "parquet"))).to_pylist()
    assert (cause["account_days"], type(cause["oldest_age"])) == (2, dt.timedelta)
    text = exported(warehouse, "failed_captures", "csv").decode()
    [line] = csv.DictReader(io.StringIO(text, newline=""))
    assert line["oldest_age"].startswith("00:0")
    assert line["example_message"] == "'=too much"
    book = zipfile.ZipFile(io.BytesIO(exported(warehouse, "failed_captures", "xlsx")))
    assert "0:00:0" in book.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.parametrize("day", [1, 28])
def test_a_report_of_months_has_the_months_that_the_days_lie_in(
    warehouse: Warehouse, settings: dict[str, str], day: int
) -> None:
    rows(warehouse, "select ops.ensure_partitions('2027-12-01', '2028-02-29')")
    rows(
        warehouse,
        "insert into reporting.account_daily (store_code, account_id, open_id, snapshot_date, follower_count, source, "
        "late, quarantined) select store_code, id, open_id, day, 5, 'capture', false, false "
        "from hub.store_accounts, unnest(%s::date[]) as day where store_code = 'jakarta_01'",
        ["2027-12-31", "2028-01-31", "2028-02-01"],
    )
    wanted = {"first": dt.date(2028, 1, day), "last": dt.date(2028, 1, 31), "store": "jakarta_01"}
    text = exported(warehouse, "store_monthly", "csv", **wanted).decode()
    assert [row["month"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ["2028-01-01"]


def test_days_are_filtered_at_both_ends(warehouse: Warehouse, settings: dict[str, str]) -> None:
    none = exported(warehouse, "account_daily", "csv", last=dt.date(2020, 1, 1)).decode()
    assert len(none.splitlines()) == 1
