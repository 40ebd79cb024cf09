"""Tokens: sealing, the key ring, and the vault that hands out access tokens and renews them."""

from tiktok_pipeline.vault.errors import (
    GrantMismatch,
    KeyRingError,
    TokenMissing,
    VaultError,
    VaultKeyMissing,
    VaultTampered,
)
from tiktok_pipeline.vault.opened import AccessToken
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.vault.tokens import TokenVault

__all__ = [
    "AccessToken",
    "GrantMismatch",
    "KeyRingError",
    "SecretToken",
    "TokenMissing",
    "TokenVault",
    "VaultError",
    "VaultKeyMissing",
    "VaultTampered",
]
