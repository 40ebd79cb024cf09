"""The public test vectors for AES-GCM, through our own encrypt and decrypt."""

import json
from importlib.resources import files
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tiktok_pipeline.vault.sealing import decrypt, encrypt

VECTORS = json.loads(files("tiktok_pipeline_tests").joinpath("data/wycheproof_aes_gcm.json").read_text())[
    "tests"
]


def test_the_vectors_are_all_there() -> None:
    results = [vector["result"] for vector in VECTORS]
    assert (results.count("valid"), results.count("invalid"), len(results)) == (39, 27, 66)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['tcId']} {vector['comment']}")
def test_what_is_valid_comes_out_exactly_and_what_is_not_is_refused(vector: dict[str, Any]) -> None:
    key, iv, aad, plaintext, ciphertext, tag = (
        bytes.fromhex(vector[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
    )
    encrypted = iv + ciphertext + tag
    if vector["result"] == "valid":
        assert encrypt(plaintext, iv, AESGCM(key), aad) == encrypted
        assert decrypt(encrypted, AESGCM(key), aad) == plaintext
    else:
        assert encrypt(plaintext, iv, AESGCM(key), aad) != encrypted
        with pytest.raises(InvalidTag):
            decrypt(encrypted, AESGCM(key), aad)
