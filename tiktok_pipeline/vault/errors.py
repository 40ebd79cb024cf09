"""What can go wrong in the vault. Each class is handled differently, so each is a class of its own."""

from __future__ import annotations

from tiktok_pipeline.errors import PipelineError


class VaultError(PipelineError):
    """The vault refused; nothing was opened and nothing was saved."""


class KeyRingError(VaultError):
    """The key ring is missing, unreadable or the wrong one: nothing may start with it."""


class VaultKeyMissing(VaultError):
    """A token is sealed with a key that the ring does not hold: the operator's case, the account is fine."""


class VaultTampered(VaultError):
    """A sealed token is not what was written for this place: a security case, never retried."""


class TokenMissing(VaultError):
    """The account has no stored token: it has to be connected."""


class GrantMismatch(VaultError):
    """TikTok gave tokens of another account than the one they were asked for.

    `token_version` says which stored pair was used up by asking; None for a first grant.
    """

    token_version: int | None = None
