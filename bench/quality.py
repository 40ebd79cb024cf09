"""How well the checks tell bad days from good ones: precision and recall on days whose faults are known.

    python -m bench.quality [--accounts 20] [--videos 60] [--history 35] [--seeds 7 11]

The sandbox plays a month of history, then one fault a day with a clean day after each. What each rule should find is
written beside the fault. Found is counted by account and day; of rules about a whole day, by day.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.checks import DERIVED
from bench.database import fresh_database
from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.expectations import expectations_over
from tiktok_pipeline.quality.rules import Rule, rules
from tiktok_pipeline.quality.suites import SUITES
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline

DAY = dt.timedelta(days=1)
VIDEOS, PROFILES = "video/list", "user/info"
WHOLE_DAY = -1
Found = tuple[str, str, dt.date, int]  # table, check, day, account's number or WHOLE_DAY


@dataclass(frozen=True)
class Fault:
    """One day of it: the sandbox's settings, and the accounts (by number) that each check should name."""

    what: str
    settings: dict[str, Any]
    expected: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    next_day: dict[tuple[str, str], set[int]] = field(default_factory=dict)


def _check(table: str, name: str) -> tuple[str, str]:
    return f"{'capture' if table in ('user_info', 'video_list') else 'snapshots'}.{table}", name


ZEROED = _check("tiktok_video_daily", "zeroed_videos")
ZEROED_PROFILE = _check("tiktok_user_daily", "zeroed_profile")
BESIDE = _check("tiktok_video_daily", "zero_beside_large")
FALLS = _check("counter_fall", "never_falls")
MISSING = _check("tiktok_video_daily", "missing_counters")
REFUSED = _check("video_list", "refused_counters")
REFUSED_PROFILE = _check("user_info", "refused_counters")
LISTED = _check("account_day_verdict", "listed_as_counted")
GROWTH = _check("tiktok_user_daily", "unusual_growth")
WIDE = _check("tiktok_user_daily", "provider_wide")
FIELDS = _check("video_list", "fields")
PROFILE_FIELDS = _check("user_info", "fields")
CLOSED = _check("video_list", "latest_closed_day")
VALUES = _check("tiktok_video_daily", "expected_values")
DAYWIDE = {WHOLE_DAY}


def faults(everyone: set[int], largest: int) -> list[Fault]:
    """The labelled days, in order."""

    def counters(
        value: str, accounts: set[int] | None, endpoint: str = VIDEOS, **more: Any
    ) -> dict[str, Any]:
        rule = {"value": value, "endpoint": endpoint, **more}
        return {"counters": rule if accounts is None else {**rule, "accounts": sorted(accounts)}}

    def falling(names: list[str], accounts: set[int] | None, factor: float, endpoint: str) -> dict[str, Any]:
        rule = {"fields": names, "factor": factor, "endpoint": endpoint}
        return {"falling_counters": rule if accounts is None else {**rule, "accounts": sorted(accounts)}}

    return [
        Fault("nothing", {}),
        Fault(
            "all counters of 2 accounts' videos are 0",
            counters("zero", {1, 2}),
            {ZEROED: {1, 2}, FALLS: {1, 2}},
        ),
        Fault(
            "views of 2 accounts' videos are 0",
            counters("zero", {3, largest}, fields=["view_count"]),
            {ZEROED: {3, largest}, FALLS: {3, largest}, BESIDE: {3, largest}},
        ),
        Fault(
            "all counters of everybody's videos are 0",
            counters("zero", None),
            {ZEROED: everyone, FALLS: everyone},
        ),
        Fault(
            "counters of 2 profiles are 0",
            counters("zero", {4, 5}, PROFILES),
            {ZEROED_PROFILE: {4, 5}, LISTED: {4, 5}},
        ),
        Fault("views fall to 60 %", falling(["view_count"], {6, 7}, 0.6, VIDEOS), {FALLS: {6, 7}}),
        Fault("shares fall to 90 %", falling(["share_count"], {8}, 0.9, VIDEOS), {FALLS: {8}}),
        Fault(
            "comments and likes fall to 90 %", falling(["comment_count", "like_count"], {8, 9}, 0.9, VIDEOS)
        ),
        Fault(
            "a profile's likes fall by half",
            falling(["likes_count"], {9}, 0.5, PROFILES),
            {GROWTH: {9}},
            {GROWTH: {9}},
        ),
        Fault(
            "everybody's followers fall by 30 %",
            falling(["follower_count"], None, 0.7, PROFILES),
            {WIDE: DAYWIDE},
            {WIDE: DAYWIDE},
        ),
        Fault("counters are null", counters("null", {10}), {MISSING: {10}}),
        Fault(
            "half of the counters are missing",
            counters("missing", {0}, fraction=0.5),
            {MISSING: {0}},
        ),
        Fault("counters are texts", counters("string", {12}), {REFUSED: {12}, MISSING: {12}}),
        Fault(
            "counters are negative",
            counters("negative", {13}),
            {REFUSED: {13}, MISSING: {13}},
        ),
        Fault("counters of a profile are 2^63", counters("2^63", {14}, PROFILES), {REFUSED_PROFILE: {14}}),
        Fault(
            "create_time does not come",
            {"missing_fields": {"endpoint": VIDEOS}},
            {FIELDS: DAYWIDE, VALUES: DAYWIDE},
        ),
        Fault(
            "view_count is called play_count",
            {"renamed_fields": {"endpoint": VIDEOS}},
            {FIELDS: DAYWIDE, MISSING: everyone, VALUES: DAYWIDE},
            {FIELDS: DAYWIDE},
        ),
        Fault(
            "new fields in videos",
            {"extra_fields": {"endpoint": VIDEOS}},
            {FIELDS: DAYWIDE},
            {FIELDS: DAYWIDE},
        ),
        Fault(
            "new fields in profiles",
            {"extra_fields": {"endpoint": PROFILES, "fields": {"is_business": True}}},
            {PROFILE_FIELDS: DAYWIDE},
            {PROFILE_FIELDS: DAYWIDE},
        ),
        Fault("a list is cut off", {"cut_list": {"accounts": [15], "videos": 10}}, {LISTED: {15}}),
        Fault(
            "an account is not captured",
            {"error_code": {"accounts": [16], "endpoint": VIDEOS}},
            next_day={CLOSED: {16}},
        ),
        Fault("videos vanish honestly", {"hidden_videos": {"fraction": 0.1}}),
        Fault(
            "pages are short and overlap, captions are empty",
            {"short_pages": {"size": 10}, "overlap": {"videos": 2}, "texts": {"content": "empty"}},
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--history", type=int, default=35)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11])
    size = parser.parse_args()
    for seed in size.seeds:
        with (
            fresh_database() as url,
            SandboxProcess(accounts=size.accounts, videos=size.videos, seed=seed, limit=0) as sandbox,
            tempfile.TemporaryDirectory() as folder,
        ):
            warehouse = Warehouse(url)
            world = _World(Pipeline(warehouse, sandbox, Path(folder) / "keys.json"), size)
            world.play()
            warehouse.close()
        Console(width=140).print(world.table(seed))


class _World:
    """The days, what was expected of each check on them, and what it found."""

    def __init__(self, pipeline: Pipeline, size: argparse.Namespace) -> None:
        self.pipeline = pipeline
        self.size = size
        self.days = 0
        self.expected: set[Found] = set()
        self.found: set[Found] = set()
        self.checks = [(rule.table, rule.name) for rule in rules()] + [VALUES]

    def play(self) -> None:
        labelled = faults(*self._begin())
        first = self.pipeline.ledger().today()
        with expectations_over(self.pipeline.warehouse, "UTC") as expectations:
            suite = next(one for one in SUITES if (one.table, one.name) == VALUES)
            for number, day in enumerate(first + n * DAY for n in range(2 * len(labelled))):
                fault = labelled[number // 2]
                clean = number % 2 == 1
                self._capture(day, {} if clean else fault.settings)
                for check, accounts in (fault.next_day if clean else fault.expected).items():
                    of_day = day - DAY if check == CLOSED else day
                    self.expected |= {(*check, of_day, account) for account in accounts}
                for rule in rules():
                    self._look(rule, day)
                if not expectations.verdicts(suite, [day])[0].passed:
                    self.found.add((*VALUES, day, WHOLE_DAY))
                self.days += 1

    def _begin(self) -> tuple[set[int], int]:
        """Connect, import the history; the accounts that have three videos and more, and the one with most likes."""
        last = self.pipeline.ledger().today() - 90 * DAY
        self._go_to(last - self.size.history * DAY)
        ids = self.pipeline.connect(self.size.accounts)
        self.numbers = {account: number for number, account in enumerate(ids)}
        days = [last - n * DAY for n in range(self.size.history, 0, -1)]
        self._go_to(last)
        for account, number in self.numbers.items():
            past = []
            for day in days:
                told = self.pipeline.sandbox.history(number, day)
                seen_at = dt.datetime.combine(day, dt.time(2), dt.UTC)
                past.append(ImportedDay(account, day, told["user"], told["videos"], seen_at))
            import_history(self.pipeline.warehouse, past, zone="UTC", imported_from="sandbox")
        for table in DERIVED:
            derive(self.pipeline.warehouse, f"snapshots.{table}", days[0], days[-1])
        known = rows(
            self.pipeline.warehouse,
            """
            select account_id, sum(like_count) as likes
            from snapshots.tiktok_video_daily
            where snapshot_date = %s
            group by account_id
            having count(*) >= 3
            order by likes desc
            """,
            days[-1],
        )
        numbers = [self.numbers[row["account_id"]] for row in known]
        return set(numbers), numbers[0]

    def _go_to(self, day: dt.date) -> None:
        at = dt.datetime.combine(day, dt.time(2), dt.UTC)
        DatabaseClock(self.pipeline.warehouse).set(at)
        self.pipeline.sandbox.set_clock(now=at)

    def _capture(self, day: dt.date, settings: dict[str, Any]) -> None:
        self._go_to(day)
        self.pipeline.sandbox.clear_faults()
        if settings:
            self.pipeline.sandbox.set_faults(**settings)
        self.pipeline.capture("user_info")
        self.pipeline.capture("video_list")
        for table in DERIVED:
            derive(self.pipeline.warehouse, f"snapshots.{table}", day, day)

    def _look(self, rule: Rule, day: dt.date) -> None:
        of_day = day - DAY if rule.standing else day
        [verdict] = evaluate(self.pipeline.warehouse, rule, [of_day], "UTC", examples=1_000_000)
        for example in verdict.examples:
            account = self.numbers[example["account_id"]] if "account_id" in example else WHOLE_DAY
            self.found.add((rule.table, rule.name, of_day, account))

    def table(self, seed: int) -> Table:
        told = Table(title=f"{self.days} days of {self.size.accounts} accounts, seed {seed}")
        for heading in ("check", "table", "to find", "found", "precision", "recall"):
            told.add_column(heading, justify="left" if heading in ("check", "table") else "right")
        for check in self.checks:
            expected = {one for one in self.expected if one[:2] == check}
            found = {one for one in self.found if one[:2] == check}
            right = len(expected & found)
            told.add_row(
                check[1],
                check[0],
                str(len(expected)),
                str(len(found)),
                f"{right / len(found):.2f}" if found else "–",
                f"{right / len(expected):.2f}" if expected else "–",
            )
        wrong: dict[str, list[str]] = defaultdict(list)
        for table, name, day, account in sorted(self.expected ^ self.found):
            kind = "missed" if (table, name, day, account) in self.expected else "wrongly found"
            wrong[f"{kind} by {name} of {table}"].append(f"{account} on {day}")
        told.caption = "\n".join(f"{what}: {', '.join(which[:12])}" for what, which in wrong.items())
        return told


if __name__ == "__main__":
    main()
