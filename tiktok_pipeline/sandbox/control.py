"""`/sandbox/…`: what tests and demonstrations use to look behind the sandbox and to turn its knobs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tiktok_pipeline.sandbox import webhooks
from tiktok_pipeline.sandbox.api import DisplayApi
from tiktok_pipeline.sandbox.envelope import to_json
from tiktok_pipeline.sandbox.faults import Faults
from tiktok_pipeline.sandbox.objects import signature_of
from tiktok_pipeline.sandbox.settings import CHANGEABLE, SandboxError
from tiktok_pipeline.sandbox.state import Sandbox

Handler = Callable[[Request], Awaitable[Response]]


_THIRTY_YEARS = 30 * 365 * 86_400.0


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _AccountWanted(_Wanted):
    account: int | str


class _CodeWanted(_AccountWanted):
    scopes: list[str] | None = None
    client_key: str | None = None
    redirect_uri: str | None = None
    code_challenge: str | None = None


class _ClockWanted(_Wanted):
    offset_seconds: float | None = Field(None, ge=-_THIRTY_YEARS, le=_THIRTY_YEARS)
    now: datetime | None = None


class _WebhookWanted(_AccountWanted):
    url: str
    reason: int = Field(1, ge=0, le=5)
    signature: webhooks.Kind = "valid"
    seconds_ago: int = Field(0, ge=0, le=72 * 3600)  # how long TikTok has tried to deliver it
    times: int = Field(1, ge=1, le=1000)


def control_app(sandbox: Sandbox, api: DisplayApi) -> Starlette:
    """Return the control API of a sandbox."""
    control = _Control(sandbox, api)
    routes = [
        Route("/sandbox/health", control.health),
        Route("/sandbox/accounts", control.accounts),
        Route("/sandbox/authorize", control.authorize, methods=["POST"]),
        Route("/sandbox/history", control.history),
        Route("/sandbox/requests", control.requests, methods=["GET", "DELETE"]),
        Route("/sandbox/faults", control.faults, methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route("/sandbox/faults/hits", control.hits),
        Route("/sandbox/settings", control.settings, methods=["GET", "PATCH"]),
        Route("/sandbox/clock", control.clock, methods=["GET", "PUT"]),
        Route("/sandbox/expire", control.expire, methods=["POST"]),
        Route("/sandbox/revoke", control.revoke, methods=["POST"]),
        Route("/sandbox/secrets", control.secrets),
        Route("/sandbox/webhook", control.webhook, methods=["POST"]),
        Route("/sandbox/media/{kind}/{name}.svg", control.media),
    ]
    return Starlette(routes=routes)


def _plainly(
    method: Callable[["_Control", Request], Awaitable[Response]],
) -> Callable[["_Control", Request], Awaitable[Response]]:
    """Turn what a caller did wrong into 422 with one clear message."""

    @wraps(method)
    async def answer(self: "_Control", request: Request) -> Response:
        try:
            return await method(self, request)
        except ValidationError as error:
            return _refused("; ".join(_sentence(dict(e)) for e in error.errors()))
        except (SandboxError, ValueError, KeyError) as error:
            return _refused(str(error.args[0] if error.args else error))

    return answer


class _Control:
    """The handlers of the control API."""

    def __init__(self, sandbox: Sandbox, api: DisplayApi) -> None:
        self._sandbox = sandbox
        self._api = api

    async def health(self, _request: Request) -> Response:
        """Return that the sandbox is up, and its time."""
        return _json({"status": "ok", **self._sandbox.clock.describe()})

    @_plainly
    async def accounts(self, request: Request) -> Response:
        """Return all accounts as one app (`client_key`, default the sandbox's own) sees them."""
        client_key = _client_key(self._sandbox, request.query_params.get("client_key"))
        at = self._sandbox.tick()
        return _json(
            [
                {
                    "index": account.index,
                    "open_id": self._sandbox.open_id(account.index, client_key),
                    "union_id": account.union_id,
                    "display_name": account.display_name,
                    "username": account.username,
                    "video_count": len(self._api.visible_videos(account.index, at)),
                }
                for account in self._sandbox.world.accounts
            ]
        )

    @_plainly
    async def authorize(self, request: Request) -> Response:
        """Return the code that a person's tap on "Continue" gives."""
        wanted = _CodeWanted.model_validate_json(await request.body())
        scopes = self._sandbox.settings.app_scopes if wanted.scopes is None else tuple(wanted.scopes)
        if unknown := sorted(set(scopes) - set(self._sandbox.settings.app_scopes)):
            raise SandboxError(f"the app may not ask for {unknown[0]!r}")
        code = self._sandbox.tokens.issue_code(
            self._sandbox.index_of(wanted.account),
            _client_key(self._sandbox, wanted.client_key),
            scopes,
            wanted.redirect_uri,
            wanted.code_challenge,
        )
        return _json({"code": code, "scopes": ",".join(scopes)})

    @_plainly
    async def history(self, request: Request) -> Response:
        """Return an account's whole truth at 02:00 of a day, or `at` a moment; faults do not touch it."""
        query = request.query_params
        index = self._sandbox.index_of(query["account"])
        client_key = _client_key(self._sandbox, query.get("client_key"))
        at = self._sandbox.tick(_moment(query.get("at"), query.get("day"), query.get("tz", "UTC")))
        world, objects = self._sandbox.world, self._api.objects
        account = world.accounts[index]
        open_id = self._sandbox.open_id(index, client_key)
        videos = [
            objects.video(account, video, video.counters(at), client_key, at)
            for video in reversed(world.videos(index, at))
        ]
        return _json(
            {"user": objects.user(account, world.profile(index, at), open_id, at, 0), "videos": videos}
        )

    async def requests(self, request: Request) -> Response:
        """Return what was asked since the start or the last DELETE."""
        if request.method == "DELETE":
            self._sandbox.requests.reset()
        return _json(self._sandbox.requests.report(log=request.query_params.get("log") == "1"))

    @_plainly
    async def faults(self, request: Request) -> Response:
        """Return the faults; PUT replaces all of them, PATCH the kinds it names, DELETE ends them."""
        box = self._sandbox.faults
        if request.method == "PUT":
            box.set(Faults.model_validate_json(await request.body()))
        elif request.method == "PATCH":
            named = Faults.model_validate_json(await request.body())
            box.set(
                box.faults.model_copy(update={kind: getattr(named, kind) for kind in named.model_fields_set})
            )
        elif request.method == "DELETE":
            box.set(Faults())
        return _json(box.faults.model_dump(mode="json"))

    async def hits(self, _request: Request) -> Response:
        """Return how often each switched-on kind of fault has hit."""
        return _json(self._sandbox.faults.hits())

    @_plainly
    async def settings(self, request: Request) -> Response:
        """Return the settings that may change while running; PATCH changes some."""
        if request.method == "PATCH":
            changes = await request.json()
            if not isinstance(changes, dict):
                raise SandboxError("the settings to change must be a JSON object")
            self._sandbox.change_settings(changes)
        return _json(self._sandbox.settings.model_dump(mode="json", include=set(CHANGEABLE)))

    @_plainly
    async def clock(self, request: Request) -> Response:
        """Return the clock; PUT sets its offset from real time, or what it shows now."""
        clock = self._sandbox.clock
        if request.method == "PUT":
            wanted = _ClockWanted.model_validate_json(await request.body())
            if wanted.now is not None:
                clock.set_now(_aware(wanted.now))
            else:
                clock.offset_seconds = wanted.offset_seconds or 0.0
        return _json(clock.describe())

    @_plainly
    async def expire(self, request: Request) -> Response:
        """Let an account's access tokens expire now."""
        wanted = _AccountWanted.model_validate_json(await request.body())
        return _json({"expired": self._sandbox.tokens.expire(self._sandbox.index_of(wanted.account))})

    @_plainly
    async def revoke(self, request: Request) -> Response:
        """Disconnect an account from all apps, as its owner can in TikTok."""
        wanted = _AccountWanted.model_validate_json(await request.body())
        return _json({"revoked": self._sandbox.tokens.disconnect(self._sandbox.index_of(wanted.account))})

    async def secrets(self, _request: Request) -> Response:
        """Return every code and token given out so far and every PKCE verifier received, to look for leaks."""
        return _json(self._sandbox.tokens.secrets)

    @_plainly
    async def webhook(self, request: Request) -> Response:
        """Send `authorization.removed` to an address; return what the address answered."""
        wanted = _WebhookWanted.model_validate_json(await request.body())
        settings = self._sandbox.settings
        open_id = self._sandbox.open_id(self._sandbox.index_of(wanted.account))
        now = int(time.time())
        body = webhooks.authorization_removed(
            settings.client_key, open_id, wanted.reason, now - wanted.seconds_ago
        )
        header = webhooks.signature(settings.client_secret, body, now, wanted.signature)
        answers = await asyncio.to_thread(webhooks.deliver, wanted.url, body, header, wanted.times)
        return _json({"body": body.decode(), "signature": header, "answers": answers})

    async def media(self, request: Request) -> Response:
        """Return the picture at a cover or avatar address, 403 when the address has expired."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        query = dict(parse_qsl(request.url.query))
        expires = query.get("x-expires", "")
        good = expires.isdigit() and query.get("x-signature") == signature_of(kind, name, int(expires)) + "="
        if not good or int(expires) < self._sandbox.clock.now():
            return Response("Access Denied", 403)
        hue = sum(name.split("-")[0].encode()) * 47 % 360
        picture = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 16" width="90" height="160">'
            f'<rect width="9" height="16" fill="hsl({hue} 55% 55%)"/>'
            '<path d="M3 5v6l4-3z" fill="#fff"/></svg>'
        )
        return Response(picture, media_type="image/svg+xml")


def _client_key(sandbox: Sandbox, wanted: str | None) -> str:
    client_key = wanted or sandbox.settings.client_key
    if client_key not in sandbox.settings.clients:
        raise SandboxError(f"there is no app {client_key!r}")
    return client_key


def _moment(at: str | None, day: str | None, tz: str) -> float:
    """Return UTC unix seconds of an ISO time, or of 02:00 on a day in a time zone."""
    if at is not None:
        return _aware(datetime.fromisoformat(at)).timestamp()
    if day is None:
        raise SandboxError("history needs a day (YYYY-MM-DD) or at (ISO time with its zone)")
    return (
        datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(tz))
        .replace(hour=2)
        .timestamp()
    )


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise SandboxError(f"{moment.isoformat()} has no time zone: add Z or an offset")
    return moment


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")


def _refused(message: str) -> Response:
    return JSONResponse({"error": message}, 422)


def _sentence(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    return f"{where or 'body'}: {error['msg']}"
