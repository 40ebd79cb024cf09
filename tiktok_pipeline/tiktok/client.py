"""TikTok's Display API: an account's profile and its videos, within the quota, repeated when that helps."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from functools import cache

from requests import PreparedRequest
from tenacity import RetryCallState, Retrying, retry_if_exception, sleep_using_event, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tiktok_pipeline.tiktok.answers import (
    Answer,
    DataShape,
    UserInfoData,
    VideoListData,
    VideoQueryData,
    read_display,
)
from tiktok_pipeline.tiktok.circuit import Circuit, Entry
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    CircuitOpen,
    MalformedError,
    RateLimitedError,
    ScopeError,
    TransientError,
)
from tiktok_pipeline.tiktok.fields import user_fields, video_fields
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.tiktok.transport import Transport
from tiktok_pipeline.vault.secret import SecretToken

USER_INFO = "/v2/user/info/"
VIDEO_LIST = "/v2/video/list/"
VIDEO_QUERY = "/v2/video/query/"
MOST_QUERIED = 20  # ids in one request, TikTok's limit

# Together longer than TikTok's sliding minute, so that a limit used up by somebody else is outlived.
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
MAX_PAUSES = 8

_backoff = wait_random_exponential(multiplier=0.5, max=20)  # full jitter: between 0 and the doubled step
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


class TikTokClient:
    """A client that all threads of a process share.

    `timeout_seconds` is the total for one attempt. A transient error is answered by up to `max_attempts`
    attempts with full jitter between them, an unreadable answer by one more. A 429 pauses the endpoint for
    every process, and is waited out up to MAX_PAUSES times without counting as an attempt. With a `circuit`, a call
    waits while TikTok answers nobody, and begins anew when it does; CircuitOpen when that takes too long.
    """

    def __init__(
        self,
        base_url: str,
        client_key: str,
        quota: Quota | None = None,
        circuit: Circuit | None = None,
        *,
        timeout_seconds: float = 30.0,
        pool_size: int = 16,
        max_attempts: int = 4,
        counts: RequestCounts | None = None,
    ) -> None:
        self.client_key = client_key
        self.counts = counts
        self._quota = quota
        self._circuit = circuit
        self._transport = Transport(
            base_url, timeout_seconds=timeout_seconds, pool_size=pool_size, counts=counts
        )
        self._prepare = cache(self._prepared)
        self._closing = threading.Event()
        self._counting = threading.Lock()
        self._sent = 0
        self._through_pauses = Retrying(
            retry=retry_if_exception(_rate_limited),
            stop=stop_after_attempt(MAX_PAUSES + 1),
            after=self._pause_everybody,
            wait=self._wait_here,
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )
        self._through_trouble = Retrying(
            retry=_worth_repeating,
            stop=stop_after_attempt(max_attempts),
            wait=_wait_after_trouble,
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )

    def user_info(self, token: SecretToken, scopes: Collection[str]) -> Answer:
        """The account's profile: the fields that `scopes` allow. Raises a TikTokError."""
        fields = user_fields(scopes)
        if not fields:
            raise _not_granted(USER_INFO, "user.info.basic")
        return self._call(self._prepare("GET", USER_INFO, fields), USER_INFO, token, b"", UserInfoData)

    def video_list(
        self, token: SecretToken, scopes: Collection[str], cursor: int | None = None, max_count: int = 20
    ) -> Answer:
        """One page of the account's public videos, newest first. Raises a TikTokError.

        `cursor` is that of the page before, unix milliseconds; None begins with the newest. TikTok allows at
        most 20 videos a page.
        """
        fields = video_fields(scopes)
        if not fields:
            raise _not_granted(VIDEO_LIST, "video.list")
        question = {"max_count": max_count} if cursor is None else {"max_count": max_count, "cursor": cursor}
        body = json.dumps(question).encode()
        return self._call(self._prepare("POST", VIDEO_LIST, fields), VIDEO_LIST, token, body, VideoListData)

    def video_query(self, token: SecretToken, scopes: Collection[str], video_ids: Sequence[str]) -> Answer:
        """Those of the account's videos `video_ids`, at most 20, that exist and are public. Raises a TikTokError.

        One that was deleted or made private is absent from the answer.
        https://developers.tiktok.com/doc/tiktok-api-v2-video-query
        """
        fields = video_fields(scopes)
        if not fields:
            raise _not_granted(VIDEO_QUERY, "video.list")
        if not 0 < len(video_ids) <= MOST_QUERIED:
            raise ValueError(f"{len(video_ids)} videos asked for, TikTok takes 1 to {MOST_QUERIED}")
        body = json.dumps({"filters": {"video_ids": list(video_ids)}}).encode()
        return self._call(
            self._prepare("POST", VIDEO_QUERY, fields), VIDEO_QUERY, token, body, VideoQueryData
        )

    @property
    def requests_sent(self) -> int:
        """Attempts really sent so far, over all endpoints."""
        with self._counting:
            return self._sent

    def close(self) -> None:
        """Close the connections and end every wait: calls under way fail instead of sleeping on."""
        self._closing.set()
        if self._quota:
            self._quota.close()
        if self._circuit:
            self._circuit.close()
        self._transport.close()
        if self.counts:
            self.counts.add_up()

    def _prepared(self, method: str, endpoint: str, fields: tuple[str, ...]) -> PreparedRequest:
        return self._transport.prepare(method, endpoint, {"fields": ",".join(fields)})

    def _call(
        self,
        prepared: PreparedRequest,
        endpoint: str,
        token: SecretToken,
        body: bytes,
        shape: type[DataShape],
    ) -> Answer:
        def attempt(entry: Entry | None) -> Answer:
            return self._through_trouble(self._send, prepared, endpoint, token, body, shape, entry)

        if self._circuit is None:
            return self._through_pauses(attempt, None)
        return self._circuit.call(endpoint, lambda entry: self._through_pauses(attempt, entry))

    def _send(
        self,
        prepared: PreparedRequest,
        endpoint: str,
        token: SecretToken,
        body: bytes,
        shape: type[DataShape],
        entry: Entry | None,
    ) -> Answer:
        secret = token.reveal()
        if not _HEADER_SAFE.fullmatch(secret):  # http.client would quote it in its complaint
            raise AuthError("the stored token is no token", code="access_token_invalid", endpoint=endpoint)
        if self._quota:
            self._quota.acquire(endpoint)
        if self._closing.is_set():
            raise TransientError("the client was closed", code="closed", endpoint=endpoint, sent=False)
        headers = {"Authorization": f"Bearer {secret}"}
        if body:
            headers["Content-Type"] = "application/json"
        with self._circuit.request(entry) if self._circuit and entry else nullcontext():
            with self._counting:
                self._sent += 1
            answer = read_display(self._transport.send(prepared, endpoint, headers, body), shape, secret)
        if self.counts:
            self.counts.add_up_when_due()
        return answer

    def _pause_everybody(self, state: RetryCallState) -> None:
        error = _error_of(state)
        if self._quota and isinstance(error, RateLimitedError):
            self._quota.pause(error.endpoint, _pause_seconds(state))

    def _wait_here(self, state: RetryCallState) -> float:
        # With a quota, its pause is what makes this call wait too, when it next asks for a permit.
        return 0.0 if self._quota else _pause_seconds(state)


def _not_granted(endpoint: str, scope: str) -> ScopeError:
    return ScopeError(f"the account did not grant {scope}", code="scope_not_authorized", endpoint=endpoint)


def _error_of(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _rate_limited(error: BaseException) -> bool:
    # Without an HTTP status it is our own quota that found no room: that wait is over already.
    return isinstance(error, RateLimitedError) and error.http_status is not None


def _pause_seconds(state: RetryCallState) -> float:
    """What TikTok asked for, else 5 s, doubled with every further 429 of the same call, at most a minute."""
    error = _error_of(state)
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        return error.retry_after
    return min(FIRST_PAUSE_SECONDS * 2.0 ** (state.attempt_number - 1), LONGEST_PAUSE_SECONDS)


def _worth_repeating(state: RetryCallState) -> bool:
    error = _error_of(state)
    if isinstance(error, RateLimitedError | CircuitOpen):
        return False
    if isinstance(error, TransientError):
        return error.code != "closed"
    # A cut-off or garbled answer may be the network's doing; a second one in a row is not.
    return isinstance(error, MalformedError) and error.code != "oversize" and state.attempt_number == 1


def _wait_after_trouble(state: RetryCallState) -> float:
    error = _error_of(state)
    asked = error.retry_after if isinstance(error, TransientError) else None
    return max(_backoff(state), asked or 0.0)
