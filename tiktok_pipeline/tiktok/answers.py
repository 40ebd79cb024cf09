"""What an answer says: the data of the documented shape, or the error that it is.

The body decides, never the HTTP status alone: TikTok's OAuth endpoints answer errors with 200, and a proxy or
a login page may answer anything.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tiktok_pipeline.tiktok.errors import MalformedError, TikTokError
from tiktok_pipeline.tiktok.refusals import refusal, trouble
from tiktok_pipeline.tiktok.safe_json import UnsafeJsonError, parse, sanitise
from tiktok_pipeline.tiktok.transport import HttpAnswer

MAX_MESSAGE_LENGTH = 200
MAX_CODE_LENGTH = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One successful answer of the Display API.

    `body` is the whole JSON text, safe for jsonb (NUL and lone surrogates are U+FFFD), otherwise as it came.
    `data` is its parsed `data`.
    """

    body: str
    data: dict[str, Any]
    log_id: str | None


class DataShape(BaseModel):
    """What `data` must look like; more fields than documented are welcome."""

    model_config = ConfigDict(strict=True, extra="allow", hide_input_in_errors=True)


class UserInfoData(DataShape):
    """The `data` of user/info."""

    user: dict[str, Any]


class VideoListData(DataShape):
    """The `data` of video/list; `cursor` is unix milliseconds and may be absent on the last page only."""

    videos: list[dict[str, Any]]
    has_more: bool
    cursor: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @model_validator(mode="after")
    def _goes_on(self) -> VideoListData:
        if self.has_more and self.cursor is None:
            raise ValueError("has_more without a cursor")
        return self


class VideoQueryData(DataShape):
    """The `data` of video/query."""

    videos: list[dict[str, Any]]


class _Error(DataShape):
    code: str
    message: str | None = None
    log_id: str | None = None


class _Envelope(DataShape):
    error: _Error
    data: Any = None  # looked at only when there is no error


def read_display(answer: HttpAnswer, shape: type[DataShape], secret: str = "") -> Answer:
    """The Display API's answer. Raises the TikTokError that it means; `secret` never shows in its text."""
    try:
        body = sanitise(answer.body)
        envelope = _Envelope.model_validate(_object(body))
        error = envelope.error
        if error.code != "ok":
            message = _readable(error.message, secret)
            raise refusal(answer, _plain(error.code) or "", message, _plain(error.log_id))
        if answer.status != 200:
            raise UnsafeJsonError("ok, under another HTTP status than 200")
        data: dict[str, Any] = envelope.data
        shape.model_validate(data)
    except (UnsafeJsonError, ValidationError) as problem:
        raise _note(answer, malformed(answer, problem)) from None
    except TikTokError as refused:
        raise _note(answer, refused) from None
    log_id = _plain(error.log_id) or _header_log_id(answer)
    _log(answer, "ok", log_id)
    return Answer(body=body, data=data, log_id=log_id)


def read_oauth(answer: HttpAnswer, *secrets: str) -> dict[str, Any]:
    """The flat object of an OAuth answer; an empty body is an empty object. Raises the TikTokError it means.

    `secrets` never show in the error's text.
    """
    try:
        flat = _object(sanitise(answer.body)) if answer.body.strip() else {}
        if flat.get("error"):
            raise _oauth_refusal(answer, flat, *secrets)
        if answer.status != 200:
            raise UnsafeJsonError("no error, under another HTTP status than 200")
    except UnsafeJsonError as problem:
        raise _note(answer, malformed(answer, problem)) from None
    except TikTokError as refused:
        raise _note(answer, refused) from None
    _log(answer, "ok", _header_log_id(answer))
    return flat


def malformed(answer: HttpAnswer, problem: UnsafeJsonError | ValidationError) -> TikTokError:
    """The error of an answer of the wrong shape: transient if its status says so, else MalformedError."""
    if isinstance(problem, ValidationError):
        where = problem.errors(include_input=False, include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in where["loc"])
        what = f"not the documented answer: {path}: {where['msg']}".replace(": :", ":")
    else:
        what = f"not the documented answer: {problem}"
    log_id = _header_log_id(answer)
    return trouble(answer, log_id) or MalformedError(
        what, code="malformed", endpoint=answer.endpoint, http_status=answer.status, log_id=log_id
    )


def _object(text: str) -> dict[str, Any]:
    value = parse(text)
    if not isinstance(value, dict):
        raise UnsafeJsonError("not an object")
    return value


def _oauth_refusal(answer: HttpAnswer, flat: dict[str, Any], *secrets: str) -> TikTokError:
    error = flat["error"]
    if isinstance(error, dict):  # a gateway before the OAuth service answers in the Display API's envelope
        code, message, log_id = error.get("code"), error.get("message"), error.get("log_id")
    else:
        code, message, log_id = error, flat.get("error_description"), flat.get("log_id")
    if not isinstance(code, str):
        raise UnsafeJsonError("error is not a text")
    return refusal(answer, _plain(code) or "", _readable(message, *secrets), _plain(log_id))


def _readable(message: object, *secrets: str) -> str:
    """TikTok's message in one short line, without anything that must not be seen."""
    if not isinstance(message, str):
        return ""
    for secret in filter(None, secrets):
        # As it is, or as a form sends it: an answer may echo the request.
        for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret)):
            message = message.replace(form, "***")
    return " ".join(message.split())[:MAX_MESSAGE_LENGTH]


def _plain(text: object) -> str | None:
    """A code or log_id as TikTok writes them: letters, digits, a few signs; nothing else comes through."""
    if not isinstance(text, str):
        return None
    return re.sub(r"[^A-Za-z0-9_.\-]", "", text)[:MAX_CODE_LENGTH] or None


def _header_log_id(answer: HttpAnswer) -> str | None:
    return _plain(answer.headers.get("x-tt-logid"))


def _note(answer: HttpAnswer, error: TikTokError) -> TikTokError:
    _log(answer, error.code, error.log_id)
    return error


def _log(answer: HttpAnswer, code: str, log_id: str | None) -> None:
    log.debug(
        "%s %s: HTTP %d %s, log_id %s, %.0f ms",
        answer.method,
        answer.endpoint,
        answer.status,
        code,
        log_id,
        answer.seconds * 1000,
    )
