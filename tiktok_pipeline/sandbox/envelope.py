"""Answers as TikTok words them: the data/error envelope, flat OAuth errors, log ids."""

import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"

#: HTTP status and usual message of each API error code.
API_ERRORS: dict[str, tuple[int, str]] = {
    "access_token_invalid": (401, "The access token is invalid or not found in the request."),
    "scope_not_authorized": (
        401,
        "The user did not authorize the scope required for completing this request.",
    ),
    "scope_permission_missed": (400, "The app does not have the scope required for completing this request."),
    "invalid_params": (400, "One or more fields in request is invalid."),
    "rate_limit_exceeded": (429, "The API rate limit was exceeded. Please try again later."),
    "internal_error": (500, "Something is wrong with TikTok server. Please try again later."),
}


@dataclass(slots=True)
class Reply:
    """A complete answer, before it is sent. `status` 0 in the request log means that nothing was answered."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)
    log_id: str = ""


class ApiError(Exception):
    """A refusal in the API's envelope."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None) -> None:
        usual_status, usual_message = API_ERRORS.get(code, (400, code))
        super().__init__(code)
        self.code = code
        self.message = usual_message if message is None else message
        self.status = status or usual_status
        self.headers: list[tuple[str, str]] = []


class OAuthError(Exception):
    """A refusal by an OAuth endpoint: flat JSON, HTTP 200 unless the sandbox was told otherwise."""

    def __init__(self, error: str, description: str, *, status: int | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class LogIds:
    """Makes TikTok's log ids: 14 digits of the time in UTC+8, then 20 upper-case hexadecimal characters."""

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def next(self, now: float) -> str:
        """Return a new log id for a moment (UTC unix seconds)."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y%m%d%H%M%S", time.gmtime(second + 8 * 3600))
        return self._prefix + os.urandom(10).hex().upper()


def to_json(value: Any, *, escape: bool = False) -> bytes:
    """Return compact JSON; with `escape` in pure ASCII, which can carry even half a surrogate pair."""
    return json.dumps(value, ensure_ascii=escape, separators=(",", ":")).encode()


def envelope(data: list[bytes], log_id: str, code: str = "ok", message: str = "") -> bytes:
    """Return an answer's body around the members of `data`, which are JSON texts like `"cursor":0`."""
    error = to_json({"code": code, "message": message, "log_id": log_id})
    return b'{"data":{' + b",".join(data) + b'},"error":' + error + b"}"


def api_error_reply(error: ApiError, log_id: str) -> Reply:
    """Return the answer to a refused API request; its `data` is empty."""
    return Reply(
        error.status, envelope([], log_id, error.code, error.message), headers=error.headers, log_id=log_id
    )


def oauth_error_reply(error: OAuthError, log_id: str, *, as_http_status: bool) -> Reply:
    """Return the answer to a refused OAuth request."""
    body = {"error": error.error, "error_description": error.description, "log_id": log_id}
    status = error.status or 200
    if as_http_status and error.status is None:
        status = 401 if error.error == "invalid_client" else 400
    return Reply(status, to_json(body), log_id=log_id)
