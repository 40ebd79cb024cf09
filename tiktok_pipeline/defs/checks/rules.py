"""The rules of `sql/checks` and the suites of `quality/suites.py` as checks: one step for each table."""

from collections.abc import Iterator
from itertools import groupby

import dagster as dg

from tiktok_pipeline.defs.checks.per_date import level_of, numbers_of, report_per_date
from tiktok_pipeline.defs.partitions import dates_of, days, settings
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.quality.evaluate import evaluate, latest_closed_day
from tiktok_pipeline.quality.expectations import evaluate_suites
from tiktok_pipeline.quality.rules import Rule, rules
from tiktok_pipeline.quality.suites import SUITES, Suite


def _checks_of(table: str, found: list[Rule], suites: list[Suite]) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(table.split("."))
    every: list[Rule | Suite] = [*found, *suites]

    @dg.multi_asset_check(
        name=f"{table.replace('.', '__')}_by_date",
        specs=[
            dg.AssetCheckSpec(
                one.name,
                asset=key,
                description=_described(one),
                partitions_def=days,
                additional_deps=[
                    dg.AssetKey(read.split(".")) for read in (one.reads if isinstance(one, Rule) else ())
                ],
            )
            for one in every
        ],
    )
    def by_date(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        dates = dates_of(context)
        run_id = context.op_execution_context.run_id
        zone = settings.reporting_timezone
        for rule in found:
            with retry_when_transient(), warehouse.opened() as opened:
                verdicts = evaluate(opened, rule, dates, zone, run_id)
            yield report_per_date(context, key, rule.name, verdicts, rule.severity)
        if suites:
            with retry_when_transient(), warehouse.opened() as opened:
                met = evaluate_suites(opened, suites, dates, zone, run_id)
            for suite in suites:
                yield report_per_date(context, key, suite.name, met[suite.name], suite.severity)

    return by_date


def _standing_checks_of(table: str, found: list[Rule]) -> dg.AssetChecksDefinition:
    """Checks of the latest closed day: a run for older days evaluates them all the same, on that day."""
    key = dg.AssetKey(table.split("."))

    @dg.multi_asset_check(
        name=f"{table.replace('.', '__')}_standing",
        specs=[dg.AssetCheckSpec(rule.name, asset=key, description=_described(rule)) for rule in found],
    )
    def standing(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        zone = settings.reporting_timezone
        run_id = context.op_execution_context.run_id
        for rule in found:
            with retry_when_transient(), warehouse.opened() as opened:
                day = latest_closed_day(opened, zone, settings.capture_grace)
                [verdict] = evaluate(opened, rule, [day], zone, run_id)
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=rule.name,
                passed=verdict.passed,
                severity=level_of(rule.severity),
                metadata={"day": str(day), "verdict": verdict.message or "complete", **numbers_of(verdict)},
            )

    return standing


def _described(check: Rule | Suite) -> str:
    return f"{check.description} When it fails: {check.what_to_do}."


@dg.definitions
def checks_of_the_data() -> dg.Definitions:
    """A new file in `sql/checks` becomes a check by itself."""
    made = []
    for table, group in groupby(sorted(rules(), key=lambda rule: rule.table), key=lambda rule: rule.table):
        found = list(group)
        suites = [suite for suite in SUITES if suite.table == table]
        if of_dates := [rule for rule in found if not rule.standing]:
            made.append(_checks_of(table, of_dates, suites))
        if standing := [rule for rule in found if rule.standing]:
            made.append(_standing_checks_of(table, standing))
    return dg.Definitions(asset_checks=made)
