"""All of the operator's pages. Every one but the login needs a session, and every form the session's token."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from tiktok_pipeline.portal.operator import accounts, digest, exports, jobs, login, stores
from tiktok_pipeline.portal.operator.login import form_of_session

router = APIRouter()
router.include_router(login.router)
for behind_login in (stores.router, accounts.router, digest.router, exports.router, jobs.router):
    router.include_router(behind_login, dependencies=[Depends(form_of_session)])
