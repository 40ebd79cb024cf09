"""Errors of the API as problem details (RFC 9457): what happened, what to do, a request id to quote."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from tiktok_pipeline.portal import errors

MEDIA_TYPE = "application/problem+json"

WORDS: Mapping[int, str] = {
    400: "The request cannot be understood.",
    401: "Ask POST /api/v1/token for a token and send it as Authorization: Bearer.",
    403: "The token lacks the scope that this needs.",
    404: "There is no such thing, or the token may not see it.",
    405: "This address takes other methods.",
    406: "Answers are application/json or, for lists, text/csv.",
    408: "The request came too slowly.",
    409: "It cannot be done as things are.",
    413: "The request is larger than anything needed here.",
    422: "A value of the request is not acceptable.",
    429: "Wait as long as Retry-After says.",
    500: "It is not the caller's fault. Quote the request id.",
    503: "Try again in half a minute.",
}


class Problem(BaseModel):
    """An error (RFC 9457). `request_id` finds it in the log; `errors` names the values that were not acceptable."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, str]] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}}
    for status in (401, 403, 404, 406, 409, 422, 429, 503)
}


def problem(
    request: Request,
    status: int,
    headers: Mapping[str, str] | None = None,
    error: Exception | None = None,
) -> Response:
    """The answer for an error: in the words of what was raised here, or in those that go with its status."""
    said = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_own_words(error) or WORDS.get(status) or WORDS[400 if status < 500 else 500],
        request_id=getattr(request.state, "request_id", ""),
        errors=_values(error) if isinstance(error, RequestValidationError) else None,
    )
    allowance = getattr(request.state, "allowance", {})  # of a service that was counted
    return JSONResponse(
        said.model_dump(exclude_none=True),
        status,
        headers={**(headers or {}), **allowance},
        media_type=MEDIA_TYPE,
    )


def install(api: FastAPI) -> None:
    """Let every error of the API's handlers become a problem."""

    def broken(request: Request, _error: Exception) -> Response:
        return problem(request, 500)  # the guard logs the error, under the request's id

    api.add_exception_handler(Exception, broken)
    errors.install(api, problem, not_acceptable=422)


def _own_words(error: Exception | None) -> str | None:
    if not isinstance(error, StarletteHTTPException) or error.detail == HTTPStatus(error.status_code).phrase:
        return None
    return error.detail


def _values(error: RequestValidationError) -> list[dict[str, str]]:
    return [
        {"where": ".".join(str(part) for part in one["loc"]), "what": str(one["msg"])}
        for one in error.errors()
    ]
