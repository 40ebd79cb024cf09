"""No nonce twice, however many processes seal, and however they came to be."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tiktok_pipeline.vault import SecretToken
from tiktok_pipeline.vault.sealing import Place, seal

KEY = AESGCM(bytes(range(32)))
PLACE = Place("test", 1, "access_token", 1)


def nonces(count: int) -> list[bytes]:
    token = SecretToken("act.1")
    return [seal(token, PLACE, 1, KEY)[7:19] for _ in range(count)]


def sealed_in(method: str, processes: int, each: int) -> list[bytes]:
    """The nonces of some processes that run at once, and of this one, which they may be copies of."""
    here = nonces(each)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return here + [nonce for found in pool.map(nonces, [each] * processes) for nonce in found]


def test_processes_that_were_forked_after_sealing_repeat_no_nonce() -> None:
    found = sealed_in("fork", processes=4, each=5_000)
    assert len(set(found)) == len(found) == 25_000


@pytest.mark.soak
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_million_seals_in_eight_processes_repeat_no_nonce(method: str) -> None:
    found = sealed_in(method, processes=8, each=125_000)
    assert len(set(found)) == len(found) == 1_125_000
