"""Nothing is sealed with a retired key, whatever a machine missed; and what waits in a spool outlives a rotation."""

import shutil
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.errors import KeyRetired
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.lifecycle import KeyNotReady, new_key, primary, promote, retire
from tiktok_pipeline.vault.ringfile import remove_key
from tiktok_pipeline.vault.rotation import Rotation
from tiktok_pipeline.warehouse.connection import DatabaseUnavailable, Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.vault.conftest import StrictTikTok, let_pass


@pytest.fixture
def elsewhere(warehouse: Warehouse, vault: TokenVault, keys_file: Path, tmp_path: Path) -> TokenVault:
    """The vault of another machine; its ring file has not been looked at for more than a day."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "keys.json"
    shutil.copy2(keys_file, path)
    opened = TokenVault.open(warehouse, path, "test", create=False)
    rows(
        warehouse,
        f"update vault.ring_file set seen_at = ops.now() - interval '25 hours' where path = '{path}'",
    )
    return opened


def rotated(warehouse: Warehouse, keys_file: Path) -> int:
    """Rotate to a new key, and let ten minutes pass; the key before."""
    before = read_key_ring(keys_file).primary
    new_key(warehouse, keys_file, "test")
    promote(warehouse, keys_file, "test")
    Rotation(warehouse, keys_file, "test", rest=lambda: None).finish()
    rows(warehouse, "update vault.key set state_since = state_since - interval '11 minutes'")
    return before


def seals(warehouse: Warehouse) -> list[str]:
    stored = rows(
        warehouse,
        "select distinct key.state from vault.token join vault.key on key_id in (access_key_id, refresh_key_id)",
    )
    return [row["state"] for row in stored]


def test_a_key_is_not_retired_while_a_ring_file_of_any_age_lacks_its_successor(
    warehouse: Warehouse, elsewhere: TokenVault, keys_file: Path, account_id: int
) -> None:
    old = rotated(warehouse, keys_file)
    with pytest.raises(KeyNotReady, match=r"not in .*elsewhere/keys\.json.*--anyway"):
        retire(warehouse, old)
    shutil.copy2(keys_file, keys_file.parent / "elsewhere" / "keys.json")
    elsewhere.sealer.look_now()
    retire(warehouse, old)


def test_a_ring_file_that_is_said_to_be_gone_is_not_asked_for_again(
    warehouse: Warehouse, elsewhere: TokenVault, keys_file: Path, account_id: int
) -> None:
    retire(warehouse, rotated(warehouse, keys_file), anyway=True)
    assert [row["path"] for row in rows(warehouse, "select path from vault.ring_file")] == [str(keys_file)]


def test_a_machine_that_missed_the_rotation_cannot_save_what_nobody_opens(
    warehouse: Warehouse,
    elsewhere: TokenVault,
    keys_file: Path,
    account_id: int,
    tiktok: StrictTikTok,
) -> None:
    retire(warehouse, rotated(warehouse, keys_file), anyway=True)
    with (
        pytest.raises(KeyRetired, match=r"is retired.*Copy the ring"),
        warehouse.transaction() as cursor,
    ):
        elsewhere.save_grant(cursor, account_id, tiktok.grant())
    assert seals(warehouse) == ["primary"]


def test_a_key_under_which_a_token_is_being_saved_is_not_retired(
    warehouse: Warehouse, elsewhere: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    old = rotated(warehouse, keys_file)
    with warehouse.transaction() as cursor:
        elsewhere.save_grant(cursor, account_id, tiktok.grant())
        with pytest.raises(KeyNotReady, match="being saved with it at this moment"):
            retire(warehouse, old, anyway=True)
    with pytest.raises(KeyNotReady, match="2 tokens are sealed with it"):
        retire(warehouse, old, anyway=True)


def test_the_database_itself_refuses_what_a_retired_key_seals(
    warehouse: Warehouse, keys_file: Path, account_id: int
) -> None:
    [stored] = rows(warehouse, "select access_token from vault.token")
    retire(warehouse, rotated(warehouse, keys_file))
    with pytest.raises(psycopg.errors.CheckViolation), warehouse.transaction() as cursor:
        cursor.execute("update vault.token set access_token = %s", (stored["access_token"],))


@pytest.mark.parametrize("out_of_the_file", [False, True])
def test_a_pair_that_waited_in_the_spool_through_a_rotation_is_sealed_anew(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    tiktok: StrictTikTok,
    monkeypatch: pytest.MonkeyPatch,
    out_of_the_file: bool,
) -> None:
    let_pass(warehouse, account_id, 7200)

    def away(*_: object, **__: object) -> bool:
        raise DatabaseUnavailable("restarting")

    with monkeypatch.context() as patched:
        patched.setattr("tiktok_pipeline.vault.claim.SAVE_PATIENCE_SECONDS", 0.1)
        patched.setattr(type(vault._attempts), "_save", away)
        with pytest.raises(DatabaseUnavailable):
            vault.access_token(account_id, tiktok.refresh)
    old = rotated(warehouse, keys_file)
    retire(warehouse, old)
    if out_of_the_file:
        assert remove_key(keys_file, old, primary(warehouse))
    again = TokenVault.open(warehouse, keys_file, "test", create=False)
    waiting = list(again._attempts.spool.pairs())
    if out_of_the_file:
        assert len(waiting) == 1  # kept until somebody puts the key back
    else:
        assert not waiting
        assert again.access_token(account_id, tiktok.out_of_reach).version == 2
        assert seals(warehouse) == ["primary"]


def test_a_pair_whose_key_is_retired_during_its_refresh_is_sealed_with_the_next_one(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    let_pass(warehouse, account_id, 7200)

    def slow(token: object) -> object:
        retire(warehouse, rotated(warehouse, keys_file))
        return tiktok.refresh(token)  # type: ignore[arg-type]

    assert vault.access_token(account_id, slow).version == 2  # type: ignore[arg-type]
    assert seals(warehouse) == ["primary"]
