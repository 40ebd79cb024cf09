"""What an operator does with an account of a store."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import Account
from tiktok_pipeline.hub.disconnecting import disable, disconnect, enable
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.operator.stores import Text, require_store_line, store_page
from tiktok_pipeline.portal.tiktok_calls import tiktok_call

router = APIRouter(prefix="/stores/{store_code}/accounts/{account_id}")
AccountId = Annotated[int, Field(ge=1, lt=2**63)]


@router.post("/link")
def make_reconnect_link(
    request: Request, context: Context, store_code: str, account_id: AccountId
) -> Response:
    """Make a link with which just this account can be reconnected, and show it this once."""
    account = _require_account(context, store_code, account_id)
    link = context.links.make(store_code, account.id, made_by="operator")
    return store_page(request, context, store_code, link=link)


@router.post("/disable")
def disable_one(context: Context, store_code: str, account_id: AccountId) -> Response:
    """Disable the account."""
    account = _require_account(context, store_code, account_id)
    disable(context.warehouse, account.id)
    return RedirectResponse(f"/stores/{store_code}?done=disabled", 303)


@router.post("/enable")
def enable_one(context: Context, store_code: str, account_id: AccountId) -> Response:
    """Enable the account."""
    account = _require_account(context, store_code, account_id)
    enable(context.warehouse, account.id)
    return RedirectResponse(f"/stores/{store_code}?done=enabled", 303)


@router.post("/disconnect", dependencies=[Depends(tiktok_call)])
def disconnect_one(
    request: Request, context: Context, store_code: str, account_id: AccountId, confirmation: Text = ""
) -> Response:
    """Give the account's grant back to TikTok and forget its tokens, when the store's code was typed."""
    account = _require_account(context, store_code, account_id)
    if confirmation.strip() != store_code:
        problem = f"Not disconnected: type the store's code, {store_code}, to confirm."
        return store_page(request, context, store_code, 400, problem=problem)
    try:
        disconnect(context.vault, context.oauth, account.id)
    except PipelineError as problem:
        return store_page(request, context, store_code, 400, problem=str(problem))
    return RedirectResponse(f"/stores/{store_code}?done=disconnected", 303)


def _require_account(context: PortalContext, store_code: str, account_id: int) -> Account:
    """The account, when it is that store's; else the 404 page."""
    for account in require_store_line(context, store_code).accounts:
        if account.id == account_id:
            return account
    raise HTTPException(404)
