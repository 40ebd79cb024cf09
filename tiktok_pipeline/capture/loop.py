"""The capture loop: threads take account-days from the board, fetch a page each, and land it.

One account's trouble stays its own: whatever goes wrong with it is written to its ledger row, and the
others go on. Only a database that stays away ends the loop, and a TikTok that answers nobody: then what is left is put
off until a later run.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.capture.board import Board
from tiktok_pipeline.capture.ledger import AccountDay, Failure, LeaseLost, Ledger, Reason
from tiktok_pipeline.capture.pages import PAGE_CAP, Step, profile_step, video_step
from tiktok_pipeline.crash_points import crash_point
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.tiktok.answers import Answer
from tiktok_pipeline.tiktok.errors import (
    AuthError,
    CircuitOpen,
    MalformedError,
    PermanentError,
    RateLimitedError,
    ScopeError,
    TikTokError,
    TransientError,
)
from tiktok_pipeline.vault import GrantMismatch, TokenMissing, VaultTampered
from tiktok_pipeline.warehouse.connection import AWAY

PLACES_PER_WORKER = 4  # account-days in turn per thread

REASONS: tuple[tuple[type[TikTokError], Reason], ...] = (
    (RateLimitedError, "quota_exhausted"),
    (TransientError, "provider_down"),
    (AuthError, "needs_reconnect"),
    (ScopeError, "scope_missing"),
    (MalformedError, "malformed"),
    (PermanentError, "malformed"),
)

log = logging.getLogger(__name__)


class CaptureLoop:
    """Captures what is planned of one endpoint, with `workers` threads."""

    def __init__(self, ledger: Ledger, requests: AccountRequests, workers: int) -> None:
        self.ledger = ledger
        self.requests = requests
        self.workers = workers

    def finish(self, day: dt.date) -> None:
        """Work until every account-day of `day` that may be fetched is captured, failed or, all together, put off."""
        board = Board(self.ledger, day, self.workers * PLACES_PER_WORKER)
        with self._alive(), ThreadPoolExecutor(self.workers, thread_name_prefix="capture") as pool:
            threads = [pool.submit(self._work, board) for _ in range(self.workers)]
            try:
                for thread in threads:
                    thread.result()
            except BaseException:
                # Told to stop, or the database stays away: nobody sleeps out a pause of the quota any more.
                board.stop()
                self.requests.stop()
                raise
        if board.gave_up is not None:
            left = self.ledger.put_off(day, str(board.gave_up))
            log.error("%s of %s: %d account-days put off: %s", self.ledger.endpoint, day, left, board.gave_up)
        self.ledger.tell_hub(day)

    def _work(self, board: Board) -> None:
        while (unit := board.take()) is not None:
            try:
                further = self._advance(unit)
            except CircuitOpen as error:
                board.give_up(error)  # no account's trouble: none of them has failed
                return
            except BaseException:
                board.stop()  # the database stays away: no thread can do anything useful
                raise
            if further is None:
                board.done_with(unit)
            else:
                board.put_back(further)

    def _advance(self, unit: AccountDay) -> AccountDay | None:
        """Fetch and land one page; the account-day as it stands then, or None when it is over."""
        try:
            if unit.status == "DISABLED":
                raise AccountDisabled("the account is disabled")
            answer = self.requests.page_of(unit)
            crash_point("page_answered")
            step = profile_step(answer) if unit.endpoint == "user_info" else video_step(answer, unit)
            self._land(unit, answer, step)
        except LeaseLost:
            log.info("%s: another worker has taken it over, or its day is over", unit)
            return None
        except (*AWAY, CircuitOpen):
            raise
        except Exception as error:
            self._fail(unit, error)
            return None
        crash_point("last_page_landed" if step.last else "page_landed")
        if step.last:
            return None
        return dataclasses.replace(unit, cursor=step.next_cursor, pages=unit.pages + 1)

    def _land(self, unit: AccountDay, answer: Answer, step: Step) -> None:
        self.ledger.land(
            unit,
            answer.body,
            log_id=answer.log_id,
            items=step.items,
            refused=step.refused,
            next_cursor=step.next_cursor,
            last=step.last,
        )

    def _fail(self, unit: AccountDay, error: Exception) -> None:
        failure = failure_of(error)
        log.warning("%s: %s", unit, failure.message)
        if failure.reason == "needs_reconnect":
            self.requests.flag_for_reconnect(unit.account_id, error, failure.message)
        self.ledger.fail(unit, failure)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Keep the leases while the block runs, give them back when it ends."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(self.ledger.lease.total_seconds() / 3):
                try:
                    self.ledger.extend_leases()
                except (PipelineError, psycopg.Error) as error:
                    log.warning("leases were not extended: %s", error)

        heart = threading.Thread(target=beat, name="capture-heartbeat", daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()
            try:
                self.ledger.release()
            except (PipelineError, psycopg.Error) as error:
                log.warning("leases were not given back, they end by themselves: %s", error)


class AccountDisabled(PipelineError):
    """The account was disabled after its day had been planned."""


def failure_of(error: Exception) -> Failure:
    """What the ledger says about `error`."""
    if isinstance(error, TikTokError):
        reason = next(reason for kind, reason in REASONS if isinstance(error, kind))
        final = isinstance(error, ScopeError | PermanentError) or error.code == PAGE_CAP
        return Failure(reason, error.code or "unknown", str(error), error.http_status, error.log_id, final)
    if isinstance(error, psycopg.errors.CheckViolation):
        return Failure("missed", "too_late", "the answer came after the day and its grace had ended")
    if isinstance(error, AccountDisabled):
        return Failure("cancelled", "disabled", str(error))
    if isinstance(error, TokenMissing | GrantMismatch):
        return Failure("needs_reconnect", type(error).__name__, str(error))
    if isinstance(error, VaultTampered):
        # A security case of this one account, and no other try opens it. It is not flagged: whether a reconnect is
        # the answer is for a person to say, who looks into it first.
        log.error("a stored token was changed or moved: %s", error)
        return Failure("missed", type(error).__name__, str(error), final=True)
    if isinstance(error, PipelineError):  # among them VaultKeyMissing: the operator's case, tried again
        return Failure("missed", type(error).__name__, str(error))
    log.error("an error that nobody expected", exc_info=error)
    return Failure("missed", type(error).__name__, f"unexpected: {type(error).__name__}: {error}")
