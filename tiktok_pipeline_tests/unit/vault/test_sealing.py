"""A sealed token opens in its place, unchanged, with its key; in no other way."""

import dataclasses
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.vault import SecretToken, VaultError, VaultKeyMissing, VaultTampered
from tiktok_pipeline.vault.sealing import Place, seal, unseal

KEY_ID = 0x0A0B0C0D
KEY = AESGCM(bytes(range(32)))
KEYS = {KEY_ID: KEY}
PLACE = Place("production", 42, "access_token", 7)
NONCE = bytes(range(100, 112))

# Written down once. If this test fails, tokens that are stored today would no longer open: a changed format
# needs a new version byte instead.
GOLDEN = bytes.fromhex(
    "5456010a0b0c0d"  # header
    "6465666768696a6b6c6d6e6f"  # nonce
    "2978aa481e863afa5b0c7ec292af400300726537c661f3b4165bb2a2"
)


def test_the_format_is_the_golden_one() -> None:
    assert seal(SecretToken("act.golden!*"), PLACE, KEY_ID, KEY, nonce=NONCE) == GOLDEN
    assert unseal(GOLDEN, PLACE, KEYS).reveal() == "act.golden!*"


def test_the_golden_vector_opens_with_the_documented_layout_written_out_by_hand() -> None:
    associated_data = (
        b"\0\0\0\x07TV\x01\x0a\x0b\x0c\x0d\0\0\0\x0aproduction\0\0\0\x0242\0\0\0\x0caccess_token\0\0\0\x017"
    )
    assert KEY.decrypt(GOLDEN[7:19], GOLDEN[19:], associated_data) == b"act.golden!*"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_every_token_comes_back_as_it_was(text: str) -> None:
    assert unseal(seal(SecretToken(text), PLACE, KEY_ID, KEY), PLACE, KEYS).reveal() == text


def test_every_single_flipped_bit_is_refused() -> None:
    sealed = seal(SecretToken("rft." + "x" * 110), PLACE, KEY_ID, KEY)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            unseal(bytes(changed), PLACE, KEYS)


def test_every_truncation_and_every_extension_by_a_byte_is_refused() -> None:
    sealed = seal(SecretToken("rft." + "x" * 110), PLACE, KEY_ID, KEY)
    shorter = [sealed[:length] for length in range(len(sealed))] + [
        sealed[start:] for start in range(1, len(sealed))
    ]
    longer = [sealed + bytes([byte]) for byte in range(256)] + [bytes([byte]) + sealed for byte in range(256)]
    for changed in shorter + longer:
        with pytest.raises(VaultTampered):
            unseal(changed, PLACE, KEYS)


@pytest.mark.parametrize(
    "elsewhere",
    [
        dataclasses.replace(PLACE, account_id=43),
        dataclasses.replace(PLACE, field="refresh_token"),
        dataclasses.replace(PLACE, token_version=6),
        dataclasses.replace(PLACE, token_version=8),
        dataclasses.replace(PLACE, environment="staging"),
        # the same characters, cut elsewhere: "production" + "42", "42" + "7"
        dataclasses.replace(PLACE, environment="production4", account_id=2),
        dataclasses.replace(PLACE, account_id=4, environment="production2"),
    ],
    ids=lambda place: f"{place.environment}-{place.account_id}-{place.field}-{place.token_version}",
)
def test_a_sealed_token_does_not_open_in_another_place(elsewhere: Place) -> None:
    with pytest.raises(VaultTampered):
        unseal(seal(SecretToken("act.1"), PLACE, KEY_ID, KEY), elsewhere, KEYS)


def test_parts_that_join_to_the_same_text_do_not_open_each_other() -> None:
    here, there = Place("test1", 23, "access_token", 4), Place("test", 123, "access_token", 4)
    with pytest.raises(VaultTampered):
        unseal(seal(SecretToken("act.1"), here, KEY_ID, KEY), there, KEYS)


def test_another_key_under_the_same_id_does_not_open() -> None:
    with pytest.raises(VaultTampered):
        unseal(seal(SecretToken("act.1"), PLACE, KEY_ID, KEY), PLACE, {KEY_ID: AESGCM(os.urandom(32))})


def test_an_unknown_key_id_is_a_missing_key_and_no_other_key_is_tried() -> None:
    sealed = seal(SecretToken("act.1"), PLACE, KEY_ID, KEY)
    with pytest.raises(VaultKeyMissing, match="account 42, access_token version 7: sealed with key 0a0b0c0d"):
        unseal(sealed, PLACE, {KEY_ID + 1: KEY})


@pytest.mark.parametrize(
    "other", [b"act.plaintext", b"", b"TV\x02" + GOLDEN[3:], b"TV\x00" + GOLDEN[3:], b"tv\x01" + GOLDEN[3:]]
)
def test_what_is_not_of_the_format_is_refused(other: bytes) -> None:
    with pytest.raises(VaultTampered, match="not a sealed token"):
        unseal(other, PLACE, KEYS)


def test_every_seal_has_a_new_nonce() -> None:
    nonces = {seal(SecretToken("act.1"), PLACE, KEY_ID, KEY)[7:19] for _ in range(10_000)}
    assert len(nonces) == 10_000


@pytest.mark.parametrize("size", [0, 8, 11, 13, 16])
def test_a_nonce_has_twelve_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        seal(SecretToken("act.1"), PLACE, KEY_ID, KEY, nonce=bytes(size))


def test_an_empty_token_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="empty"):
        seal(SecretToken(""), PLACE, KEY_ID, KEY)


@pytest.mark.parametrize(
    "break_it", [lambda sealed: sealed[:-1], lambda sealed: sealed[:3] + b"\xff" + sealed[4:]]
)
def test_no_refusal_shows_the_token(break_it: Callable[[bytes], bytes]) -> None:
    with pytest.raises(VaultError) as refusal:
        unseal(break_it(seal(SecretToken("act.canary"), PLACE, KEY_ID, KEY)), PLACE, KEYS)
    assert "canary" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
