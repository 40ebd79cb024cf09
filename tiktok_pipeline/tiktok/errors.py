"""What can go wrong with a call to TikTok, one class per way of going on.

The classes decide what happens next: wait, repeat, refresh, reconnect, or give up. Nothing here ever holds a
token: texts are made of TikTok's code, its log_id, the endpoint and the HTTP status.
"""

from __future__ import annotations


class TikTokError(Exception):
    """A call to TikTok that gave no answer to work with.

    `code` is TikTok's, or ours in the same style when TikTok gave none (`network_error`, `deadline`,
    `malformed` …). `log_id` is what TikTok's support asks for. `endpoint` is the path, e.g. `/v2/user/info/`.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str = "",
        endpoint: str = "",
        http_status: int | None = None,
        log_id: str | None = None,
    ) -> None:
        super().__init__(what)
        self.code = code
        self.endpoint = endpoint
        self.http_status = http_status
        self.log_id = log_id

    def __str__(self) -> str:
        facts = [self.code]
        if self.http_status is not None:
            facts.append(f"HTTP {self.http_status}")
        if self.log_id:
            facts.append(f"log_id {self.log_id}")
        return f"{self.endpoint}: {self.args[0]} ({', '.join(facts)})"


class TransientError(TikTokError):
    """The network, a deadline, or TikTok's own trouble: the same call may succeed later.

    `sent` is True when the request may have reached TikTok, so that its outcome is unknown.
    `retry_after` is how long TikTok asked to wait, in seconds, when it said so.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str = "",
        endpoint: str = "",
        http_status: int | None = None,
        log_id: str | None = None,
        sent: bool = True,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, code=code, endpoint=endpoint, http_status=http_status, log_id=log_id)
        self.sent = sent
        self.retry_after = retry_after


class RateLimitedError(TransientError):
    """Over TikTok's limit, or no room under it in the time given: the endpoint waits, for everybody."""


class CircuitOpen(TransientError):
    """TikTok has answered only errors for a while, to anybody: nothing was sent, and it is not this call's trouble."""


class AuthError(TikTokError):
    """The token or grant was refused: refresh, and if that does not help, reconnect.

    `token_version` is noted by whoever used a stored pair: which one it was that TikTok refused.
    """

    token_version: int | None = None


class ScopeError(TikTokError):
    """The account did not grant the scope, or the app does not have it."""


class PermanentError(TikTokError):
    """The request itself is refused: repeating it does not help."""


class MalformedError(TikTokError):
    """The answer is not what TikTok documents; nothing of it may be used."""
