"""Snapshot rows that somebody edited are found by deriving them again."""

from __future__ import annotations

import pytest

from tiktok_pipeline.history.rebuild import rebuild
from tiktok_pipeline.history.verify import verify
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine, cli
from tiktok_pipeline_tests.integration.history.conftest import DAYS, JANUARY, Past

__all__ = ["cli"]
VIDEOS = "snapshots.tiktok_video_daily"


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        (f"update {VIDEOS} set view_count = 999 where video_id = '310'", VIDEOS),
        (f"delete from {VIDEOS} where video_id = '310'", VIDEOS),
        (
            "update snapshots.tiktok_user_daily set follower_count = 9 where snapshot_date = '2026-01-31'",
            "snapshots.tiktok_user_daily",
        ),
        (
            "update snapshots.account_day_verdict set reason = 'fine' where snapshot_date = '2026-01-31'",
            "snapshots.account_day_verdict",
        ),
        (
            "delete from snapshots.video_change where video_id = '310' and snapshot_date = '2026-01-31'",
            "snapshots.video_change",
        ),
        (
            "update reporting.account_videos_daily set videos_listed = 9 where snapshot_date = '2026-01-31'",
            "reporting.account_videos_daily",
        ),
        (
            "update reporting.video_latest set view_count = 9 where video_id = '310'",
            "reporting.video_latest",
        ),
    ],
)
def test_an_edited_row_is_named_by_table_and_day_and_stays_as_it_is(
    past: Past, statement: str, table: str
) -> None:
    list(rebuild(past.warehouse, DAYS[0], DAYS[-1]))
    past.manifest()
    assert verify(past.warehouse, derived=True).sound
    rows(past.warehouse, statement)
    there = rows(past.warehouse, f"select t::text, xmin::text from {table} as t order by 1")
    assert verify(past.warehouse).sound
    verdict = verify(past.warehouse, derived=True)
    assert not verdict.sound
    assert verdict.wrong_rows == {JANUARY[-1]: [table]}
    assert verdict.edited == {}
    assert rows(past.warehouse, f"select t::text, xmin::text from {table} as t order by 1") == there
    assert verify(past.warehouse, None, JANUARY[1], derived=True).sound


def test_the_command_names_the_day_and_what_to_do(past: Past, cli: CommandLine, database_url: str) -> None:
    list(rebuild(past.warehouse, DAYS[0], DAYS[-1]))
    past.manifest()
    rows(past.warehouse, f"update {VIDEOS} set view_count = 999 where video_id = '310'")
    answer = cli("verify", "--derived", DATABASE_URL=database_url)
    assert answer.returncode == 1
    assert f"2026-01-31: rows are not what pages and imports give: {VIDEOS}" in answer.stdout
    assert "tiktok-pipeline rebuild --from 2026-01-31 --to 2026-01-31" in answer.stdout
    assert cli("verify", DATABASE_URL=database_url).returncode == 0
