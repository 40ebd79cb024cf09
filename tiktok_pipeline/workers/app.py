"""What a worker is: `celery -A tiktok_pipeline.workers.app worker`, begun by `tiktok-pipeline dagster worker`.

It executes Dagster's runs with the tasks of dagster-celery, each in a process of its own, under a lock in Dagster's
database that ends with that process. The launcher asks for it (see `launcher`).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from celery.signals import task_postrun, task_prerun
from dagster._grpc.types import ExecuteRunArgs, ResumeRunArgs
from dagster._serdes import unpack_value
from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from tiktok_pipeline.runtime.dagster_storage import dagster_storage

app = make_app({"broker": os.environ["CELERY_BROKER_URL"], "backend": "disabled://"})  # type: ignore[no-untyped-call]
app.conf.update(
    DEFAULT_CONFIG,
    broker_connection_retry_on_startup=True,
    worker_max_tasks_per_child=1,  # a run leaves nothing behind for the next one
)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)

_under_way = ExitStack()  # of this process, which executes one run


def _hold(kwargs: dict[str, Any], **_signal: object) -> None:
    packed = kwargs["execute_job_args_packed"]
    arguments = unpack_value(packed, as_type=(ExecuteRunArgs, ResumeRunArgs))
    storage = _under_way.enter_context(
        dagster_storage(os.environ["DAGSTER_POSTGRES_URL"], "DAGSTER_POSTGRES_URL")
    )
    _under_way.enter_context(storage.holding(arguments.run_id))


def _let_go(**_signal: object) -> None:
    _under_way.close()


task_prerun.connect(_hold)
task_postrun.connect(_let_go)
