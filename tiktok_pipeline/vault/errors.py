"""What can go wrong in the vault. Each class is handled differently, so each is a class of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tiktok_pipeline.errors import PipelineError


class VaultError(PipelineError):
    """The vault refused; nothing was opened and nothing was saved."""


class KeyRingError(VaultError):
    """The key ring is missing, unreadable or the wrong one: nothing may start with it."""


class VaultKeyMissing(VaultError):
    """A token is sealed with a key that the ring does not hold: the operator's case, the account is fine."""


class KeyRetired(VaultError):
    """A process would seal with a key that is retired: its ring file lacks the key that seals now."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}, and this machine's key ring lacks the key that seals now: no token is saved. Copy the ring "
            "file of a machine where `tiktok-pipeline vault status` finds nothing wrong to this one. A refreshed pair "
            "waits in the spool, and is saved then."
        )


class VaultTampered(VaultError):
    """A sealed token is not what was written for this place: a security case, never retried."""


class TokenMissing(VaultError):
    """The account has no stored token: it has to be connected."""


class GrantMismatch(VaultError):
    """TikTok gave tokens of another account than the one they were asked for.

    `token_version` says which stored pair was used up by asking; None for a first grant.
    """

    token_version: int | None = None


@contextmanager
def retired_refused() -> Iterator[None]:
    """Turn the database's refusal of a token that a retired key seals into KeyRetired."""
    try:
        yield
    except psycopg.errors.CheckViolation as refused:
        if refused.diag.constraint_name != "sealed_with_a_key_that_opens":
            raise
        raise KeyRetired(str(refused.diag.message_primary)) from None
