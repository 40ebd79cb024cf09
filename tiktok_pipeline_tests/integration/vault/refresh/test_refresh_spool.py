"""What lies in the spool is saved once, for the pair that it replaces, and for no other."""

import json
import os
import time
from pathlib import Path

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.attempt import unprotected_window
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.spool import Spool
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.vault.conftest import StrictTikTok
from tiktok_pipeline_tests.integration.vault.refresh.asker import refused
from tiktok_pipeline_tests.integration.vault.refresh.conftest import token_row


@pytest.fixture
def account_id(warehouse: Warehouse, vault: TokenVault, tiktok: StrictTikTok) -> int:
    """An account with a fresh grant, version 1; without HTTP."""
    number = add_account(warehouse, tiktok.open_id)
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, number, tiktok.grant())
    return number


@pytest.fixture
def folder(keys_file: Path) -> Path:
    return keys_file.parent / "spool"


@pytest.fixture
def left_behind(
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    tiktok: StrictTikTok,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The file of a refresh whose process died before the save; the database knows version 1."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(vault._attempts, "_save", dies)
        with pytest.raises(KeyboardInterrupt):
            vault.renew(account_id, refused(1), tiktok.refresh)
    assert token_row(warehouse, account_id)["token_version"] == 1
    [file] = folder.glob("*")
    return file


def start_again(warehouse: Warehouse, keys_file: Path) -> TokenVault:
    return TokenVault.open(warehouse, keys_file, "test", create=False)


def test_a_start_saves_what_was_left_behind(
    warehouse: Warehouse, keys_file: Path, account_id: int, tiktok: StrictTikTok, left_behind: Path
) -> None:
    access = start_again(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach)
    assert (access.version, access.token.reveal()) == (2, "act.canary-2")
    assert not left_behind.exists()
    row = token_row(warehouse, account_id)
    assert (row["refresh_state"], row["attempt_id"]) == ("idle", None)


def test_time_in_the_spool_counts(
    warehouse: Warehouse, keys_file: Path, account_id: int, left_behind: Path
) -> None:
    written = json.loads(left_behind.read_text())
    left_behind.write_text(json.dumps(written | {"answered_at": written["answered_at"] - 7000}))
    start_again(warehouse, keys_file)
    [row] = rows(
        warehouse, "select extract(epoch from access_expires_at - ops.now())::float8 as left from vault.token"
    )
    assert row["left"] == pytest.approx(200, abs=20)


def test_a_pair_that_somebody_has_replaced_is_dropped(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    tiktok: StrictTikTok,
    left_behind: Path,
) -> None:
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, account_id, tiktok.grant())
    access = start_again(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach)
    assert (access.version, access.token.reveal()) == (2, "act.canary-3")
    assert not left_behind.exists()


def test_a_pair_of_another_database_replaces_nothing(
    warehouse: Warehouse, keys_file: Path, account_id: int, tiktok: StrictTikTok, left_behind: Path
) -> None:
    with warehouse.transaction() as cursor:  # the same account and version, but saved at another moment
        cursor.execute("update vault.token set saved_at = saved_at - interval '1 microsecond'")
    access = start_again(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach)
    assert (access.version, access.token.reveal()) == (1, "act.canary-1")


def test_a_pair_of_a_deleted_account_is_dropped(
    warehouse: Warehouse, keys_file: Path, left_behind: Path
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute("delete from hub.store_accounts")
    start_again(warehouse, keys_file)
    assert not left_behind.exists()


def test_a_pair_sealed_with_another_key_is_kept_for_who_holds_that_key(
    warehouse: Warehouse, account_id: int, left_behind: Path, tmp_path: Path
) -> None:
    make_key_ring(tmp_path / "another.json")
    sealer = Sealer(read_key_ring(tmp_path / "another.json"), lambda held: held)
    stranger = TokenVault(warehouse, sealer, "test", Spool(left_behind.parent))
    assert stranger._attempts.replay() == 0
    assert left_behind.exists()
    assert token_row(warehouse, account_id)["token_version"] == 1


def test_files_that_cannot_be_read_are_left_and_stop_nothing(
    warehouse: Warehouse, keys_file: Path, account_id: int, left_behind: Path
) -> None:
    broken = []
    for number, content in enumerate([b"", b"{", b"[]", b"{}", b'{"account_id": 1}', b"\xff\xfe", b"null"]):
        broken.append(left_behind.with_name(f"0-broken-{number}.json"))
        broken[-1].write_bytes(content)
    start_again(warehouse, keys_file)
    assert all(file.exists() for file in broken)
    assert token_row(warehouse, account_id)["token_version"] == 2


def test_half_a_file_of_a_dead_process_is_cleared_away_in_time(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, folder: Path
) -> None:
    old, new = folder / "1-old.unfinished", folder / "1-new.unfinished"
    for file in (old, new):
        file.write_bytes(b"{")
    os.utime(old, (time.time() - 7200,) * 2)
    start_again(warehouse, keys_file)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_disk_that_is_full_does_not_cost_the_token(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    tiktok: StrictTikTok,
    folder: Path,
) -> None:
    folder.rmdir()
    assert vault.renew(account_id, refused(1), tiktok.refresh).version == 2
    assert start_again(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach).version == 2


def test_a_spool_that_cannot_be_made_stops_the_start(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path
) -> None:
    in_the_way = keys_file.parent / "file"
    in_the_way.touch()
    with pytest.raises(PipelineError, match="choose a DATA_DIR"):
        TokenVault.open(warehouse, keys_file, "test", create=False, spool_folder=in_the_way / "spool")


def test_no_token_is_in_the_spool_as_it_is(left_behind: Path) -> None:
    assert b"canary" not in left_behind.read_bytes()
    assert left_behind.stat().st_mode & 0o777 == 0o600


def test_the_time_from_answer_to_disk_is_measured(
    vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    before = unprotected_window.count
    vault.renew(account_id, refused(1), tiktok.refresh)
    assert unprotected_window.count == before + 1
    assert 0 < unprotected_window.p99 <= unprotected_window.longest
