"""`python -m tiktok_pipeline.defs.maintenance.orphaned_runs` fails the runs that a crash left behind.

With the default run launcher nobody notices that the process of a run died together with its host: the run
stays STARTED, and the runs that wait for its pool stay QUEUED. Called before the daemon starts, and only by
the process that owns the whole instance.
"""

from __future__ import annotations

import sys

import dagster as dg

UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
MESSAGE = (
    "orphaned: the machine or the process that ran this stopped. Materialize it again; what is there stays."
)


def fail_orphaned_runs(instance: dg.DagsterInstance) -> int:
    """How many runs were under way and are failed now."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
    for run in runs:
        instance.report_run_failed(run, MESSAGE)
    return len(runs)


if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        sys.stderr.write(f"{fail_orphaned_runs(instance)} orphaned run(s) failed\n")
