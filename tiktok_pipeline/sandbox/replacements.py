"""Faults that put something else in the place of an answer, or change its bytes."""

import time
import zlib
from email.utils import formatdate
from typing import Any

from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.envelope import (
    HTML,
    ApiError,
    OAuthError,
    Reply,
    api_error_reply,
    oauth_error_reply,
)
from tiktok_pipeline.sandbox.state import Sandbox

_MEGABYTE = 1_000_000


def html_page(status: int) -> bytes:
    """Return the page of a gateway that has lost its server."""
    return (
        f"<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def replacement(sandbox: Sandbox, call: Call) -> Reply | None:
    """Return what a fault answers instead of the endpoint, None when the endpoint may answer."""
    if refusal := _refusal(sandbox, call):
        return refusal
    return _rubbish(sandbox, call)


def _refusal(sandbox: Sandbox, call: Call) -> Reply | None:
    def pick(kind: str) -> Any:
        return sandbox.faults.pick(kind, call.endpoint, call.account)

    if pick("internal_error"):
        return _error(sandbox, call, ApiError("internal_error"), "server_error")
    if rule := pick("html_error"):
        return Reply(rule.status, html_page(rule.status), HTML)
    if rule := pick("rate_limited"):
        error = ApiError("rate_limit_exceeded")
        if rule.retry_after is not None:
            error.headers.append(("retry-after", _retry_after(rule.retry_after)))
        return _error(sandbox, call, error, "temporarily_unavailable")
    if call.endpoint.startswith("oauth/"):
        return None
    if pick("token_invalid"):
        return _error(sandbox, call, ApiError("access_token_invalid"), "")
    if pick("scope_refused"):
        return _error(sandbox, call, ApiError("scope_not_authorized"), "")
    if rule := pick("error_code"):
        return _error(sandbox, call, ApiError(rule.code, rule.message, status=rule.status), "")
    return None


def _rubbish(sandbox: Sandbox, call: Call) -> Reply | None:
    def pick(kind: str) -> Any:
        return sandbox.faults.pick(kind, call.endpoint, call.account)

    if pick("html_ok"):
        return Reply(
            200, b"<!DOCTYPE html><html><head><title>Log in | TikTok</title></head><body></body></html>", HTML
        )
    if pick("empty_body"):
        return Reply(200, b"")
    if rule := pick("oversize"):
        filler = b'{"data":{"videos":[],"cursor":0,"has_more":false,"filler":"'
        return Reply(200, filler + b"x" * (rule.megabytes * _MEGABYTE) + b'"},"error":{"code":"ok"}}')
    if rule := pick("gzip_bomb"):
        return Reply(200, _bomb(rule.megabytes), headers=[("content-encoding", "gzip")])
    if rule := pick("deep_json"):
        return Reply(200, b'{"data":' + b"[" * rule.depth + b"]" * rule.depth + b',"error":{"code":"ok"}}')
    return None


def _error(sandbox: Sandbox, call: Call, error: ApiError, oauth_name: str) -> Reply:
    log_id = sandbox.log_id()
    if not call.endpoint.startswith("oauth/"):
        return api_error_reply(error, log_id)
    refusal = OAuthError(oauth_name, error.message, status=error.status)
    reply = oauth_error_reply(refusal, log_id, as_http_status=False)
    reply.headers = error.headers
    return reply


def _retry_after(value: str) -> str:
    if value.startswith("date") and (seconds := value[4:]).lstrip("+-").isdigit():
        return formatdate(time.time() + int(seconds), usegmt=True)
    return value


def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * _MEGABYTE
    packed = [packer.compress(b'{"data":{},')]
    packed += [packer.compress(block) for _ in range(megabytes)]
    packed += [packer.compress(b'"error":{"code":"ok"}}'), packer.flush()]
    return b"".join(packed)
