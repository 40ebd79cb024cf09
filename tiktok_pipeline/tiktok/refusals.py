"""TikTok's error codes, and the error class that each of them means.

Sources: TikTok's pages "API v2 Error Handling" and "OAuth Error Handling". Codes marked so are undocumented
and known from public clients.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from tiktok_pipeline.tiktok.errors import (
    AuthError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.tiktok.transport import HttpAnswer

MAX_RETRY_AFTER_SECONDS = 15 * 60.0

_MEANING: Mapping[str, type[TikTokError]] = {
    # Display API
    "access_token_invalid": AuthError,
    "access_token_expired": AuthError,  # undocumented
    "token_expired": AuthError,  # undocumented
    "scope_not_authorized": ScopeError,
    "scope_permission_missed": ScopeError,
    "invalid_params": PermanentError,
    "invalid_file_upload": PermanentError,
    "rate_limit_exceeded": RateLimitedError,
    "too_many_requests": RateLimitedError,  # undocumented
    "internal_error": TransientError,
    # OAuth
    "access_denied": AuthError,
    "invalid_grant": AuthError,
    "invalid_client": PermanentError,
    "invalid_request": PermanentError,
    "invalid_scope": ScopeError,
    "unauthorized_client": PermanentError,
    "unsupported_grant_type": PermanentError,
    "unsupported_response_type": PermanentError,
    "server_error": TransientError,
    "temporarily_unavailable": TransientError,
}


def refusal(answer: HttpAnswer, code: str, message: str, log_id: str | None) -> TikTokError:
    """The error that TikTok's answer means: by its code, and for an unknown code by its HTTP status."""
    kind = _MEANING.get(code) or _by_status(answer.status) or PermanentError
    what = f"TikTok refused: {message}" if message else "TikTok refused"
    error = kind(what, code=code, endpoint=answer.endpoint, http_status=answer.status, log_id=log_id)
    if isinstance(error, TransientError):
        error.retry_after = retry_after(answer.headers)
    return error


def trouble(answer: HttpAnswer, log_id: str | None) -> TransientError | None:
    """The error of an answer without TikTok's envelope, when its HTTP status says that it will pass."""
    kind = _by_status(answer.status)
    if kind is None or not issubclass(kind, TransientError):
        return None
    return kind(
        "an answer without TikTok's envelope",
        code="rate_limit_exceeded" if kind is RateLimitedError else "internal_error",
        endpoint=answer.endpoint,
        http_status=answer.status,
        log_id=log_id,
        retry_after=retry_after(answer.headers),
    )


def _by_status(status: int) -> type[TikTokError] | None:
    if status == 429:
        return RateLimitedError
    if status >= 500 or status == 408:
        return TransientError
    return AuthError if status == 401 else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks to wait, at most MAX_RETRY_AFTER_SECONDS; None if it says nothing usable.

    TikTok documents no such header: it is honoured when it appears. A date is read against the answer's own
    Date, so that our clock and TikTok's need not agree.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        until, now = _instant(text), _instant(headers.get("Date", ""))
        if until is None:
            return None
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else None


def _instant(http_date: str) -> datetime | None:
    try:
        instant = email.utils.parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
