"""Every column of a report says which columns it is made of, and these exist."""

from __future__ import annotations

import dagster as dg

from tiktok_pipeline.warehouse.derive import columns
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.defs.conftest import Runner

OUR_OWN = {"created_at", "quarantined"}  # said by no snapshot


def test_a_run_shows_of_each_column_of_a_report_what_it_is_made_of(
    runner: Runner, pipeline: Pipeline
) -> None:
    result = runner.run(pipeline.ledger().today())
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata["dagster/column_lineage"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key and "dagster/column_lineage" in event.materialization.metadata
    }
    assert set(shown) == {"reporting/account_daily", "reporting/video_daily", "reporting/viral_videos"}
    for report, lineage in shown.items():
        assert isinstance(lineage, dg.TableColumnLineage), report
        has = {column.name for column in columns(pipeline.warehouse, report.replace("/", "."))}
        assert set(lineage.deps_by_column) == has - OUR_OWN
        for name, sources in lineage.deps_by_column.items():
            assert sources, name
            for source in sources:
                table = ".".join(source.asset_key.path)
                assert source.column_name in {column.name for column in columns(pipeline.warehouse, table)}
    videos = shown["reporting/video_daily"]
    assert isinstance(videos, dg.TableColumnLineage)
    [gained] = videos.deps_by_column["view_delta"]
    assert gained == dg.TableColumnDep(dg.AssetKey(["snapshots", "tiktok_video_daily"]), "view_count")
