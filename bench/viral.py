"""How well viral videos are told from others: precision and recall in a world that knows which of them are.

    python -m bench.viral [--accounts 20] [--videos 200] [--history 100] [--days 30] [--viral 0.05] [--seeds 7 11]

The sandbox gives a share of the videos twenty-five times the views of the others; those posted in the last days are to
be found. Besides, every third day a video of any age takes off: planted. A video is found when it has a row in
`reporting.viral_videos`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.database import fresh_database
from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.sandbox.generated_world import GeneratedWorld, GrowingVideo
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import VIDEOS, Pipeline

DAY = dt.timedelta(days=1)
DERIVED = (VIDEOS, "reporting.video_daily", "reporting.viral_videos")
FACTORS = (10, 30, 150)  # of planted videos, by turns
EVERY = 3  # days from one planted video to the next


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--history", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--viral", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11])
    size = parser.parse_args()
    table = Table(title=f"viral videos in {size.days} days of {size.accounts} accounts")
    for heading in (
        "seed",
        "posted",
        "viral",
        "found",
        "planted",
        "found",
        "found wrongly",
        "precision",
        "recall",
    ):
        table.add_column(heading, justify="right")
    missed: list[str] = []
    for seed in size.seeds:
        table.add_row(str(seed), *_play(seed, size, missed))
    Console(width=140).print(table)
    Console(width=140).print("\n".join(missed))


def _play(seed: int, size: argparse.Namespace, missed: list[str]) -> Sequence[str]:
    with (
        fresh_database() as url,
        SandboxProcess(
            accounts=size.accounts, videos=size.videos, seed=seed, viral=size.viral, limit=0
        ) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        warehouse = Warehouse(url)
        pipeline = Pipeline(warehouse, sandbox, Path(folder) / "keys.json")
        world = _World(pipeline, size)
        planted = world.play(random.Random(seed))
        posted, viral = _truth(seed, size, world.first, world.last)
        found = {
            row["video_id"]: row
            for row in rows(
                warehouse,
                "select distinct on (video_id) * from reporting.viral_videos where snapshot_date >= %s"
                " order by video_id, snapshot_date",
                world.first,
            )
        }
        reasons = _reasons(warehouse, sorted((viral | planted) - set(found)))
        warehouse.close()
    wrong = set(found) - viral - planted
    right = len(found) - len(wrong)
    missed += [f"seed {seed}, missed: {reason}" for reason in reasons]
    missed += [
        f"seed {seed}, wrongly: store {row['store_code']}, {row['age_days']} days, {row['gained']:,} instead of"
        f" {row['expected']:,} views a day, of {row['compared_videos']} videos"
        for video, row in found.items()
        if video in wrong
    ]
    return [
        f"{posted:,}",
        str(len(viral)),
        str(len(viral & set(found))),
        str(len(planted)),
        str(len(planted & set(found))),
        str(len(wrong)),
        f"{right / len(found):.2f}" if found else "–",
        f"{right / len(viral | planted):.2f}",
    ]


def _reasons(warehouse: Warehouse, videos: list[str]) -> list[str]:
    """What each of the videos gained at best, and how much there was to compare it with."""
    found = rows(
        warehouse,
        """
        select distinct on (v.video_id)
            v.store_code,
            v.age_days,
            reporting.views_a_day(v)::bigint as gained,
            c.videos,
            c.usual::bigint as usual
        from reporting.video_daily as v
        cross join lateral (
            select
                count(distinct o.video_id) as videos,
                percentile_cont(0.5) within group (order by reporting.views_a_day(o)) as usual
            from reporting.video_daily as o
            where
                o.account_id = v.account_id
                and o.snapshot_date < v.snapshot_date
                and reporting.age_band(o.age_days) = reporting.age_band(v.age_days)
                and reporting.views_a_day(o) is not null
        ) as c
        where v.video_id = any(%s) and reporting.views_a_day(v) is not null
        order by v.video_id, gained desc
        """,
        videos,
    )
    return [
        f"store {row['store_code']}, {row['age_days']} days, {row['gained']:,} views a day, usually {row['usual']}"
        f" of {row['videos']} videos"
        for row in found
    ]


def _truth(seed: int, size: argparse.Namespace, first: dt.date, last: dt.date) -> tuple[int, set[str]]:
    """How many videos were posted on the days that are looked at, and the viral ones among them."""
    plain = GeneratedWorld(accounts=size.accounts, videos=size.videos, seed=seed, viral=0)
    real = GeneratedWorld(accounts=size.accounts, videos=size.videos, seed=seed, viral=size.viral)
    until = dt.datetime.combine(last, dt.time(2), dt.UTC).timestamp()
    since = dt.datetime.combine(first - DAY, dt.time(2), dt.UTC).timestamp()
    posted, viral = 0, set()
    for index in range(size.accounts):
        for without, video in zip(plain.videos(index, until), real.videos(index, until), strict=True):
            if video.create_time < since:
                continue
            assert isinstance(video, GrowingVideo)
            assert isinstance(without, GrowingVideo)
            posted += 1
            if video.half_year_views > without.half_year_views:
                viral.add(video.id)
    return posted, viral


class _World:
    """The days: a history, then days that are captured over HTTP, from `first` to `last`."""

    def __init__(self, pipeline: Pipeline, size: argparse.Namespace) -> None:
        self.pipeline = pipeline
        self.size = size
        self.first = pipeline.ledger().today() - (size.days + 1) * DAY
        self.last = self.first + (size.days - 1) * DAY

    def play(self, chance: random.Random) -> set[str]:
        """Live through all of it; the videos that were planted."""
        self._begin()
        rules: list[dict[str, Any]] = []
        for number in range(self.size.days):
            day = self.first + number * DAY
            if number % EVERY == EVERY - 1:
                ids = [v["id"] for v in self._listed(chance, day)]
                rules.append({"ids": [chance.choice(ids)], "factor": FACTORS[len(rules) % len(FACTORS)]})
                self.pipeline.sandbox.set_faults(rising_counters=rules)
            self._go_to(day)
            self.pipeline.capture("video_list")
            self._derive(day, day)
        return {rule["ids"][0] for rule in rules}

    def _listed(self, chance: random.Random, day: dt.date) -> list[dict[str, Any]]:
        """The videos of one account that has ten and more."""
        while True:
            index = chance.randrange(self.size.accounts)
            videos: list[dict[str, Any]] = self.pipeline.sandbox.history(index, day - DAY)["videos"]
            if len(videos) >= 10:
                return videos

    def _begin(self) -> None:
        days = [self.first - n * DAY for n in range(self.size.history, 0, -1)]
        self._go_to(days[0])
        accounts = self.pipeline.connect(self.size.accounts)
        self._go_to(self.first)
        for number, account in enumerate(accounts):
            past = []
            for day in days:
                told = self.pipeline.sandbox.history(number, day)
                seen_at = dt.datetime.combine(day, dt.time(2), dt.UTC)
                past.append(ImportedDay(account, day, told["user"], told["videos"], seen_at))
            import_history(self.pipeline.warehouse, past, zone="UTC", imported_from="sandbox")
        self._derive(days[0], days[-1])
        rows(self.pipeline.warehouse, "analyze")

    def _derive(self, first: dt.date, last: dt.date) -> None:
        for table in DERIVED:
            derive(self.pipeline.warehouse, table, first, last)

    def _go_to(self, day: dt.date) -> None:
        at = dt.datetime.combine(day, dt.time(2), dt.UTC)
        DatabaseClock(self.pipeline.warehouse).set(at)
        self.pipeline.sandbox.set_clock(now=at)


if __name__ == "__main__":
    main()
