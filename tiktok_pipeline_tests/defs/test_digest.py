"""The digest in the daily job: last of all, with its chart in the UI, and sent once for the latest day that is over."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest
from pydantic import SecretStr

from tiktok_pipeline.alerts.outbox import list_messages
from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline_tests.building import video
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

DAY = dt.timedelta(days=1)


@pytest.fixture
def today(pipeline: Pipeline) -> dt.date:
    """Today, with four imported days before it: 100, 110, 120 … followers."""
    today = pipeline.ledger().today()
    import_history(
        pipeline.warehouse,
        [
            ImportedDay(
                account,
                today - n * DAY,
                {"follower_count": 140 - 10 * n, "likes_count": 900 - n},
                [video(f"{account}", 500 - n)],
                None,
            )
            for account in pipeline.vault_accounts()
            for n in range(4, 0, -1)
        ],
        zone="UTC",
        imported_from="the hub",
    )
    return today


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "digest_urls", SecretStr("json://127.0.0.1:9"))


def keys(pipeline: Pipeline) -> list[str]:
    kept = [listed.message for listed in list_messages(pipeline.warehouse)]
    return [message.key for message in kept if message.kind == "digest"]


def test_it_runs_after_every_check_and_shows_its_charts(
    runner: Runner, pipeline: Pipeline, today: dt.date
) -> None:
    result = runner.run(today - 4 * DAY, today)
    assert result.success
    ended = [
        event.step_key for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_START
    ]
    assert ended[-1] == "reporting__digest"
    told = runner.metadata("reporting", "digest", date=today - DAY)
    assert (told["followers_gained"], told["views"], told["is_complete"]) == (30, 3, True)
    assert "**Complete\\: all 3 accounts were observed\\.**" in told["digest"]
    assert told["digest"].count("](data:image/png;base64,") == 2
    assert told["portal"].endswith(f"/digest/{today - DAY}")
    first = runner.metadata("reporting", "digest", date=today - 4 * DAY)
    assert "followers_gained" not in first
    assert "nothing before it to compare with" in first["digest"]
    assert "This day is not over" in runner.metadata("reporting", "digest", date=today)["digest"]
    assert keys(pipeline) == []  # without DIGEST_URLS nothing is written


@pytest.mark.usefixtures("sending")
def test_a_backfill_of_old_days_sends_nothing_and_the_daily_run_sends_yesterday_once(
    runner: Runner, pipeline: Pipeline, today: dt.date
) -> None:
    assert runner.run(today - 4 * DAY, today - 2 * DAY).success
    assert keys(pipeline) == []
    assert runner.materialized("reporting", "digest") >= {str(today - 4 * DAY), str(today - DAY)}
    runner.run(today - DAY)
    assert keys(pipeline) == [f"digest:{today - DAY}:company"]
    runner.run(today)
    runner.run(today - 4 * DAY, today)
    assert keys(pipeline) == [f"digest:{today - DAY}:company"]
    assert runner.metadata("reporting", "digest", date=today - DAY)["is_complete"]
