"""Every token is sealed anew while everybody works, whatever kills the rotation, and none is ever unreadable."""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tiktok_pipeline.vault import TokenVault, VaultTampered
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.lifecycle import new_key, promote, unfinished
from tiktok_pipeline.vault.rotation import Rotated, Rotation
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline_tests.integration.vault.many_tokens import Workers, save_new_pair, seal_many, whole


def keys(warehouse: Warehouse) -> dict[int, dict[str, Any]]:
    return {row["key_id"]: row for row in warehouse.execute("vault/tokens_by_key")}


def rotation(warehouse: Warehouse, keys_file: Path, rest: Callable[[], None] = lambda: None) -> Rotation:
    return Rotation(warehouse, keys_file, "test", rest=rest)


def staged(warehouse: Warehouse, keys_file: Path) -> tuple[int, int]:
    """The key that seals and one that is about to."""
    return read_key_ring(keys_file).primary, new_key(warehouse, keys_file, "test")


@pytest.fixture
def many(warehouse: Warehouse, vault: TokenVault) -> int:
    seal_many(warehouse, vault.sealer, 1_100)
    return 1_100


def test_a_rotation_seals_every_token_anew_and_changes_none(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int
) -> None:
    old, new = staged(warehouse, keys_file)
    before = warehouse.execute("vault/batch_to_check", {"after": 0, "pairs": many})
    promote(warehouse, keys_file, "test")
    assert rotation(warehouse, keys_file).finish() == Rotated(many, [old], {})
    after = warehouse.execute("vault/batch_to_check", {"after": 0, "pairs": many})
    assert {row["access_token"][3:7] for row in after} == {new.to_bytes(4, "big")}
    assert not {row["refresh_token"] for row in before} & {row["refresh_token"] for row in after}
    assert [row["token_version"] for row in after] == [row["token_version"] for row in before]
    assert all(whole(warehouse, vault.sealer, number) for number in range(1, many, 50))
    states = {key_id: (key["state"], key["tokens"]) for key_id, key in keys(warehouse).items()}
    assert states == {old: ("decrypt_only", 0), new: ("primary", 2 * many)}
    assert not unfinished(warehouse)


def test_a_pair_that_is_renewed_while_it_is_sealed_anew_wins(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int
) -> None:
    staged(warehouse, keys_file)
    promote(warehouse, keys_file, "test")
    pair = warehouse.execute("vault/batch_to_check", {"after": 0, "pairs": 1})[0]
    save_new_pair(vault, 1)  # version 2, before what was read of version 1 is written
    with warehouse.transaction() as cursor:
        late = {"account_ids": [1], "versions": [1]}
        late |= {f"{name}s": [pair[name]] for name in ("access_token", "refresh_token")}
        assert run(cursor, "vault/reseal", late) == []
    assert whole(warehouse, vault.sealer, 1)


def test_a_pair_that_somebody_holds_is_waited_for_and_the_others_are_not_kept_waiting(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int, database_url: str
) -> None:
    old, _ = staged(warehouse, keys_file)
    with psycopg.connect(database_url.replace("+psycopg", "")) as holder:
        holder.execute("select 1 from vault.token where account_id = 7 for update")
        workers = Workers(database_url, keys_file, "rotate")
        deadline = time.monotonic() + 20
        while keys(warehouse)[old]["tokens"] > 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert keys(warehouse)[old]["tokens"] == 2
    assert workers.end() == ["cleared 1"]


def test_what_a_process_sealed_with_the_old_key_between_the_checks_is_sealed_anew(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int
) -> None:
    old, new = staged(warehouse, keys_file)
    rests = []

    def a_late_process_saves() -> None:
        rests.append(1)
        if len(rests) == 1:
            save_new_pair(vault, 5)  # it has looked at the keys less than half a minute ago

    promote(warehouse, keys_file, "test")
    rotated = rotation(warehouse, keys_file, a_late_process_saves).finish()
    assert (rotated.resealed, rotated.cleared, len(rests)) == (many + 1, [old], 2)
    assert keys(warehouse)[new]["tokens"] == 2 * many


def test_a_tampered_pair_is_left_as_it_is_and_the_old_key_is_not_cleared(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int
) -> None:
    old, _ = staged(warehouse, keys_file)
    with warehouse.transaction() as cursor:
        cursor.execute("update vault.token set token_version = 9 where account_id = 3")
    promote(warehouse, keys_file, "test")
    rotated = rotation(warehouse, keys_file).finish()
    assert (rotated.resealed, rotated.cleared, list(rotated.unopened)) == (many - 1, [], [3])
    assert isinstance(rotated.unopened[3], VaultTampered)
    assert keys(warehouse)[old]["tokens"] == 2
    assert unfinished(warehouse)
    save_new_pair(vault, 3)  # reconnected
    assert rotation(warehouse, keys_file).finish().cleared == [old]


def test_a_process_that_lives_through_a_rotation_reads_on_and_seals_with_the_new_key(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, many: int
) -> None:
    _, new = staged(warehouse, keys_file)
    promote(warehouse, keys_file, "test")
    rotation(warehouse, keys_file).finish()
    assert whole(warehouse, vault.sealer, 1)  # it has met a key that it did not hold, and looked
    save_new_pair(vault, 1)
    assert keys(warehouse)[new]["tokens"] == 2 * many


def rotate_under_load(
    warehouse: Warehouse,
    database_url: str,
    keys_file: Path,
    *,
    kills: int,
    longest: float,
    readers: int,
    renewers: int,
) -> list[str]:
    """Rotate while processes read and renew, killing the rotation `kills` times; what the processes said."""
    old, new = staged(warehouse, keys_file)
    load = Workers(database_url, keys_file, *["read"] * readers, *["renew"] * renewers)
    for _ in range(kills):
        rotator = Workers(database_url, keys_file, "rotate")
        time.sleep(random.uniform(0, longest))
        rotator.kill()
    assert Workers(database_url, keys_file, "rotate", "rotate").end() != ["cleared 0", "cleared 0"]
    said = load.end()
    states = {key_id: (key["state"], key["tokens"] > 0) for key_id, key in keys(warehouse).items()}
    assert states[new] == ("primary", True)
    assert states[old] == ("decrypt_only", False)
    return said


def test_nobody_notices_a_rotation_that_is_killed_and_begun_again(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, database_url: str
) -> None:
    seal_many(warehouse, vault.sealer, 2_000)
    said = rotate_under_load(warehouse, database_url, keys_file, kills=2, longest=0.3, readers=1, renewers=1)
    assert all(line.startswith("fine") for line in said), said
    assert all(int(line.split()[1]) > 10 for line in said), said


@pytest.mark.soak
def test_a_hundred_thousand_tokens_are_rotated_under_load_and_twenty_kills(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seal_many(warehouse, vault.sealer, 50_000)
    begun = time.monotonic()
    said = rotate_under_load(warehouse, database_url, keys_file, kills=20, longest=3, readers=6, renewers=2)
    with capsys.disabled():
        sys.stdout.write(
            f"\n100,000 tokens, 20 kills: {time.monotonic() - begun:.0f} s; the others: {said}\n"
        )
    assert all(line.startswith("fine") for line in said), said
