"""`POST /webhooks/tiktok`: what TikTok tells us by itself, above all that an account has disconnected the app.

Sources: TikTok's pages "Webhooks Overview", "Webhooks Events", "Webhook Verification". TikTok delivers at least once
and repeats for 72 hours what is not answered with 200, so whatever carries a good signature is kept and answered so.
A webhook is the faster signal, never the only one: a token that TikTok refuses flags the account as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.portal.context import Context
from tiktok_pipeline.warehouse.connection import Warehouse, run

AHEAD_SECONDS = 300  # how far TikTok's clock may be ahead of ours
# TikTok repeats an event for 72 hours and does not say whether it signs it anew. Refused for its age, a removal would
# be lost for good; accepted again it does no harm: an event counts once, and never against tokens that are newer than
# its time, which the signature covers as well.
OLDEST_SECONDS = 73 * 3600
LARGEST_REASON = 999
SIGNATURE = re.compile(r"t=([0-9]{1,11}),s=([0-9a-f]{64})")
REMOVED = "authorization.removed"
REASONS = {
    0: "TikTok ended the authorization and gave no reason",
    1: "the account's owner disconnected the app in TikTok",
    2: "the TikTok account was deleted",
    3: "the age of the account's owner changed, and TikTok ended the authorization",
    4: "TikTok banned the account",
    5: "the app's developer revoked the authorization",
}

log = logging.getLogger(__name__)
router = APIRouter()


class _Content(BaseModel):
    """What `content`, a string of JSON, says of a removed authorization."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    reason: int = 0


Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]  # PostgreSQL keeps no NUL


class _Event(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    client_key: Line
    event: Line
    create_time: Annotated[int, Field(ge=0, lt=100_000_000_000)]
    user_openid: Line = ""
    content: str = ""

    @property
    def key(self) -> str:
        """The same for every delivery of the event."""
        fields = [self.client_key, self.event, self.create_time, self.user_openid, self.content]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()

    @property
    def reason(self) -> str:
        """Why an authorization was removed, in words."""
        try:
            number = _Content.model_validate_json(self.content or "{}").reason
        except ValidationError:
            number = 0
        shown = (
            f"reason {number}" if 0 <= number <= LARGEST_REASON else "for a reason that it does not document"
        )
        return REASONS.get(number, f"TikTok ended the authorization ({shown})")


async def _raw_body(request: Request) -> bytes:
    return await request.body()


@router.post("/webhooks/tiktok")
def receive(
    request: Request,
    body: Annotated[bytes, Depends(_raw_body)],
    context: Context,
) -> Response:
    """Keep an event with a good signature, once; act on it when an authorization was removed."""
    secret = context.settings.tiktok_client_secret
    headers = request.headers.getlist("tiktok-signature")
    keys = [secret.get_secret_value()] if secret is not None else []
    if not _signed(headers, body, keys, context.warehouse):
        return JSONResponse({}, 401)
    try:
        event = _Event.model_validate_json(body)
    except ValidationError:
        _keep_unreadable(context.warehouse, body)
        return JSONResponse({})
    if _seconds_ahead(context.warehouse, event.create_time) > AHEAD_SECONDS:
        _keep_unreadable(context.warehouse, body)  # it would count against every connection until then
        return JSONResponse({})
    # As the vault's role: when an account got its tokens, nobody else may know.
    with context.vault.warehouse.transaction() as cursor:
        effect = _take(cursor, event)
    reason = event.reason if event.event == REMOVED else "-"
    log.info("webhook %s (%s): %s", one_line(event.event), reason, effect)
    return JSONResponse({})


def _signed(headers: list[str], body: bytes, secrets: list[str], warehouse: Warehouse) -> bool:
    """Whether exactly one signature came, made of this body with one of the app's secrets, and not too long ago."""
    match = SIGNATURE.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        return False
    moment, given = match.groups()
    made = [
        hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    if not any(hmac.compare_digest(given, expected) for expected in made):
        return False
    return -OLDEST_SECONDS <= _seconds_ahead(warehouse, int(moment)) <= AHEAD_SECONDS


def _seconds_ahead(warehouse: Warehouse, instant: int) -> float:
    """How far an instant (unix seconds) is ahead by the database's clock."""
    [ahead] = warehouse.execute("portal/seconds_ahead", {"instant": instant})
    return float(ahead["seconds"])


def _take(cursor: psycopg.Cursor[DictRow], event: _Event) -> str:
    """What the event changed, in words; it is kept with it, and a second delivery changes nothing."""
    removed = event.event == REMOVED
    kept = _keep(
        cursor,
        event_key=event.key,
        event=event.event,
        open_id=event.user_openid,
        client_key=event.client_key,
        reason=event.reason if removed else None,
        created=event.create_time,
        effect="nothing: not an event that we act on",
    )
    if not kept:
        return "delivered before"
    if not removed:
        return "kept"
    effect = _end_grants(cursor, event)
    run(cursor, "portal/note_webhook_effect", {"event_key": event.key, "effect": effect})
    return effect


def _end_grants(cursor: psycopg.Cursor[DictRow], event: _Event) -> str:
    whose = {"open_id": event.user_openid, "client_key": event.client_key}
    accounts = [row["id"] for row in run(cursor, "portal/hold_removed_accounts", whose)]
    if not accounts:
        return "nothing: there is no such account"
    values = {"account_ids": accounts, "created": event.create_time, "reason": event.reason}
    ended = run(cursor, "portal/end_removed_grants", values)
    if not ended:
        return "nothing: the account got new tokens after it"
    flagged = [str(row["id"]) for row in ended if row["flagged"]]
    return (
        f"account {', '.join(flagged)} must be reconnected" if flagged else "nothing: it was not in service"
    )


def _keep_unreadable(warehouse: Warehouse, body: bytes) -> None:
    with warehouse.transaction() as cursor:
        _keep(
            cursor,
            event_key=hashlib.sha256(body).hexdigest(),
            event="unreadable",
            effect="nothing: it is not as TikTok documents",
        )
    log.warning("webhook: signed by TikTok, but not as it documents; kept and ignored")


def _keep(cursor: psycopg.Cursor[DictRow], **values: Any) -> bool:
    nothing = dict.fromkeys(("open_id", "client_key", "reason", "created"))
    texts = {name: one_line(value) if isinstance(value, str) else value for name, value in values.items()}
    return bool(run(cursor, "portal/keep_webhook_event", {**nothing, **texts}))
