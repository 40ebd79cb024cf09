"""The sealed form of a token: AES-256-GCM, bound to its place. Pure functions, no file and no database.

| offset | length | field                                                         |
|--------|--------|---------------------------------------------------------------|
| 0      | 2      | magic `TV`                                                    |
| 2      | 1      | format version 0x01                                           |
| 3      | 4      | key id, big-endian, never 0                                   |
| 7      | 12     | nonce, random, new for every seal                             |
| 19     | n      | ciphertext, as long as the token in UTF-8                     |
| 19 + n | 16     | tag                                                           |

The first seven bytes are the header. What the tag also covers (the associated data): header, environment,
account id, field name and token version, each after its length (4 bytes, big-endian), numbers as decimal
text. So a sealed token that is moved to another row, column or database, or put back after a newer one was
saved, does not open. The key is looked up by its id alone: another key is never tried.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tiktok_pipeline.vault.errors import VaultKeyMissing, VaultTampered
from tiktok_pipeline.vault.secret import SecretToken

FORMAT = b"TV\x01"
HEADER_BYTES = 7
NONCE_BYTES = 12
TAG_BYTES = 16

# code_verifier: of an OAuth transaction, whose id then stands for the account's.
Field = Literal["access_token", "refresh_token", "code_verifier"]


@dataclass(frozen=True)
class Place:
    """Where a sealed token belongs, and the only place where it opens."""

    environment: str
    account_id: int
    field: Field
    token_version: int

    def __str__(self) -> str:
        return f"account {self.account_id}, {self.field} version {self.token_version}"


def seal(token: SecretToken, place: Place, key_id: int, key: AESGCM, *, nonce: bytes | None = None) -> bytes:
    """The sealed form of `token` for `place`. `nonce` is for golden vectors; absent: 12 random bytes."""
    if not token.reveal():
        raise ValueError(f"{place}: an empty token cannot be sealed")
    header = FORMAT + key_id.to_bytes(4, "big")
    nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
    return header + encrypt(token.reveal().encode(), nonce, key, _associated_data(header, place))


def unseal(sealed: bytes, place: Place, keys: Mapping[int, AESGCM]) -> SecretToken:
    """The token that was sealed for `place`.

    Raises VaultKeyMissing when its key is not among `keys`, VaultTampered when anything else differs.
    """
    if len(sealed) <= HEADER_BYTES + NONCE_BYTES + TAG_BYTES or not sealed.startswith(FORMAT):
        raise VaultTampered(f"{place}: not a sealed token of a known format. {_TAMPERED_HELP}")
    header = sealed[:HEADER_BYTES]
    key_id = int.from_bytes(header[len(FORMAT) :], "big")
    if key_id not in keys:
        raise VaultKeyMissing(
            f"{place}: sealed with key {key_id:08x}, which the key ring does not hold. "
            "Put that key back into the key ring; the account itself needs nothing."
        )
    associated_data = _associated_data(header, place)
    try:
        return SecretToken(decrypt(sealed[HEADER_BYTES:], keys[key_id], associated_data).decode())
    except InvalidTag:
        raise VaultTampered(f"{place}: the seal is broken or belongs elsewhere. {_TAMPERED_HELP}") from None


def encrypt(plaintext: bytes, nonce: bytes, key: AESGCM, associated_data: bytes) -> bytes:
    """Nonce, ciphertext, tag."""
    if len(nonce) != NONCE_BYTES:  # the library would take 8 to 128
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
    return nonce + key.encrypt(nonce, plaintext, associated_data)


def decrypt(encrypted: bytes, key: AESGCM, associated_data: bytes) -> bytes:
    """What `encrypt` was given. Raises InvalidTag when anything differs."""
    return key.decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], associated_data)


_TAMPERED_HELP = "Find out who changed it; reconnecting the account replaces it."


def _associated_data(header: bytes, place: Place) -> bytes:
    parts = (
        header,
        place.environment.encode(),
        str(place.account_id).encode(),
        place.field.encode(),
        str(place.token_version).encode(),
    )
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
