"""The daily job as Dagster runs it: one date, a range, a repair."""

from __future__ import annotations

import datetime as dt

import pytest

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline_tests.building import rows, video
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

ASSETS = [
    ("capture", "user_info"),
    ("capture", "video_list"),
    ("snapshots", "tiktok_user_daily"),
    ("snapshots", "tiktok_video_daily"),
]
DAY = dt.timedelta(days=1)


def today(pipeline: Pipeline) -> dt.date:
    return pipeline.ledger().today()


def test_one_date_is_captured_derived_and_found_complete(runner: Runner, pipeline: Pipeline) -> None:
    date = today(pipeline)
    assert runner.run(date).success
    assert all(runner.materialized(*key) == {str(date)} for key in ASSETS)
    assert runner.metadata("snapshots", "tiktok_video_daily", date=date)["dagster/partition_row_count"] == 75
    captured = runner.metadata("capture", "video_list", date=date)
    assert (captured["captured"], captured["items"], captured["failed"]) == (3, 75, 0)
    assert [record["outcome"] for record in map(dict, _table(captured["accounts"]))] == ["captured"] * 3
    assert runner.verdicts("capture", "video_list") == {str(date): True}
    for endpoint in ("user_info", "video_list"):
        assert runner.verdicts("capture", endpoint, name="accounted_for") == {str(date): True}
        said = runner.metadata("capture", endpoint, date=date)["forecast"]
        assert said.endswith("min; window 60 min: fits")
    assert captured["forecast"].startswith("6 pages need 0.0 min")  # all are new: a page each
    assert "circuit" not in captured


def test_a_day_that_does_not_fit_the_window_fails_a_check_and_not_the_run(
    runner: Runner, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = runner.run(today(pipeline))
    [fits] = [one for one in result.get_asset_check_evaluations() if one.check_name == "fits_the_window"]
    assert fits.passed
    assert fits.description is None
    assert fits.metadata["pages"].value == 3 + 3 * 2
    monkeypatch.setattr(settings, "tiktok_requests_per_minute", 1)
    monkeypatch.setattr(settings, "capture_window_minutes", 9)
    result = runner.run(today(pipeline))
    assert result.success
    [fits] = [one for one in result.get_asset_check_evaluations() if one.check_name == "fits_the_window"]
    assert not fits.passed
    assert fits.description is not None
    assert fits.description.startswith(f"from {today(pipeline)} on, a day's capture does not fit")
    assert fits.metadata["forecast"].value == "9 pages need 9.2 min; window 9 min: does not fit"


def test_every_check_says_what_helps(runner: Runner, pipeline: Pipeline) -> None:
    """In one line, which alerts, `broken` and the digest pass on."""
    result = runner.run(today(pipeline))
    kept = rows(
        pipeline.warehouse,
        "select distinct table_name, check_name, what_to_do from reporting.quality_results",
    )
    said = {(row["table_name"], row["check_name"]): row["what_to_do"] for row in kept}
    evaluated = result.get_asset_check_evaluations()
    assert set(said) == {(".".join(one.asset_key.path), one.check_name) for one in evaluated}
    assert len(said) >= 30
    for line in said.values():
        assert 20 < len(line) < 250
        assert line == line.strip()
        assert "\n" not in line
        assert not line.endswith(".")


def test_an_outage_leaves_the_run_green_and_its_metadata_says_what_is_down(
    runner: Runner, pipeline: Pipeline
) -> None:
    date = today(pipeline)
    rows(
        pipeline.warehouse,
        """
        insert into ops.circuit (client_key, endpoint, failures, last_error, opened_at, rest, probe_at)
        values (%s, '/v2/video/list/', 40, 'internal_error', ops.now() - interval '20 min', '5 min', ops.now() + interval '4 min')
        """,
        pipeline.sandbox.client_key,
    )
    assert runner.run(date).success
    captured = runner.metadata("capture", "video_list", date=date)
    assert (captured["captured"], captured["failed"], captured["requests"]) == (0, 0, 0)
    assert "/v2/video/list/" in captured["circuit"]
    assert "20 min" in captured["circuit"]
    assert runner.metadata("capture", "user_info", date=date)["captured"] == 3
    assert runner.verdicts("capture", "video_list") == {str(date): False}


def test_an_account_without_a_state_is_missed_by_the_check_on_the_date_it_is_missing(
    runner: Runner, pipeline: Pipeline
) -> None:
    date = today(pipeline)
    rows(
        pipeline.warehouse,
        "update hub.store_accounts"
        " set connected_at = ops.now() - interval '5 days', known_since = ops.now() - interval '5 days'",
    )
    runner.run(date)
    # As if somebody had lost rows after the days were closed; the run itself would close them again.
    rows(
        pipeline.warehouse,
        """
        create function lose() returns trigger language plpgsql as 'begin return null; end';
        create trigger lose before insert on capture.account_day for each row when (new.account_id = 1)
        execute function lose();
        delete from capture.account_day where account_id = 1 and endpoint = 'video_list' and day = current_date - 2
        """.replace("current_date", f"date '{date}'"),
    )
    result = runner.run(date - 3 * DAY, date)
    assert result.success
    in_all = {
        one.asset_key.path[-1]: one.metadata
        for one in result.get_asset_check_evaluations()
        if one.check_name == "accounted_for" and "states" in one.metadata
    }
    lost, whole = in_all["video_list"], in_all["user_info"]
    assert (lost["states"].value, lost["expected"].value) == (14, 15)
    assert str(lost["all_days"].value).endswith(f"{date - 2 * DAY}: 1 of 3 accounts have no state")
    assert (whole["states"].value, whole["all_days"].value) == (15, "the states add up")
    assert runner.verdicts("capture", "video_list", name="accounted_for") == {
        str(date - 3 * DAY): True,
        str(date - 2 * DAY): False,
        str(date - DAY): True,
        str(date): False,  # the sum over all of history is kept with the last date
    }
    assert all(runner.verdicts("capture", "user_info", name="accounted_for").values())
    [kept] = rows(
        pipeline.warehouse,
        "select message from reporting.quality_results where check_name = 'accounted_for' "
        "and table_name = 'capture.video_list' and day = %s",
        date,
    )
    assert kept["message"].startswith("in all, until ")


def test_a_range_is_one_run_green_with_gaps_and_each_date_has_its_verdict(
    runner: Runner, pipeline: Pipeline
) -> None:
    date = today(pipeline)
    imported = date - 3 * DAY
    import_history(
        pipeline.warehouse,
        [
            ImportedDay(account, imported, {"follower_count": 1}, [video("1"), video("2")], None)
            for account in pipeline.vault_accounts()[:1]
        ],
        zone="UTC",
        imported_from="the hub",
    )
    result = runner.run(date - 4 * DAY, date)
    assert result.success
    keys = {str(date - n * DAY) for n in range(5)}
    assert all(runner.materialized(*key) == keys for key in ASSETS)
    assert runner.verdicts("capture", "video_list") == {
        str(date - 4 * DAY): False,
        str(imported): True,  # the others were not connected then, and nobody expected them
        str(date - 2 * DAY): False,
        str(date - DAY): False,
        str(date): True,
    }
    gap = runner.metadata("snapshots", "tiktok_video_daily", date=date - DAY)
    # One account has a day that was imported: from there on it counts.
    assert (gap["dagster/partition_row_count"], gap["gap"]) == (0, "missed, not_yet_connected")
    assert (
        runner.metadata("snapshots", "tiktok_video_daily", date=imported)["dagster/partition_row_count"] == 2
    )
    assert runner.metadata("snapshots", "tiktok_video_daily", date=date)["dagster/partition_row_count"] == 75
    assert rows(pipeline.warehouse, "select count(*) from capture.page where day < %s", date) == [
        {"count": 0}
    ]


def test_a_failed_account_leaves_the_run_green_and_the_check_red_until_it_is_repaired(
    runner: Runner, pipeline: Pipeline
) -> None:
    date = today(pipeline)
    pipeline.sandbox.set_faults(
        error_code={"accounts": [1], "endpoint": "video/list", "code": "invalid_params", "status": 400}
    )
    assert runner.run(date).success
    assert runner.verdicts("capture", "video_list") == {str(date): False}
    assert runner.verdicts("capture", "user_info") == {str(date): True}
    outcomes = _table(runner.metadata("capture", "video_list", date=date)["accounts"])
    assert [(row["outcome"], row["error_code"]) for row in outcomes] == [
        ("failed", "invalid_params"),
        ("captured", ""),
        ("captured", ""),
    ]
    pipeline.sandbox.clear_faults()
    assert runner.run(date).success
    assert runner.verdicts("capture", "video_list") == {str(date): True}


def test_a_repair_of_a_range_turns_exactly_the_repaired_date_green(
    runner: Runner, pipeline: Pipeline
) -> None:
    date = today(pipeline)
    runner.run(date - 2 * DAY, date - DAY)
    days = [ImportedDay(pipeline.vault_accounts()[0], date - DAY, {}, [video("1")], None)]
    import_history(pipeline.warehouse, days, zone="UTC", imported_from="the hub")
    runner.run(date - DAY)
    assert runner.verdicts("capture", "video_list") == {str(date - 2 * DAY): False, str(date - DAY): True}


def test_force_captures_today_afresh(runner: Runner, pipeline: Pipeline) -> None:
    date = today(pipeline)
    runner.run(date)
    pipeline.sandbox.reset_requests()
    runner.run(date)
    assert pipeline.sandbox.requests(log=True)["log"] == []
    runner.run(date, force=True)
    assert len(pipeline.sandbox.requests(log=True)["log"]) == 3 + 3 * 2


def test_a_dead_database_is_worth_another_try_and_a_wrong_statement_is_not() -> None:
    import dagster as dg
    import psycopg
    import pytest

    from tiktok_pipeline.defs.retries import retry_when_transient
    from tiktok_pipeline.warehouse.connection import Warehouse

    with pytest.raises(dg.RetryRequested), retry_when_transient():
        Warehouse("postgresql://nobody@127.0.0.1:9/none").execute("capture/today", {"zone": "UTC"})
    with pytest.raises(psycopg.errors.UndefinedTable), retry_when_transient():
        raise psycopg.errors.UndefinedTable("no such table")


def _table(metadata: object) -> list[dict[str, object]]:
    return [record.data for record in metadata.records]  # type: ignore[attr-defined]
