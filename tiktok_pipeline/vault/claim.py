"""The right to refresh an account's pair, and patience with the database while it is held."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import AWAY

SAVE_PATIENCE_SECONDS = 60.0  # a database that stays away longer finds the pair in the spool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send an account's refresh token, once; the database says so already."""

    account_id: int
    attempt_id: str
    open_id: str
    base_version: int
    base_saved_at: dt.datetime
    refresh_token: SecretToken

    @property
    def key(self) -> dict[str, Any]:
        """What a statement needs to speak for this attempt."""
        return {
            "account_id": self.account_id,
            "attempt_id": self.attempt_id,
            "base_version": self.base_version,
        }


def patiently(work: Callable[[], T]) -> T:
    """Do `work` again while the database is away, for a minute."""
    return Retrying(
        retry=retry_if_exception_type(AWAY),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(SAVE_PATIENCE_SECONDS),
        reraise=True,
    )(work)
