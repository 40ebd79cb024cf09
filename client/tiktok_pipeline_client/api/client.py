"""A client of the API. Threads may share it."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tiktok_pipeline_client.api.instances import Instance, Instances
from tiktok_pipeline_client.api.timeouts import TIMEOUTS, Seconds, timeout_for

API = "/api/v1"
KEPT = 500  # answers
EARLY_SECONDS = 30  # a token is renewed so long before it ends
LONGEST_WAIT_SECONDS = 10.0  # between two attempts, also when more was asked for
WORTH_REPEATING = (429, 502, 503, 504)


class ApiError(Exception):
    """The API said no. `problem` is its answer, `request_id` finds it in the portal's log."""

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str) -> None:
        said = (
            problem.get("detail")
            or problem.get("error_description")
            or problem.get("title")
            or "no reason given"
        )
        super().__init__(f"HTTP {status}: {said} (request {request_id})")
        self.status = status
        self.problem = problem
        self.request_id = request_id


class Unreachable(Exception):
    """No instance answered, and nothing was kept that could stand in."""


class _TryAgain(Exception):
    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True)
class Reply:
    """An answer. `age` is how many seconds ago its data was read from TikTok, if the API said so.

    `is_stale`: no instance answers now; this is what was answered before, `kept_at` (seconds since 1970).
    """

    body: Mapping[str, Any]
    age: int | None
    request_id: str
    kept_at: float
    etag: str | None = None
    is_stale: bool = False

    @property
    def data(self) -> Any:
        """What was asked for."""
        return self.body["data"]

    @property
    def about(self) -> Mapping[str, Any]:
        """How far it may be relied on: `observed_at`, `completeness`, `gaps`."""
        found: Mapping[str, Any] = self.body["about"]
        return found


class PipelineClient:
    """Asks the portals at `urls` as the service `name`.

    What is safe is tried `attempts` times, each time at the next instance; `timeouts` are by path.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        name: str,
        secret: str,
        *,
        attempts: int = 4,
        failures: int = 3,
        rest: float = 15,
        timeouts: Mapping[str, Seconds] = TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.instances = Instances(
            [urls] if isinstance(urls, str) else urls, failures=failures, rest=rest, clock=clock
        )
        self._name = name
        self._secret = secret
        self._timeouts = timeouts
        self._clock = clock
        self._session = requests.Session()
        self._lock = threading.Lock()
        self._token: tuple[str, float] | None = None
        self._kept: OrderedDict[tuple[Any, ...], Reply] = OrderedDict()
        self._again = Retrying(
            retry=retry_if_exception_type(_TryAgain),
            stop=stop_after_attempt(attempts),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    def get(self, path: str, *, traceparent: str | None = None, **query: Any) -> Reply:
        """The answer to `GET /api/v1<path>`; when no instance answers, the last good one, marked.

        `traceparent` is passed on. Raises ApiError, and Unreachable when nothing was kept.
        """
        key = (path, *sorted(query.items()))
        kept = self._kept.get(key)
        headers = {"If-None-Match": kept.etag} if kept and kept.etag else {}
        if traceparent:
            headers["traceparent"] = traceparent
        try:
            answer, request_id = self._ask("GET", path, headers, params=query)
        except Unreachable:
            if kept is None:
                raise
            return replace(kept, is_stale=True)
        age = int(answer.headers["Age"]) if answer.headers.get("Age", "").isdigit() else None
        if answer.status_code == 304 and kept:
            reply = replace(kept, age=age, request_id=request_id, kept_at=time.time())
        else:
            reply = Reply(answer.json(), age, request_id, time.time(), answer.headers.get("ETag"))
        self._keep(key, reply)
        return reply

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """All rows of a list, page by page. Raises as `get`."""
        cursor: dict[str, Any] = {}
        while True:
            reply = self.get(path, **query, **cursor)
            yield from reply.data
            if not reply.body["next"]:
                return
            cursor = {"cursor": reply.body["next"]}

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> Mapping[str, Any]:
        """The answer to `POST /api/v1<path>`, once; again after trouble only with an `idempotency_key`.

        Raises ApiError and Unreachable: then it may have been done all the same.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        if traceparent:
            headers["traceparent"] = traceparent
        answer, _ = self._ask("POST", path, headers, safe=idempotency_key is not None, json=dict(body))
        found: Mapping[str, Any] = answer.json()
        return found

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], *, safe: bool = True, **more: Any
    ) -> tuple[requests.Response, str]:
        request_id = uuid.uuid4().hex  # the same for every attempt
        said = {**headers, "X-Request-ID": request_id, "Accept": "application/json"}
        try:
            if safe:
                answer = self._again.copy()(self._attempt, method, path, said, **more)
            else:
                answer = self._attempt(method, path, said, **more)
        except _TryAgain as reason:
            raise Unreachable(f"{method} {path}: {reason} (request {request_id})") from None
        return answer, answer.headers.get("X-Request-ID", request_id)

    def _attempt(self, method: str, path: str, headers: dict[str, str], **more: Any) -> requests.Response:
        instance = self.instances.in_turn(self._is_healthy)
        if instance is None:
            raise _TryAgain("no instance answers")
        token = self._token_from(instance)
        answer = self._send(instance, method, path, {**headers, "Authorization": f"Bearer {token}"}, **more)
        if answer.status_code == 401:  # ended early: the portal's secret was replaced, or the service revoked
            self._token = None
            token = self._token_from(instance)
            answer = self._send(
                instance, method, path, {**headers, "Authorization": f"Bearer {token}"}, **more
            )
        if answer.status_code >= 400:
            raise _error_of(answer)
        return answer

    def _token_from(self, instance: Instance) -> str:
        with self._lock:
            if self._token is None or self._clock() >= self._token[1]:
                asked_at = self._clock()
                answer = self._send(
                    instance,
                    "POST",
                    "/token",
                    {"Accept": "application/json"},
                    data={"grant_type": "client_credentials"},
                    auth=(self._name, self._secret),
                )
                if answer.status_code != 200:
                    raise _error_of(answer)
                said = answer.json()
                lasts = max(0.0, said["expires_in"] - EARLY_SECONDS)
                self._token = (said["access_token"], asked_at + lasts)
            return self._token[0]

    def _send(
        self, instance: Instance, method: str, path: str, headers: Mapping[str, str], **more: Any
    ) -> requests.Response:
        if "auth" not in more:
            more["auth"] = _as_it_is  # otherwise requests puts a login from ~/.netrc in the token's place
        try:
            answer = self._session.request(
                method,
                f"{instance.url}{API}{path}",
                headers=dict(headers),
                timeout=timeout_for(path, self._timeouts),
                allow_redirects=False,
                **more,
            )
        except (requests.RequestException, OSError) as error:
            instance.failed()
            raise _TryAgain(f"{instance.url}: {type(error).__name__}") from None
        if answer.status_code in WORTH_REPEATING:
            if answer.status_code != 429:
                instance.failed()
            wait = answer.headers.get("Retry-After", "")
            raise _TryAgain(
                f"{instance.url}: HTTP {answer.status_code}", float(wait) if wait.isdigit() else 0.0
            )
        instance.answered()
        return answer

    def _is_healthy(self, instance: Instance) -> bool:
        try:
            answer = self._session.get(
                f"{instance.url}/health", timeout=timeout_for("/health", self._timeouts), auth=_as_it_is
            )
        except (requests.RequestException, OSError):
            instance.failed()
            return False
        return bool(answer.status_code == 200)

    def _keep(self, key: tuple[Any, ...], reply: Reply) -> None:
        with self._lock:
            self._kept[key] = reply
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _error_of(answer: requests.Response) -> ApiError:
    try:
        problem = answer.json()
    except requests.JSONDecodeError:
        problem = {}
    request_id = answer.headers.get("X-Request-ID", "")
    return ApiError(answer.status_code, problem if isinstance(problem, dict) else {}, request_id)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


_backoff = wait_random_exponential(multiplier=0.1, max=LONGEST_WAIT_SECONDS)


def _wait(state: RetryCallState) -> float:
    """With jitter, twice as long each time; at least what the API asked for, but never longer than bearable."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _TryAgain) else 0.0
    return min(LONGEST_WAIT_SECONDS, max(asked, _backoff(state)))
