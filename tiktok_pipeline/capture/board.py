"""The account-days in hand, served page by page in turn.

A giant account with hundreds of pages takes one place among many, so the small ones do not wait for it. Where many
giants take all the places, each makes room after a few pages as long as others wait.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque

from tiktok_pipeline.capture.ledger import AccountDay, Ledger

POLL_SECONDS = 0.5
TURN_PAGES = 5  # with 32 places: 160 pages, 18 s at the quota's speed, until the next ones have theirs


class Board:
    """Hands out account-days of one day to the threads of one worker until none is left anywhere."""

    def __init__(self, ledger: Ledger, day: dt.date, places: int) -> None:
        self.ledger = ledger
        self.day = day
        self.places = places
        self.gave_up: Exception | None = None
        self._waiting: deque[AccountDay] = deque()
        self._in_hand: set[int] = set()  # accounts: those that wait and those that a thread works on
        self._look_again_at = 0.0
        self._others_wait = False
        self._stopped = False
        self._changed = threading.Condition()

    def take(self) -> AccountDay | None:
        """The account-day whose turn it is; None when the day is done or the work was stopped.

        While other workers hold the rest of the day, waits: what they drop is taken up here.
        """
        with self._changed:
            while not self._stopped:
                self._fill_places()
                if self._waiting:
                    return self._waiting.popleft()
                if not self._in_hand and self.ledger.left(self.day) == 0:
                    self._stop()
                else:
                    self._changed.wait(POLL_SECONDS)
            return None

    def put_back(self, unit: AccountDay) -> None:
        """Line `unit` up again: it has another page."""
        if self._others_wait and unit.pages % TURN_PAGES == 0:
            self.ledger.give_back(unit)
            self.done_with(unit)
            return
        with self._changed:
            self._waiting.append(unit)
            self._changed.notify()

    def done_with(self, unit: AccountDay) -> None:
        """`unit` is finished, one way or the other."""
        with self._changed:
            self._in_hand.discard(unit.account_id)
            self._changed.notify()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stop()

    def give_up(self, why: Exception) -> None:
        """Hand out nothing more, because it is in vain just now."""
        self.gave_up = why
        self.stop()

    def _fill_places(self) -> None:
        free = self.places - len(self._in_hand)
        if free < self.places // 4 or time.monotonic() < self._look_again_at:
            return  # a statement for a single place would cost as much as one for many
        claimed = self.ledger.claim(self.day, free, self._in_hand)
        self._waiting.extend(claimed)
        self._in_hand.update(unit.account_id for unit in claimed)
        self._others_wait = len(claimed) >= free
        if len(claimed) < free:  # there is no more for now
            self._look_again_at = time.monotonic() + POLL_SECONDS

    def _stop(self) -> None:
        self._stopped = True
        self._changed.notify_all()
