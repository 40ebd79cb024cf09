"""The job for what somebody waits for: some accounts captured today, beside whatever else runs."""

import uuid

import dagster as dg

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.defs.resources import TikTokResource, TokenVaultResource, WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient
from tiktok_pipeline.on_demand import running
from tiktok_pipeline.warehouse.connection import AWAY


class OnDemandConfig(dg.Config):
    """Which job of `ops.sync_job`."""

    job_id: str


@dg.op
def capture_accounts(
    context: dg.OpExecutionContext,
    config: OnDemandConfig,
    warehouse: WarehouseResource,
    token_vault: TokenVaultResource,
    tiktok: TikTokResource,
) -> None:
    """Capture the accounts of a job, then derive today's tables.

    It is in no pool: the ledger keeps it apart from captures under way, and the quota from using too much.
    """
    job_id, run_id = uuid.UUID(config.job_id), context.run_id
    with (
        retry_when_transient(),
        warehouse.opened() as opened,
        token_vault.opened(opened) as vault,
        tiktok.client(opened, on_demand=True) as client,
    ):
        job = running.begin(opened, job_id, run_id)
        if job is None:
            context.log.info(f"job {job_id} is over")
            return
        try:
            running.capture_job(
                opened,
                AccountRequests(client, tiktok.oauth(client), vault),
                job,
                zone=settings.reporting_timezone,
                grace=settings.capture_grace,
                workers=min(settings.capture_workers, len(job.account_ids)),
                run_id=run_id,
            )
        except AWAY:
            raise  # the step is tried again
        except running.DayHasPassed as error:
            running.end(opened, job_id, run_id, str(error))
            context.log.warning(str(error))
            return
        except Exception as error:
            running.end(opened, job_id, run_id, str(error) or type(error).__name__)
            raise
        running.end(opened, job_id, run_id)
        context.log.info(f"job {job_id}: {client.requests_sent} requests to TikTok")


@dg.job(
    description="Capture some accounts today because somebody asked for them (ops.sync_job).",
    tags={"dagster/priority": "20"},  # a person waits
)
def on_demand() -> None:
    """One job of `ops.sync_job`."""
    capture_accounts()
