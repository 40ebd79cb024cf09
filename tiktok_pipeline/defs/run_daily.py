"""Run the daily job in this process, on the instance of DAGSTER_HOME:

    python -m tiktok_pipeline.defs.run_daily --from 2026-01-01 --to 2026-01-31

One date is an ordinary partition run, several are one range run. Exits with 1 when the run failed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys

import dagster as dg

from tiktok_pipeline.defs.maintenance.orphaned_runs import OWNER_TAG


def main() -> int:
    """Run the job for the dates on the command line; 0 when the run succeeded."""
    arguments = _arguments()
    # As Ctrl-C, in order: a refresh that TikTok is answering just then is saved before the process ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from tiktok_pipeline.definitions import defs

    tags = {"tiktok_pipeline/started_by": "command line"}
    if owner := os.environ.get("TIKTOK_PIPELINE_OWNER"):
        tags[OWNER_TAG] = owner  # the next command of the same data folder fails this run if we crash
    key = None
    if arguments.first == arguments.last:
        key = arguments.first.isoformat()
    else:
        tags["dagster/asset_partition_range_start"] = arguments.first.isoformat()
        tags["dagster/asset_partition_range_end"] = arguments.last.isoformat()
    job = defs().resolve_job_def("daily")
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(partition_key=key, tags=tags, instance=instance, raise_on_error=False)
    return 0 if result.success else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the daily job in this process.")
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--to", dest="last", type=dt.date.fromisoformat, required=True)
    arguments = parser.parse_args()
    if arguments.first > arguments.last:
        parser.error("--from must not be after --to")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
