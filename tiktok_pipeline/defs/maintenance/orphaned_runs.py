"""`python -m tiktok_pipeline.defs.maintenance.orphaned_runs` fails the runs that a crash left behind.

With the default run launcher nobody notices that the process of a run died together with its host: the run
stays STARTED, and the runs that wait for its pool stay QUEUED. Called before the daemon starts, for all runs
only by the process that has the whole instance to itself. With `--owner` only what an earlier command of the
same data folder began is failed: whoever holds that folder's lock knows that nobody is at work on it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import dagster as dg

OWNER_TAG = "tiktok_pipeline/owner"  # host and data folder of the command that runs it
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MESSAGE = (
    "orphaned: the machine or the process that ran this stopped. Materialize it again; what is there stays."
)


def orphaned_runs(instance: dg.DagsterInstance, owner: str | None = None) -> list[dg.DagsterRun]:
    """The runs that are under way, of everybody or of one owner; the caller knows that nobody is at work on them."""
    tags = {OWNER_TAG: owner} if owner is not None else {}
    found = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY, tags=tags))
    # What was executed again from the UI inherited the tag, and another process runs it.
    return [run for run in found if owner is None or run.parent_run_id is None]


def fail_orphaned_runs(instance: dg.DagsterInstance, owner: str | None = None) -> int:
    """How many runs, of everybody or of one owner, were under way and are failed now."""
    found = orphaned_runs(instance, owner)
    for run in found:
        instance.report_run_failed(run, MESSAGE)
    return len(found)


def fail_later(instance: dg.DagsterInstance, noted: Path, seconds: float) -> int:
    """How many runs are under way now, make the file `noted`, and are failed after `seconds`.

    The daemon tries to retry a failed run once, and cannot while it knows no code server that answers.
    """
    found = orphaned_runs(instance)
    noted.touch()
    if not found:
        return 0
    time.sleep(seconds)
    left = instance.get_runs(dg.RunsFilter(run_ids=[run.run_id for run in found], statuses=UNDER_WAY))
    for run in left:
        instance.report_run_failed(run, MESSAGE)
    return len(left)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fail the runs that a crash left behind.")
    parser.add_argument("--owner", help="only the runs of this owner")
    parser.add_argument("--noted", type=Path, help="make this file when it is known which these are")
    parser.add_argument("--later", type=float, help="and fail them after so many seconds")
    arguments = parser.parse_args()
    with dg.DagsterInstance.get() as instance:
        if arguments.noted:
            count = fail_later(instance, arguments.noted, arguments.later)
        else:
            count = fail_orphaned_runs(instance, arguments.owner)
    sys.stderr.write(f"{count} orphaned run(s) failed\n")
