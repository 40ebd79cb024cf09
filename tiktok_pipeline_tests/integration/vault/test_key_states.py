"""A key is staged, then seals, then only opens, then nothing; and all machines agree on it."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc

from tiktok_pipeline.vault import KeyRingError, SecretToken, TokenVault, VaultKeyMissing
from tiktok_pipeline.vault.keyring import KeyRing, read_key_ring
from tiktok_pipeline.vault.lifecycle import KeyNotReady, clear, give_up, new_key, promote, retire
from tiktok_pipeline.vault.registry import look_again, open_key_ring
from tiktok_pipeline.vault.rotation import Rotation
from tiktok_pipeline.vault.sealer import LOOK_SECONDS, Sealer
from tiktok_pipeline.vault.sealing import Place
from tiktok_pipeline.warehouse.connection import DatabaseUnavailable, Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.vault.conftest import StrictTikTok

PLACE = Place("test", 1, "access_token", 1)
TOKEN = SecretToken("act.1")


def states(warehouse: Warehouse) -> dict[int, str]:
    return {row["key_id"]: row["state"] for row in warehouse.execute("vault/registered_keys")}


def key_of(sealed: bytes) -> int:
    return int.from_bytes(sealed[3:7], "big")


def rotate(warehouse: Warehouse, path: Path, **more: Any) -> None:
    promote(warehouse, path, "test", **more)
    Rotation(warehouse, path, "test", rest=lambda: None).finish()


def pass_ten_minutes(warehouse: Warehouse) -> None:
    rows(warehouse, "update vault.key set state_since = state_since - interval '11 minutes'")


@pytest.fixture
def first(warehouse: Warehouse, vault: TokenVault, keys_file: Path) -> int:
    """The first key; it seals."""
    return read_key_ring(keys_file).primary


def write(path: Path, primary: int, **keys: bytes) -> None:
    text = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    path.write_text(json.dumps({"primary": f"{primary:08x}", "keys": text}))
    path.chmod(0o600)


def test_the_first_key_seals_and_a_new_one_is_only_announced(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, first: int
) -> None:
    assert states(warehouse) == {first: "primary"}
    second = new_key(warehouse, keys_file, "test")
    assert states(warehouse) == {first: "primary", second: "staged"}
    assert set(read_key_ring(keys_file).keys) == {first, second}
    fresh = Sealer.open(warehouse, keys_file, "test", create=False)
    assert key_of(fresh.seal(TOKEN, PLACE)) == first


def test_the_files_primary_counts_only_while_the_database_has_none(
    warehouse: Warehouse, keys_file: Path
) -> None:
    write(keys_file, 0xB, **{"0000000a": b"a" * 16 + b"1" * 16, "0000000b": b"b" * 16 + b"1" * 16})
    assert open_key_ring(warehouse, keys_file, "test", create=False).primary == 0xB
    write(keys_file, 0xA, **{"0000000a": b"a" * 16 + b"1" * 16, "0000000b": b"b" * 16 + b"1" * 16})
    assert open_key_ring(warehouse, keys_file, "test", create=False).primary == 0xB
    assert states(warehouse) == {0xA: "staged", 0xB: "primary"}


def test_keys_from_before_there_were_states_take_the_files_primary(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, first: int
) -> None:
    rows(warehouse, "update vault.key set state = 'decrypt_only'")  # as the migration leaves them
    assert open_key_ring(warehouse, keys_file, "test", create=False).primary == first
    assert states(warehouse) == {first: "primary"}


def test_a_database_from_before_a_key_was_made_learns_it_again(
    warehouse: Warehouse, keys_file: Path, first: int
) -> None:
    second = new_key(warehouse, keys_file, "test")
    held = open_key_ring(warehouse, keys_file, "test", create=False)
    rows(warehouse, "delete from vault.key where key_id = %s", second)  # a backup was restored
    assert look_again(warehouse, keys_file, "test", held).primary == first
    assert states(warehouse) == {first: "primary", second: "staged"}


def test_there_is_never_more_than_one_primary(warehouse: Warehouse, keys_file: Path, first: int) -> None:
    new_key(warehouse, keys_file, "test")
    with pytest.raises(psycopg.errors.UniqueViolation):
        rows(warehouse, "update vault.key set state = 'primary'")


def test_a_second_new_key_waits_for_the_first(warehouse: Warehouse, keys_file: Path, first: int) -> None:
    second = new_key(warehouse, keys_file, "test")
    with pytest.raises(
        KeyNotReady, match=f"key {second:08x}: staged already.*vault rotate.*retire {second:08x}"
    ):
        new_key(warehouse, keys_file, "test")
    retire(warehouse, second)
    third = new_key(warehouse, keys_file, "test")
    assert states(warehouse) == {first: "primary", second: "retired", third: "staged"}


def test_a_key_does_not_seal_before_every_ring_file_in_use_holds_it(
    warehouse: Warehouse, keys_file: Path, first: int, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    shutil.copy(keys_file, elsewhere)
    open_key_ring(warehouse, elsewhere, "test", create=False)
    new_key(warehouse, keys_file, "test")
    with pytest.raises(KeyNotReady, match=rf"not in every ring file.*{elsewhere}.*--anyway"):
        promote(warehouse, keys_file, "test")
    assert states(warehouse)[first] == "primary"
    open_key_ring(warehouse, elsewhere, "test", create=False)  # a start without the staged key is fine
    shutil.copy(keys_file, elsewhere)
    open_key_ring(warehouse, elsewhere, "test", create=False)
    assert promote(warehouse, keys_file, "test")


def test_a_ring_file_that_nobody_has_used_for_a_day_is_not_waited_for(
    warehouse: Warehouse, keys_file: Path, first: int, tmp_path: Path
) -> None:
    shutil.copy(keys_file, tmp_path / "gone.json")
    open_key_ring(warehouse, tmp_path / "gone.json", "test", create=False)
    new_key(warehouse, keys_file, "test")
    rows(warehouse, "update vault.ring_file set seen_at = seen_at - interval '25 hours'")
    assert promote(warehouse, keys_file, "test")


def test_without_the_staged_key_in_this_ring_nothing_is_promoted(
    warehouse: Warehouse, keys_file: Path, first: int, tmp_path: Path
) -> None:
    shutil.copy(keys_file, tmp_path / "before.json")
    new_key(warehouse, keys_file, "test")
    with pytest.raises(KeyNotReady):
        promote(warehouse, tmp_path / "before.json", "test", anyway=True)


def test_a_start_without_the_primary_or_with_a_false_key_is_refused(
    warehouse: Warehouse, keys_file: Path, first: int, tmp_path: Path
) -> None:
    before = tmp_path / "before.json"
    shutil.copy(keys_file, before)
    second = new_key(warehouse, keys_file, "test")
    rotate(warehouse, keys_file)
    with pytest.raises(KeyRingError, match=f"lacks key {second:08x}, which this database knows as primary"):
        open_key_ring(warehouse, before, "test", create=False)
    document = json.loads(keys_file.read_text())
    document["keys"][f"{second:08x}"] = base64.b64encode(b"x" * 31 + b"y").decode()
    before.write_text(json.dumps(document))
    with pytest.raises(KeyRingError, match=f"key {second:08x} is not the key.*check value differs"):
        open_key_ring(warehouse, before, "test", create=False)


@pytest.mark.parametrize(
    "key", [bytes(32), bytes(range(32)), bytes(range(1, 33))], ids=["zeros", "golden", "other"]
)
def test_a_key_of_the_tests_is_refused_for_real_tokens(
    warehouse: Warehouse, keys_file: Path, key: bytes
) -> None:
    write(keys_file, 0xA, **{"0000000a": key})
    for environment in ("production", "staging"):
        with pytest.raises(KeyRingError, match=f"0000000a was made up.*{environment}"):
            open_key_ring(warehouse, keys_file, environment, create=False)
    assert states(warehouse) == {}
    assert open_key_ring(warehouse, keys_file, "test", create=False).primary == 0xA


def test_a_key_is_retired_only_when_nothing_needs_it(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    first: int,
    tiktok: StrictTikTok,
) -> None:
    with pytest.raises(KeyNotReady, match="it is the one that seals"):
        retire(warehouse, first)
    new_key(warehouse, keys_file, "test")
    promote(warehouse, keys_file, "test")
    with pytest.raises(KeyNotReady, match="2 tokens are sealed with it"):
        retire(warehouse, first)
    assert clear(warehouse) == []
    Rotation(warehouse, keys_file, "test", rest=lambda: None).finish()
    with pytest.raises(KeyNotReady, match="Wait ten minutes"):
        retire(warehouse, first)
    pass_ten_minutes(warehouse)
    retire(warehouse, first)
    assert states(warehouse)[first] == "retired"
    assert vault.access_token(account_id, tiktok.out_of_reach).version == 1
    with pytest.raises(KeyNotReady, match="this database knows none"):
        retire(warehouse, 1)


def test_a_key_that_was_not_checked_twice_is_not_retired(
    warehouse: Warehouse, keys_file: Path, first: int
) -> None:
    new_key(warehouse, keys_file, "test")
    promote(warehouse, keys_file, "test")
    pass_ten_minutes(warehouse)
    with pytest.raises(KeyNotReady, match="no rotation has checked yet"):
        retire(warehouse, first)


def test_a_retired_key_opens_nothing_and_its_tokens_are_not_called_tampered(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, first: int
) -> None:
    sealed = vault.sealer.seal(TOKEN, PLACE)
    new_key(warehouse, keys_file, "test")
    rotate(warehouse, keys_file)
    fresh = Sealer.open(warehouse, keys_file, "test", create=False)
    assert fresh.unseal(sealed, PLACE).reveal() == "act.1"
    pass_ten_minutes(warehouse)
    retire(warehouse, first)
    fresh = Sealer.open(warehouse, keys_file, "test", create=False)
    with pytest.raises(VaultKeyMissing):
        fresh.unseal(sealed, PLACE)


def test_a_lost_key_gives_up_its_tokens_alone_and_asks_for_a_reconnect(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    first: int,
    tiktok: StrictTikTok,
) -> None:
    keys_file.unlink()
    with pytest.raises(KeyRingError, match="Restore the file"):
        new_key(warehouse, keys_file, "test")
    assert give_up(warehouse, first) == 1
    [account] = rows(warehouse, "select status, status_reason from hub.store_accounts")
    assert account["status"] == "NEED_RECONNECT"
    assert f"{first:08x}" in account["status_reason"]
    second = new_key(warehouse, keys_file, "test")
    assert states(warehouse) == {first: "retired", second: "primary"}
    again = TokenVault.open(warehouse, keys_file, "test", create=False)
    with warehouse.transaction() as cursor:
        again.save_grant(cursor, account_id, tiktok.grant())
    assert again.access_token(account_id, tiktok.out_of_reach).version == 2


def test_a_lost_primary_of_a_ring_with_others_is_followed_by_a_new_one(
    warehouse: Warehouse, keys_file: Path, first: int
) -> None:
    give_up(warehouse, first)
    with pytest.raises(KeyRingError, match=r"is retired here.*vault new-key"):
        open_key_ring(warehouse, keys_file, "test", create=True)
    second = new_key(warehouse, keys_file, "test")
    assert open_key_ring(warehouse, keys_file, "test", create=False).primary == second


def test_a_token_of_an_unknown_key_cannot_be_stored(warehouse: Warehouse, account_id: int) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        rows(
            warehouse,
            "update vault.token set access_token = overlay(access_token placing '\\x00000001' from 4 for 4)",
        )


class Elapsed:
    """A stopwatch that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def looking(warehouse: Warehouse, path: Path, elapsed: Elapsed) -> Sealer:
    ring = open_key_ring(warehouse, path, "test", create=False)
    return Sealer(ring, lambda held: look_again(warehouse, path, "test", held), elapsed)


def test_a_process_that_lives_on_seals_with_the_new_primary_within_half_a_minute(
    warehouse: Warehouse, keys_file: Path, first: int
) -> None:
    elapsed = Elapsed()
    sealer = looking(warehouse, keys_file, elapsed)
    second = new_key(warehouse, keys_file, "test")
    promote(warehouse, keys_file, "test")
    assert key_of(sealer.seal(TOKEN, PLACE)) == first
    elapsed.seconds += LOOK_SECONDS
    assert key_of(sealer.seal(TOKEN, PLACE)) == second


def test_a_key_that_comes_into_the_file_opens_without_a_restart(
    warehouse: Warehouse, keys_file: Path, first: int, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    shutil.copy(keys_file, elsewhere)
    sealer = looking(warehouse, elsewhere, Elapsed())
    new_key(warehouse, keys_file, "test")
    promote(warehouse, keys_file, "test", anyway=True)
    sealed = looking(warehouse, keys_file, Elapsed()).seal(TOKEN, PLACE)
    with pytest.raises(VaultKeyMissing):
        sealer.unseal(sealed, PLACE)
    shutil.copy(keys_file, elsewhere)
    assert sealer.unseal(sealed, PLACE).reveal() == "act.1"


@pytest.mark.parametrize(
    "trouble",
    [
        DatabaseUnavailable("away"),
        KeyRingError("half a file."),
        sqlalchemy.exc.TimeoutError("no connection left"),
    ],
)
def test_sealing_goes_on_with_the_keys_held_while_they_cannot_be_looked_at(
    warehouse: Warehouse,
    keys_file: Path,
    first: int,
    trouble: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def look(held: KeyRing) -> KeyRing:
        raise trouble

    elapsed = Elapsed()
    sealer = Sealer(open_key_ring(warehouse, keys_file, "test", create=False), look, elapsed)
    elapsed.seconds += LOOK_SECONDS
    sealed = sealer.seal(TOKEN, PLACE)
    assert sealer.unseal(sealed, PLACE).reveal() == "act.1"
    assert "stay in use" in caplog.text


def test_a_sealer_asks_the_database_twice_a_minute_and_no_more(keys_file: Path, first: int) -> None:
    looks = []
    elapsed = Elapsed()

    def look(held: KeyRing) -> KeyRing:
        looks.append(elapsed.seconds)
        return held

    sealer = Sealer(read_key_ring(keys_file), look, elapsed)
    for _ in range(600):
        elapsed.seconds += 0.1
        sealer.unseal(sealer.seal(TOKEN, PLACE), PLACE)
    assert len(looks) == 2
