"""`python -m tiktok_pipeline.defs.maintenance.orphaned_runs` fails the runs that a crash left behind.

With the default run launcher nobody notices that the process of a run died together with its host: the run
stays STARTED, and the runs that wait for its pool stay QUEUED. Called before the daemon starts, for all runs
only by the process that has the whole instance to itself. With `--owner` only what an earlier command of the
same data folder began is failed: whoever holds that folder's lock knows that nobody is at work on it.
"""

from __future__ import annotations

import argparse
import sys

import dagster as dg

OWNER_TAG = "tiktok_pipeline/owner"  # host and data folder of the command that runs it
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MESSAGE = (
    "orphaned: the machine or the process that ran this stopped. Materialize it again; what is there stays."
)


def fail_orphaned_runs(instance: dg.DagsterInstance, owner: str | None = None) -> int:
    """How many runs, of everybody or of one owner, were under way and are failed now."""
    tags = {OWNER_TAG: owner} if owner is not None else {}
    failed = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY, tags=tags)):
        if owner is not None and run.parent_run_id is not None:
            continue  # executed again from the UI: it inherited the tag, and another process runs it
        instance.report_run_failed(run, MESSAGE)
        failed += 1
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fail the runs that a crash left behind.")
    parser.add_argument("--owner", help="only the runs of this owner")
    with dg.DagsterInstance.get() as instance:
        count = fail_orphaned_runs(instance, parser.parse_args().owner)
    sys.stderr.write(f"{count} orphaned run(s) failed\n")
