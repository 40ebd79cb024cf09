"""When the daily job runs: at 02:00 for that day, and again every half hour while the day is incomplete."""

import datetime as dt
from zoneinfo import ZoneInfo

import dagster as dg

from tiktok_pipeline.defs.capture.asset import ledger_of
from tiktok_pipeline.defs.jobs import daily, dates_in_work
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import WarehouseResource

FIRST = dt.time(2)

daily_at_two = dg.build_schedule_from_partitioned_job(
    daily,
    name="daily_at_two",
    hour_of_day=FIRST.hour,
    minute_of_hour=FIRST.minute,
    description="Capture each day at 02:00 of that day, in the reporting time zone.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.schedule(
    job=daily,
    cron_schedule="*/30 * * * *",
    execution_timezone=settings.reporting_timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="While today is incomplete, try again: only what is missing is fetched.",
)
def catch_up(
    context: dg.ScheduleEvaluationContext, warehouse: WarehouseResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for today while something of it could still be fetched, and for yesterday while it may be finished.

    At 02:00 itself the day is asked for by `daily_at_two`. What was under way at midnight and ran out of its grace
    becomes a gap by the run of today.
    """
    now = context.scheduled_execution_time.astimezone(ZoneInfo(settings.reporting_timezone))
    with warehouse.opened() as opened:
        ledger = ledger_of(opened, "video_list")
        today = ledger.today()
        wanted = set(ledger.under_way()) | set(ledger_of(opened, "user_info").under_way())
        missing = ledger.incomplete_today(today)
        unsettled = ledger.unsettled() + ledger_of(opened, "user_info").unsettled()
    if (missing or unsettled) and now.time() > FIRST:
        wanted.add(today)
    busy = dates_in_work(context.instance)
    requests = [
        dg.RunRequest(run_key=f"{date} {now:%H:%M}", partition_key=str(date))
        for date in sorted(wanted - busy)
    ]
    if requests:
        return requests
    return dg.SkipReason(f"{today}: {missing} account-days missing; {len(busy)} dates are in work already")
