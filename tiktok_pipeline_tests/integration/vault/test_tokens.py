"""Access tokens are valid when handed out, refreshed in time, and sealed where they lie."""

import copy
import datetime as dt
import pickle
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.vault import (
    GrantMismatch,
    SecretToken,
    TokenMissing,
    TokenVault,
    VaultKeyMissing,
    VaultTampered,
)
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.vault.sealer import Sealer
from tiktok_pipeline.vault.spool import Spool
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account
from tiktok_pipeline_tests.integration.vault.conftest import OPEN_ID, StrictTikTok, let_pass

MINUTE, HOUR = 60, 3600


def reopened(warehouse: Warehouse, keys_file: Path, environment: str = "test") -> TokenVault:
    """The vault as another process would see it: without what this one keeps opened."""
    return TokenVault.open(warehouse, keys_file, environment, create=False)


def stored(warehouse: Warehouse, account_id: int) -> dict[str, object]:
    """The stored pair; not what the refresh protocol notes beside it."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "select access_token, refresh_token, token_version, access_expires_at, refresh_expires_at, saved_at "
            "from vault.token where account_id = %s",
            (account_id,),
        )
        row = cursor.fetchone()
    assert row
    return dict(row)


def test_a_fresh_token_is_handed_out_without_a_call(
    vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    access = vault.access_token(account_id, tiktok.out_of_reach)
    assert access.token.reveal() == "act.canary-1"
    assert access.version == 1
    assert access.scopes == {"user.info.basic", "video.list"}
    assert access.expires_at.tzinfo is dt.UTC


def test_expiry_is_what_tiktok_said_from_now_on_the_database_clock(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute("select ops.now() as now, * from hub.store_accounts where id = %s", (account_id,))
        row = cursor.fetchone()
    assert row
    access = vault.access_token(account_id, tiktok.out_of_reach)
    assert access.expires_at == row["token_expires_at"]
    assert row["token_expires_at"] - row["now"] == pytest.approx(
        dt.timedelta(hours=2), abs=dt.timedelta(seconds=5)
    )
    assert row["refresh_token_expires_at"] - row["now"] == pytest.approx(
        dt.timedelta(days=180), abs=dt.timedelta(seconds=5)
    )
    assert row["scope"] == "user.info.basic,video.list"


def test_an_expired_token_is_refreshed_once_and_the_new_pair_is_saved(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    let_pass(warehouse, account_id, 3 * HOUR)
    access = vault.access_token(account_id, tiktok.refresh)
    assert (access.token.reveal(), access.version, tiktok.calls) == ("act.canary-2", 2, 1)
    again = reopened(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach)
    assert again.token.reveal() == "act.canary-2"


@pytest.mark.parametrize(
    ("lifetime", "still_good_at", "refreshed_at"),
    [
        (2 * HOUR, 109 * MINUTE, 111 * MINUTE),  # ten minutes early at most
        (24 * HOUR, 24 * HOUR - 11 * MINUTE, 24 * HOUR - 9 * MINUTE),
        (20 * MINUTE, 16.5 * MINUTE, 17.5 * MINUTE),  # 15 %
        (4 * MINUTE, 175, 185),  # a minute at least
        (40, 15, 25),  # half of what is shorter than two minutes
    ],
)
def test_a_token_is_refreshed_before_it_ends(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    tiktok: StrictTikTok,
    lifetime: int,
    still_good_at: float,
    refreshed_at: float,
) -> None:
    tiktok.expires_in = lifetime
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, account_id, tiktok.grant())
    let_pass(warehouse, account_id, still_good_at)
    assert reopened(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach).version == 2
    let_pass(warehouse, account_id, refreshed_at - still_good_at)
    assert reopened(warehouse, keys_file).access_token(account_id, tiktok.refresh).version == 3


def test_a_refused_token_is_replaced_by_a_refreshed_one(
    vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    renewed = vault.renew(account_id, refused, tiktok.refresh)
    assert (renewed.token.reveal(), renewed.version, tiktok.calls) == ("act.canary-2", 2, 1)
    assert vault.access_token(account_id, tiktok.out_of_reach).version == 2


def test_a_refused_token_that_somebody_has_replaced_costs_no_call(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    reopened(warehouse, keys_file).renew(account_id, refused, tiktok.refresh)
    renewed = vault.renew(account_id, refused, tiktok.out_of_reach)
    assert renewed.version == 2


def test_a_token_that_replaced_a_refused_one_but_has_ended_is_refreshed(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    reopened(warehouse, keys_file).renew(account_id, refused, tiktok.refresh)
    let_pass(warehouse, account_id, 3 * HOUR)
    assert vault.renew(account_id, refused, tiktok.refresh).version == 3


def test_an_opened_token_is_not_read_again_for_every_page(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    first = vault.access_token(account_id, tiktok.out_of_reach)
    with warehouse.transaction() as cursor:
        cursor.execute("delete from vault.token")
    assert vault.access_token(account_id, tiktok.out_of_reach) is first


def test_a_new_grant_is_used_at_once(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    vault.access_token(account_id, tiktok.out_of_reach)
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, account_id, tiktok.grant())
    assert vault.access_token(account_id, tiktok.out_of_reach).version == 2


def test_a_refused_refresh_is_the_callers_and_the_stored_pair_stays(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    before = stored(warehouse, account_id)
    tiktok.grant()  # the person connected elsewhere: our refresh token is dead
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    with pytest.raises(AuthError, match="invalid_grant"):
        vault.renew(account_id, refused, tiktok.refresh)
    assert stored(warehouse, account_id) == before


def test_tokens_of_another_account_are_refused_and_nothing_is_saved(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    before = stored(warehouse, account_id)
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    tiktok.open_id = "-000somebody-else"
    with pytest.raises(GrantMismatch, match=f"-000somebody-else, not of {OPEN_ID}") as refusal:
        vault.renew(account_id, refused, tiktok.refresh)
    assert "canary" not in str(refusal.value)
    assert stored(warehouse, account_id) == before


def test_what_goes_wrong_after_a_refresh_does_not_lose_the_new_pair(
    warehouse: Warehouse, vault: TokenVault, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    let_pass(warehouse, account_id, 3 * HOUR)

    def page() -> None:
        vault.access_token(account_id, tiktok.refresh)
        raise RuntimeError("the page failed")

    with pytest.raises(RuntimeError):
        page()
    assert reopened(warehouse, keys_file).access_token(account_id, tiktok.out_of_reach).version == 2


def test_a_refresh_that_does_not_say_the_scope_leaves_it_as_it_was(
    warehouse: Warehouse, vault: TokenVault, account_id: int
) -> None:
    silent = TokenGrant(OPEN_ID, (), SecretToken("act.2"), SecretToken("rft.2"), 7200, 15_552_000)
    renewed = vault.renew(account_id, vault.access_token(account_id, lambda _: silent), lambda _: silent)
    assert renewed.scopes == {"user.info.basic", "video.list"}


def test_a_grant_is_saved_with_the_callers_transaction_or_not_at_all(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    before = stored(warehouse, account_id)

    def save_and_fail() -> None:
        with warehouse.transaction() as cursor:
            vault.save_grant(cursor, account_id, tiktok.grant())
            raise RuntimeError("the caller failed")

    with pytest.raises(RuntimeError):
        save_and_fail()
    assert stored(warehouse, account_id) == before


def test_an_account_without_a_token_says_so(
    warehouse: Warehouse, vault: TokenVault, tiktok: StrictTikTok
) -> None:
    never_connected = add_account(warehouse, "-000never")
    with pytest.raises(TokenMissing, match="Reconnect"):
        vault.access_token(never_connected, tiktok.out_of_reach)
    with pytest.raises(TokenMissing, match="no token is stored"), warehouse.transaction() as cursor:
        vault.access_token(never_connected + 1, tiktok.out_of_reach)
    with pytest.raises(TokenMissing, match="no such account"), warehouse.transaction() as cursor:
        vault.save_grant(cursor, never_connected + 1, tiktok.grant())


def test_the_database_refuses_a_token_that_is_not_sealed(warehouse: Warehouse, account_id: int) -> None:
    for column in ("access_token", "refresh_token"):
        for plaintext in (b"act.example12345Example12345Example", b"", b"TV\x01short", b"TV\x02" + b"x" * 60):
            with pytest.raises(psycopg.errors.CheckViolation), warehouse.transaction() as cursor:
                cursor.execute(f"update vault.token set {column} = %s".encode(), (plaintext,))


@pytest.mark.parametrize(
    "move",
    [
        "update vault.token t set access_token = o.access_token from vault.token o "
        "where o.account_id <> t.account_id",
        "update vault.token set access_token = refresh_token",
        "update vault.token set token_version = token_version + 1",
        "update vault.token set access_token = set_byte(access_token, 25, get_byte(access_token, 25) # 1)",
        "update vault.token set access_token = access_token || '\\x00'",
    ],
    ids=["another account's", "another column's", "another version's", "a flipped bit", "a longer one"],
)
def test_a_sealed_token_that_was_moved_or_changed_in_the_database_does_not_open(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok, move: str
) -> None:
    tiktok.open_id = "-000second"
    second = add_account(warehouse, tiktok.open_id)
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, second, tiktok.grant())
    with warehouse.transaction() as cursor:
        cursor.execute(move.encode())
    with pytest.raises(VaultTampered):
        vault.access_token(account_id, tiktok.out_of_reach)


def test_an_older_pair_put_back_into_the_row_does_not_open(
    warehouse: Warehouse, vault: TokenVault, account_id: int, tiktok: StrictTikTok
) -> None:
    old = stored(warehouse, account_id)
    refused = vault.access_token(account_id, tiktok.out_of_reach)
    vault.renew(account_id, refused, tiktok.refresh)
    with warehouse.transaction() as cursor:
        cursor.execute("update vault.token set refresh_token = %s", (old["refresh_token"],))
    let_pass(warehouse, account_id, 3 * HOUR)
    with pytest.raises(VaultTampered):
        vault.renew(account_id, refused, tiktok.out_of_reach)


def test_tokens_of_another_environment_do_not_open(
    warehouse: Warehouse, keys_file: Path, account_id: int, tiktok: StrictTikTok
) -> None:
    with pytest.raises(VaultTampered):
        reopened(warehouse, keys_file, "production").access_token(account_id, tiktok.out_of_reach)


def test_a_missing_key_is_not_called_tampering(
    warehouse: Warehouse, account_id: int, tiktok: StrictTikTok, tmp_path: Path
) -> None:
    make_key_ring(tmp_path / "another.json")
    sealer = Sealer(read_key_ring(tmp_path / "another.json"), lambda held: held)
    vault = TokenVault(warehouse, sealer, "test", Spool(tmp_path / "spool"))
    with pytest.raises(VaultKeyMissing, match="the account itself needs nothing"):
        vault.access_token(account_id, tiktok.out_of_reach)


def test_a_vault_cannot_be_pickled_or_copied(vault: TokenVault) -> None:
    for keep in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            keep(vault)


def test_two_grants_of_the_same_token_do_not_look_the_same(
    warehouse: Warehouse, vault: TokenVault, account_id: int
) -> None:
    same = TokenGrant(OPEN_ID, (), SecretToken("act.same"), SecretToken("act.same"), 7200, 15_552_000)
    with warehouse.transaction() as cursor:
        vault.save_grant(cursor, account_id, same)
    row = stored(warehouse, account_id)
    assert row["access_token"] != row["refresh_token"]
