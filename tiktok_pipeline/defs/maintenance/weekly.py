"""When the house is tidied: on Sundays at 04:30."""

import dagster as dg

from tiktok_pipeline.defs.partitions import settings

maintenance = dg.define_asset_job(
    "maintenance",
    selection=dg.AssetSelection.groups("maintenance"),
    description="Prune Dagster's event log, forget old rows of the portal and of messages, and read all of history.",
)


@dg.schedule(
    job=maintenance,
    cron_schedule="30 4 * * 0",
    execution_timezone=settings.reporting_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Prune Dagster's event log, forget old rows and verify history on Sundays at 04:30.",
)
def maintenance_weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for a run that prunes, not only counts."""
    ops = {"maintenance__event_log": {"config": {"dry_run": False}}}
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}", run_config={"ops": ops})
