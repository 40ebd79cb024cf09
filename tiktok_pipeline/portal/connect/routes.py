"""The store's pages: /connect/… shows a link, /auth/… is the way to TikTok and back.

Every page that says what became of a transaction is reached by a redirect, so that reloading it repeats nothing.
Nothing that TikTok or an address said is shown or redirected to.
"""

from __future__ import annotations

import logging
import re
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.authorization import Authorizations
from tiktok_pipeline.hub.links import FoundLink
from tiktok_pipeline.hub.stores import require_store
from tiktok_pipeline.hub.transactions import Begun
from tiktok_pipeline.portal.attempts import require_allowed
from tiktok_pipeline.portal.connect import browser as browsers
from tiktok_pipeline.portal.connect.words import WITHOUT, why_not
from tiktok_pipeline.portal.context import Context, PortalContext
from tiktok_pipeline.portal.errors import error_page
from tiktok_pipeline.portal.operator.session import operator_session
from tiktok_pipeline.portal.pages import page
from tiktok_pipeline.portal.security import client_address
from tiktok_pipeline.portal.tiktok_calls import tiktok_call
from tiktok_pipeline.runtime.credentials import redirect_uri

STARTS_A_MINUTE = 60  # of one address: a whole office behind one router may be connecting its stores
SEE_OTHER = 303
STATUS = {
    "declined": 200,
    "restarted": 200,
    "wrong_account": 409,
    "conflict": 409,
    "failed": 502,
    "spent": 410,
    "disabled": 409,
}
OAUTH_ERROR = re.compile(r"[a-z_]{1,40}")


log = logging.getLogger(__name__)
router = APIRouter()


class Place(StrEnum):
    """Where these pages redirect to, besides a link's own page and TikTok."""

    RESULT = "/auth/result"
    LOGIN = "/login"


@router.api_route("/connect/{text}", methods=["GET", "HEAD"])
def link_page(request: Request, context: Context, text: str) -> Response:
    """What a link is for, and the button. Opening it changes nothing."""
    browser = browsers.browser_of(request, context.settings)
    found = context.links.look(text, browser)
    if found.state != "usable":
        return _unusable(request, found)
    return _with_form(request, context, "connect/link.html", link=found)


@router.post("/connect/{text}")
def press_button(
    request: Request, context: Context, text: str, token: Annotated[str, Form()] = ""
) -> Response:
    """Use the link up, and go to TikTok."""
    browser = browsers.browser_of(request, context.settings)
    if browser is None or not browsers.sent_from_our_page(context, browser, token):
        return page(request, "connect/cookies.html", 403)
    _require_allowed(request, context)
    with context.warehouse.transaction() as cursor:
        link = context.links.use(cursor, text, browser)
        if link and link.store_code:
            begun = _authorizations(context).begin(
                cursor, link.store_code, link.account_id, actor="link", link_id=link.id
            )
            return _to_tiktok(context, begun)
    return _unusable(request, context.links.look(text, browser))


@router.get("/auth/login")
def login(request: Request, context: Context, store_code: str = "", link: str = "") -> Response:
    """Connect an account of a store: with a link by way of its page, for a logged-in operator at once."""
    _require_allowed(request, context)
    if link:
        found = context.links.look(link, browsers.browser_of(request, context.settings))
        if found.state == "unknown" or (store_code and store_code != found.store_code):
            return _unusable(request, FoundLink("unknown"))
        return RedirectResponse(f"/connect/{link}", SEE_OTHER)
    operator = operator_session(request)
    if operator is None:
        return RedirectResponse(Place.LOGIN, SEE_OTHER)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return error_page(request, 403)  # only our own pages send an operator to TikTok
    with context.warehouse.transaction() as cursor:
        try:
            require_store(cursor, store_code)
        except PipelineError:
            return error_page(request, 404)
        return _to_tiktok(context, _authorizations(context).begin(cursor, store_code, actor=operator.id))


@router.get("/auth/callback", dependencies=[Depends(tiktok_call)])
def callback(request: Request, context: Context) -> Response:
    """Where TikTok sends the browser back to."""
    if request.headers.get("sec-fetch-dest", "document") != "document":
        return error_page(request, 400)  # in a frame, or fetched by a script: nobody sees what happens
    query = request.query_params
    states, codes, errors = (query.getlist(name) for name in ("state", "code", "error"))
    if len(states) != 1 or len(codes) + len(errors) != 1:
        return error_page(request, 400)
    binding = browsers.binding_of(request, context.settings)
    operator = operator_session(request)
    authorizations = _authorizations(context)
    consumed = binding and authorizations.consume(
        states[0],
        binding,
        operator.id if operator else None,
        outcome=None if codes else "declined" if errors == ["access_denied"] else "failed",
    )
    if not consumed:
        return _refused(request, context, states[0])
    if codes:
        authorizations.finish(
            consumed, codes[0], [scope for scope in query.get("scopes", "").split(",") if scope]
        )
    elif OAUTH_ERROR.fullmatch(errors[0]):
        log.warning("store %s: not connected: TikTok said %s", consumed.store_code, errors[0])
    return RedirectResponse(Place.RESULT, SEE_OTHER)


@router.get(Place.RESULT)
def result_page(request: Request, context: Context) -> Response:
    """What became of the transaction that this browser began last."""
    binding = browsers.binding_of(request, context.settings)
    browser = browsers.browser_of(request, context.settings)
    result = _authorizations(context).result(binding, browser) if binding else None
    if result is None:
        return page(request, "connect/nothing.html", 404)
    operator = None if result.by_link else operator_session(request)
    shown: dict[str, Any] = {
        "result": result,
        "operator": operator,
        "without": [WITHOUT[scope] for scope in result.missing_scopes],
        "everything": len(result.missing_scopes) == len(WITHOUT),
        "token": browsers.form_token(context, browser) if browser else "",
    }
    if result.outcome in ("connected", "reduced"):
        return page(request, "connect/connected.html", **shown)
    status = 200 if result.outcome is None else STATUS.get(result.outcome, 200)
    return page(request, "connect/not_connected.html", status, **shown, words=why_not(result))


@router.post("/auth/again")
def again(
    request: Request,
    context: Context,
    state: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "",
) -> Response:
    """Begin anew in this browser, where a transaction of a link failed or ended up.

    Somebody else's state may have been slipped to a person: before going on from another browser's transaction, a
    page says which store it is for.
    """
    browser = browsers.browser_of(request, context.settings)
    if browser is None or not browsers.sent_from_our_page(context, browser, token):
        return page(request, "connect/cookies.html", 403)
    _require_allowed(request, context)
    binding = browsers.binding_of(request, context.settings)
    with context.warehouse.transaction() as cursor:
        found = _authorizations(context).begin_again(cursor, browser, state=state or None, binding=binding)
    if found is None:
        return _unusable(request, FoundLink("used"))
    if not found.moved:
        return _to_tiktok(context, found.begun)
    response = page(request, "connect/moved.html", store_name=found.store_name, address=found.begun.address)
    browsers.bind(response, context.settings, found.begun.binding)
    return response


def _authorizations(context: PortalContext) -> Authorizations:
    settings = context.settings
    return Authorizations(
        context.warehouse,
        context.vault,
        context.oauth,
        authorize_url=settings.tiktok_authorize_url,
        redirect_uri=redirect_uri(settings),
        pkce=settings.tiktok_pkce,
        environment=settings.environment,
    )


def _require_allowed(request: Request, context: PortalContext) -> None:
    require_allowed(context.warehouse, f"connect {client_address(request)}", STARTS_A_MINUTE, 60)


def _to_tiktok(context: PortalContext, begun: Begun) -> Response:
    response = RedirectResponse(begun.address, SEE_OTHER)
    browsers.bind(response, context.settings, begun.binding)
    return response


def _refused(request: Request, context: PortalContext, state: str) -> Response:
    """One page for every reason to refuse a state, so that nothing can be learned by trying."""
    return _with_form(
        request,
        context,
        "connect/refused.html",
        400,
        state=browsers.random_or_empty(state),
        operator=operator_session(request),
    )


def _unusable(request: Request, found: FoundLink) -> Response:
    return page(request, "connect/unusable.html", 404 if found.state == "unknown" else 410, state=found.state)


def _with_form(
    request: Request, context: PortalContext, template: str, status: int = 200, **values: Any
) -> Response:
    """A page with a button that works in this browser only, which is remembered by then."""
    browser = browsers.browser_of(request, context.settings) or browsers.new_browser()
    response = page(request, template, status, **values, token=browsers.form_token(context, browser))
    browsers.remember(response, context.settings, browser)
    return response
