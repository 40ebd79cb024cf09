"""Evaluating a rule over a range of days, in PostgreSQL: its findings, its verdict on each day, and quarantine."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import psycopg
from psycopg import sql as composed

from tiktok_pipeline.quality.quarantine import let_reports_follow
from tiktok_pipeline.quality.rules import Rule
from tiktok_pipeline.quality.verdicts import Verdict, keep_verdicts
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, reason, run
from tiktok_pipeline.warehouse.derive import SESSION

THE_CHECK = "the check passed"  # who released an account-day from quarantine that no person did

log = logging.getLogger(__name__)


def evaluate(
    warehouse: Warehouse,
    rule: Rule,
    dates: list[dt.date],
    zone: str,
    run_id: str | None = None,
    *,
    examples: int = 5,
) -> list[Verdict]:
    """The verdict of `rule` on each of `dates` (one stretch, oldest first), kept and, if the rule says so, quarantined.

    Of what it found, `examples` accounts a day are named, the worst first.

    A day of which there is nothing to look at passes. A rule that cannot be evaluated fails on all of them.
    """
    try:
        verdicts = _evaluate(warehouse, rule, dates, zone, examples)
    except psycopg.Error as error:
        if isinstance(error, AWAY):
            raise
        log.exception("check %s of %s", rule.name, rule.table)
        verdicts = [Verdict(day, f"could not be evaluated: {reason(error)}") for day in dates]
    keep_verdicts(warehouse, rule.table, rule.name, rule.severity, rule.what_to_do, verdicts, run_id)
    return verdicts


def latest_closed_day(warehouse: Warehouse, zone: str, grace: dt.timedelta) -> dt.date:
    """The last day of which nothing can come any more."""
    [found] = warehouse.execute("quality/latest_closed_day", {"zone": zone, "grace": grace})
    day: dt.date = found["day"]
    return day


def _evaluate(
    warehouse: Warehouse, rule: Rule, dates: list[dt.date], zone: str, examples: int
) -> list[Verdict]:
    given: dict[str, Any] = {
        "first": dates[0],
        "last": dates[-1],
        "zone": zone,
        "endpoint": rule.quarantines or rule.endpoint,
        "check": rule.name,
        "by": THE_CHECK,
        "examples": examples,
    }
    with warehouse.transaction() as cursor:
        cursor.execute(SESSION.encode())
        if rule.before:
            run(cursor, rule.before, given)
        run(cursor, "quality/finding")
        with psycopg.ClientCursor(cursor.connection) as script:
            script.execute(_insert(rule), given)
        if rule.quarantines:
            run(cursor, "quality/put_into_quarantine", given)
            run(cursor, "quality/release_what_passes", given)
        left_out = {
            row["day"]: row["account_days"] for row in run(cursor, "quality/quarantined_by_day", given)
        }
        found = {row["day"]: row for row in run(cursor, "quality/verdicts", given)}
    if rule.quarantines:  # of every day that it ever held, as an evaluation before may have died here
        let_reports_follow(
            warehouse, (row["day"] for row in warehouse.execute("quality/quarantine_days", given))
        )
    return [_verdict(rule, day, found.get(day), left_out.get(day, 0)) for day in dates]


def _insert(rule: Rule) -> composed.Composed:
    return composed.SQL("insert into pg_temp.finding (day, account_id, checked, failing, example) {}").format(
        composed.SQL(rule.statement)  # a file of this project, no text of a user
    )


def _verdict(rule: Rule, day: dt.date, row: dict[str, Any] | None, quarantined: int) -> Verdict:
    if row is None:
        return Verdict(day, "", 0, 0)
    message = ""
    if row["failing"]:
        message = f"{row['failing']:,} of {row['checked']:,} {rule.counts}"
        if row["accounts"] > 1:
            message += f" in {row['accounts']:,} accounts"
        message += f"; {in_words(row['examples'][0])}"
    return Verdict(
        day,
        message,
        row["checked"],
        row["failing"],
        row["examples"],
        quarantined if rule.quarantines else 0,
    )


def in_words(example: dict[str, Any]) -> str:
    """An example of what a rule found, for people."""
    said = str(example.get("example", ""))
    if "account_id" not in example:
        return said
    return f"account {example['account_id']} (store {example.get('store_code', 'deleted')}): {said}"
