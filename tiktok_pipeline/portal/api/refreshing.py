"""Data that is old or missing when it is read: whoever may, has it captured by reading it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from tiktok_pipeline.on_demand.jobs import Asker, Job, Wanted, stale_accounts
from tiktok_pipeline.portal.api.cache import Kept
from tiktok_pipeline.portal.api.jobs import asked_job
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.portal.context import PortalContext
from tiktok_pipeline.warehouse.connection import AWAY

REST_SECONDS = 30.0  # so often, at most, it is looked after the same store or account for the same caller
MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class _Looked:
    """What came of the latest look."""

    until: float
    job: Job | None


class Refreshing:
    """Asks for captures of what is read; of one account one job, whoever reads."""

    def __init__(self, context: PortalContext) -> None:
        self._context = context
        self._looked: dict[tuple[str, str, str], _Looked] = {}

    async def of(self, request: Request, caller: Caller, kept: Kept) -> Job | None:
        """The job that sees to the account or store of `request`; None: nothing is old, or nobody may.

        Only a caller with the scope sync spends requests to TikTok by reading.
        """
        store, account = request.path_params.get("code"), request.path_params.get("account")
        if "sync" not in caller.scopes or (store is None and account is None) or not self._is_old(kept):
            return None
        place = (caller.name, str(store), str(account))
        looked = self._looked.get(place)
        if looked is None or looked.until < time.monotonic():
            job = await run_in_threadpool(self._asked, request, caller, store, account)
            if len(self._looked) >= MOST_REMEMBERED:
                self._looked.clear()
            looked = self._looked[place] = _Looked(time.monotonic() + REST_SECONDS, job)
        return looked.job

    def _is_old(self, kept: Kept) -> bool:
        hours = self._context.settings.stale_after_hours
        return kept.age is None or kept.age + time.time() - kept.made_at > hours * 3600

    def _asked(self, request: Request, caller: Caller, store: str | None, account: str | None) -> Job | None:
        settings = self._context.settings
        zone, hours = settings.reporting_timezone, settings.stale_after_hours
        number = int(account) if account is not None else None
        try:
            stale = stale_accounts(self._context.warehouse, zone, hours, store=store, account=number)
            if not stale:
                return None
            asker = Asker(caller.name, "read", request.state.request_id)
            return asked_job(self._context, Wanted(accounts=tuple(stale)), asker)
        except (HTTPException, *AWAY):
            return None  # it costs too much, or the database is away: what is there is the answer
