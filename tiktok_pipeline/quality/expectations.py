"""Evaluating suites with Great Expectations, inside PostgreSQL: no row is loaded but a few that fail.

Great Expectations takes seconds to import, so that is done here, when a check runs, and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine

from tiktok_pipeline.quality.suites import Expectation, Suite
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import Warehouse

log = logging.getLogger(__name__)

EXAMPLES = 5
BARE = "select * from"  # how the query begins that Great Expectations puts into its own
SOURCE = "warehouse"
# Of every failing row at most these are shown: numbers, ids and days, no texts.
SHOWN = ("snapshot_date", "store_code", "account_id", "observed_at")


class Expectations:
    """Great Expectations over one database; made for one run, and only where it is needed."""

    def __init__(self, warehouse: Warehouse, zone: str) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        import great_expectations as gx
        from great_expectations import expectations
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        self._kinds = expectations
        self._zone = zone
        self._warehouse = warehouse
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source = self._context.data_sources.add_postgres(
            SOURCE,
            connection_string=_address(warehouse.url),
            create_temp_table=False,
        )
        for engine in self._engines():
            event.listen(engine, "before_cursor_execute", _without_rows, retval=True)

    def close(self) -> None:
        """Close its connections."""
        for engine in self._engines():
            engine.dispose()

    def _engines(self) -> set[Engine]:
        return {self._source.get_engine(), self._source.get_execution_engine().engine}

    def verdicts(self, suite: Suite, dates: list[dt.date]) -> list[Verdict]:
        """The verdict of `suite` on each of `dates` (one stretch, oldest first).

        A range that passes is one evaluation; one that fails is halved, until the days are found.
        """
        return list(self._search(suite, suite.expectations, dates))

    def _search(
        self, suite: Suite, expectations: tuple[Expectation, ...], dates: list[dt.date]
    ) -> Iterator[Verdict]:
        failing = self._failing(suite, expectations, dates, brief=True)
        if not failing:
            yield from (Verdict(date) for date in dates)
        elif len(dates) == 1:
            [date] = dates
            yield _verdict(date, self._failing(suite, tuple(failing), dates, brief=False))
        else:
            middle = len(dates) // 2
            for half in (dates[:middle], dates[middle:]):
                yield from self._search(suite, tuple(failing), half)

    def _failing(
        self, suite: Suite, expectations: tuple[Expectation, ...], dates: list[dt.date], *, brief: bool
    ) -> dict[Expectation, dict[str, Any]]:
        """The expectations that the rows of `dates` do not meet, with what Great Expectations says of them."""
        asset = self._asset(suite, dates)
        try:
            batch = asset.add_batch_definition_whole_table("rows").get_batch()
            wanted = {number: self._of(expectation) for number, expectation in enumerate(expectations)}
            result = batch.validate(
                self._gx.ExpectationSuite(
                    name=suite.name,
                    expectations=[_numbered(wanted[number], number) for number in wanted],
                ),
                result_format="BOOLEAN_ONLY"
                if brief
                else {"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
            )
        finally:
            self._source.delete_asset(asset.name)
        found = {
            expectations[one.expectation_config.meta["number"]]: one.to_json_dict()
            for one in result.results
            if not one.success
        }
        if not brief:
            for expectation, told in found.items():
                told["rows"] = self._rows(suite, expectation, dates)
        return found

    def _rows(self, suite: Suite, expectation: Expectation, dates: list[dt.date]) -> list[dict[str, Any]]:
        """A few rows that an expectation about rows does not want; Great Expectations only counts them."""
        query = expectation.arguments.get("unexpected_rows_query")
        if query is None:
            return []
        text = query.replace("{batch}", f"({_rows_of(suite, dates)}) as looked_at").replace(
            "{zone}", self._zone
        )
        with self._warehouse.transaction() as cursor:
            # ast-grep-ignore: no-fstring-sql - the text of a suite of ours, completed by names and a number of ours
            cursor.execute(f"{text} limit {EXAMPLES}".encode())
            return cursor.fetchall()

    def _asset(self, suite: Suite, dates: list[dt.date]) -> Any:
        """The rows of `dates`; of a suite about the table itself, the table."""
        name = f"{suite.table} {suite.name}"
        if suite.of_the_table:
            return self._source.add_table_asset(name, table_name=suite.table.split(".")[1])
        return self._source.add_query_asset(name, query=_rows_of(suite, dates))

    def _of(self, expectation: Expectation) -> Any:
        given = dict(expectation.arguments)
        if "unexpected_rows_query" in given:
            given["unexpected_rows_query"] = given["unexpected_rows_query"].replace("{zone}", self._zone)
        return getattr(self._kinds, expectation.kind)(**given)


def evaluate_suites(
    warehouse: Warehouse, suites: Sequence[Suite], dates: list[dt.date], zone: str, run_id: str | None = None
) -> dict[str, list[Verdict]]:
    """The verdict of each suite (by name) on each of `dates` (one stretch, oldest first), kept.

    A suite that cannot be evaluated fails on all of them.
    """
    found = {}
    with expectations_over(warehouse, zone) as expectations:
        for suite in suites:
            try:
                verdicts = expectations.verdicts(suite, dates)
            except Exception as error:  # whatever it is, the other suites and the run go on
                log.warning("suite %s of %s: %s", suite.name, suite.table, type(error).__name__)
                verdicts = [Verdict(day, f"could not be evaluated: {type(error).__name__}") for day in dates]
            keep_verdicts(
                warehouse, suite.table, suite.name, suite.severity, suite.what_to_do, verdicts, run_id
            )
            found[suite.name] = verdicts
    return found


@contextmanager
def expectations_over(warehouse: Warehouse, zone: str) -> Iterator[Expectations]:
    """Great Expectations, with its connections closed when the block ends."""
    made = Expectations(warehouse, zone)
    try:
        yield made
    finally:
        made.close()


def _rows_of(suite: Suite, dates: list[dt.date]) -> str:
    return f"{BARE} {suite.table} where snapshot_date between '{dates[0]}' and '{dates[-1]}'"


def _without_rows(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Great Expectations runs a bare query for the names of its columns, and would load a million rows for them."""
    return (f"{statement} limit 0" if statement.startswith(BARE) else statement), parameters


def _numbered(expectation: Any, number: int) -> Any:
    expectation.meta = {"number": number}
    return expectation


def _verdict(date: dt.date, failing: dict[Expectation, dict[str, Any]]) -> Verdict:
    examples = [
        {"expectation": str(expectation), **_particulars(result)} for expectation, result in failing.items()
    ]
    said = [f"{e['expectation']}{' (' + e['said'] + ')' if 'said' in e else ''}" for e in examples]
    checked = max((int(e["checked"]) for e in examples if "checked" in e), default=None)
    return Verdict(
        date,
        f"{len(said)} expectations are not met: {'; '.join(said[:EXAMPLES])}",
        checked,
        sum(int(e.get("failing", 1)) for e in examples),
        examples[:EXAMPLES],
    )


def _particulars(result: dict[str, Any]) -> dict[str, Any]:
    """Counts and a few examples of one expectation, from what Great Expectations says."""
    told: dict[str, Any] = {}
    details = result.get("result") or {}
    if "element_count" in details:
        told["checked"] = details["element_count"]
    if "unexpected_count" in details:
        told["failing"] = details["unexpected_count"]
    elif isinstance(details.get("observed_value"), int):
        told["failing"] = details["observed_value"]
    elif isinstance(details.get("observed_value"), str):
        told["said"] = str(details["observed_value"])
    rows = result.get("rows", [])
    values = details.get("partial_unexpected_list") or [
        {name: str(row[name]) for name in SHOWN if name in row} for row in rows
    ]
    if values:
        told["values"] = [
            value if isinstance(value, dict) else str(value)[:100] for value in values[:EXAMPLES]
        ]
    if "exception_info" in result and "failing" not in told and not details:
        told["said"] = "could not be evaluated"
    return told


def _address(url: URL) -> str:
    """The same address; Great Expectations wants a host in it, also where the query names a socket's folder."""
    with_host = url if url.host else url.set(host="localhost")
    with_schema = with_host.update_query_dict({"options": "-csearch_path=snapshots"}, append=True)
    return with_schema.render_as_string(hide_password=False)
