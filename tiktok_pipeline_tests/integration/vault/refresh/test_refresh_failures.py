"""What a refresh that fails does to its account: nothing, unless TikTok has said for certain that the grant is over."""

import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.errors import AuthError, MalformedError, TransientError
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault, claim
from tiktok_pipeline.vault.refresh import CALL_SECONDS
from tiktok_pipeline.warehouse.connection import DatabaseUnavailable, Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.vault.conftest import let_pass, let_waits_pass
from tiktok_pipeline_tests.integration.vault.refresh.asker import refused
from tiktok_pipeline_tests.integration.vault.refresh.conftest import (
    connect_accounts,
    status,
    statuses,
    token_calls,
    token_row,
    wait_for_token_calls,
    wait_until,
    works,
)

MINUTE = 60.0
TOKEN = "oauth/token"
Connect = Callable[[int], list[int]]


def renew_all(vault: TokenVault, accounts: list[int], oauth: OAuthClient, threads: int = 16) -> list[str]:
    """Renew the tokens of version 1 of all accounts at once; the error codes, empty for a success."""

    def renew(account_id: int) -> str:
        try:
            vault.renew(account_id, refused(1), oauth.refresh)
        except TransientError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(renew, accounts))


def outage(
    rounds: int,
    warehouse: Warehouse,
    vault: TokenVault,
    accounts: list[int],
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    """TikTok answers 503 for a while, and is healthy again then."""
    sandbox.set_faults(html_error={"endpoint": TOKEN, "status": 503})
    for _ in range(rounds):
        assert all(renew_all(vault, accounts, oauth))
        let_waits_pass(warehouse)
    assert statuses(warehouse) == {"CONNECTED"}
    sandbox.clear_faults()
    assert not any(renew_all(vault, accounts, oauth))
    assert statuses(warehouse) == {"CONNECTED"}
    assert {row["token_version"] for row in rows(warehouse, "select token_version from vault.token")} == {2}
    assert rows(warehouse, "select 1 from vault.token where fail_count > 0 or refresh_state <> 'idle'") == []


def test_an_outage_of_tiktok_disconnects_nobody(
    warehouse: Warehouse, vault: TokenVault, connect: Connect, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    outage(3, warehouse, vault, connect(20), sandbox, oauth)


@pytest.mark.soak
def test_a_long_outage_of_tiktok_disconnects_none_of_two_hundred(
    warehouse: Warehouse, vault: TokenVault
) -> None:
    with SandboxProcess(accounts=200, videos=1, limit=0) as sandbox:
        oauth = OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret))
        accounts = connect_accounts(warehouse, vault, oauth, sandbox, 200)
        outage(40, warehouse, vault, accounts, sandbox, oauth)


def test_each_failure_may_make_the_wait_twice_as_long_up_to_ten_minutes(
    warehouse: Warehouse, vault: TokenVault, account_id: int
) -> None:
    def unavailable(_: SecretToken) -> TokenGrant:
        raise TransientError("TikTok is down", code="server_error", http_status=503)

    longest = []
    for number in range(9):
        with pytest.raises(TransientError, match="TikTok is down"):
            vault.renew(account_id, refused(1), unavailable)
        [row] = rows(
            warehouse,
            "select extract(epoch from next_attempt_at - ops.now())::float8 as wait from vault.token",
        )
        assert -1 < row["wait"] <= min(5 * 2**number, 600)
        longest.append(row["wait"])
        let_waits_pass(warehouse)
    assert len(set(longest)) == 9
    assert token_row(warehouse, account_id)["fail_count"] == 9


def test_what_tiktok_asks_to_wait_is_waited(warehouse: Warehouse, vault: TokenVault, account_id: int) -> None:
    def too_many(_: SecretToken) -> TokenGrant:
        raise TransientError("later", code="rate_limit_exceeded", http_status=429, retry_after=300)

    with pytest.raises(TransientError, match="later"):
        vault.renew(account_id, refused(1), too_many)
    with pytest.raises(TransientError, match="no refresh for another") as waiting:
        vault.renew(account_id, refused(1), too_many)
    assert waiting.value.retry_after == pytest.approx(300, abs=5)


def test_the_old_token_serves_while_tiktok_is_down(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(html_error={"endpoint": TOKEN, "status": 503})
    let_pass(warehouse, account_id, 115 * MINUTE)
    for _ in range(2):
        assert vault.access_token(account_id, oauth.refresh).version == 1
    assert token_calls(sandbox) == 1  # the second waits for the time of the next attempt
    let_pass(warehouse, account_id, 5 * MINUTE)
    with pytest.raises(TransientError):
        vault.access_token(account_id, oauth.refresh)


def test_the_old_token_serves_while_somebody_else_refreshes(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    let_pass(warehouse, account_id, 115 * MINUTE)
    sandbox.set_faults(slow={"endpoint": TOKEN, "delay_ms": 500, "times": 1})
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(vault.access_token, account_id, oauth.refresh)
        wait_for_token_calls(sandbox, 1)
        assert vault.access_token(account_id, oauth.refresh).version == 1
        assert not first.done()
        assert first.result().version == 2
    assert token_calls(sandbox) == 1


def test_an_impatient_caller_is_told_so_and_the_answer_is_saved_all_the_same(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(slow={"endpoint": TOKEN, "delay_ms": 500, "times": 1})
    for _ in range(2):  # the one that sent it, and one that waits for it
        with pytest.raises(TransientError, match="still under way"):
            vault.renew(account_id, refused(1), oauth.refresh, patience_seconds=0.1)
    wait_until(lambda: token_row(warehouse, account_id)["token_version"] == 2)
    assert token_calls(sandbox) == 1
    assert works(sandbox, vault.access_token(account_id, oauth.refresh).token)


def test_waiters_hold_no_connection(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(slow={"endpoint": TOKEN, "delay_ms": 500, "times": 1})
    with ThreadPoolExecutor(40) as threads:  # twice as many as there are connections
        waiting = [threads.submit(vault.renew, account_id, refused(1), oauth.refresh) for _ in range(40)]
        wait_for_token_calls(sandbox, 1)
        for _ in range(20):
            held = rows(
                warehouse,
                "select 1 from pg_stat_activity where datname = current_database() "
                "and clock_timestamp() - xact_start > interval '150 milliseconds'",
            )
            assert held == []
            time.sleep(0.015)
        assert {each.result().version for each in waiting} == {2}
    assert token_calls(sandbox) == 1


def test_stopping_ends_the_waits_and_not_the_refresh(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(slow={"endpoint": TOKEN, "delay_ms": 900, "times": 1})
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(vault.renew, account_id, refused(1), oauth.refresh) for _ in range(4)]
        wait_for_token_calls(sandbox, 1)
        vault.stop_waiting()
        for each in waiting:
            with pytest.raises(TransientError, match="still under way"):
                each.result(timeout=0.8)
    wait_until(lambda: token_row(warehouse, account_id)["token_version"] == 2)


def test_an_answer_that_was_cut_off_is_not_a_failure_but_unknown_and_ends_as_lost_rotation(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(drop={"endpoint": TOKEN, "at": "answer", "times": 1})
    with pytest.raises(TransientError):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert token_row(warehouse, account_id)["refresh_state"] == "uncertain"
    assert status(warehouse, account_id) == ("CONNECTED", None)
    let_waits_pass(warehouse)
    with pytest.raises(AuthError, match="lost_rotation"):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert str(status(warehouse, account_id)[1]).startswith("lost_rotation: ")
    assert token_calls(sandbox) == 2


def test_an_answer_that_cannot_be_read_is_unknown_too(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(truncated_json={"endpoint": TOKEN, "times": 1})
    with pytest.raises(MalformedError):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert token_row(warehouse, account_id)["refresh_state"] == "uncertain"
    assert status(warehouse, account_id) == ("CONNECTED", None)


def test_a_request_that_was_never_sent_leaves_nothing_unknown(
    warehouse: Warehouse, vault: TokenVault, account_id: int, oauth: OAuthClient, sandbox: SandboxProcess
) -> None:
    nobody = OAuthClient("http://127.0.0.1:9", sandbox.client_key, SecretToken("secret"))
    with pytest.raises(TransientError):
        vault.renew(account_id, refused(1), nobody.refresh)
    row = token_row(warehouse, account_id)
    assert (row["refresh_state"], row["unknown_since"], row["fail_class"]) == ("idle", None, "temporary")
    let_waits_pass(warehouse)
    sandbox.revoke(0)
    with pytest.raises(AuthError) as ended:
        vault.renew(account_id, refused(1), oauth.refresh)
    assert "lost_rotation" not in str(ended.value)


@pytest.mark.parametrize("code", ["invalid_grant", "access_denied", "unauthorized_client"])
def test_the_end_of_a_grant_flags_the_account_and_the_pair_is_not_sent_again(
    code: str,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    [before] = rows(warehouse, "select status_changed_at from hub.store_accounts")
    sandbox.set_faults(oauth_error={"endpoint": TOKEN, "error": code, "description": "No more."})
    with pytest.raises(AuthError, match=code):
        vault.renew(account_id, refused(1), oauth.refresh)
    state, reason = status(warehouse, account_id)
    assert state == "NEED_RECONNECT"
    assert code in str(reason)
    [after] = rows(warehouse, "select status_changed_at from hub.store_accounts")
    assert after["status_changed_at"] > before["status_changed_at"]
    with pytest.raises(AuthError, match="refused its tokens before"):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert token_calls(sandbox) == 1


@pytest.mark.parametrize("code", ["invalid_request", "invalid_scope", "something_new"])
def test_any_other_refusal_is_tried_again_later_and_flags_nobody(
    code: str,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.set_faults(oauth_error={"endpoint": TOKEN, "error": code, "status": 401, "times": 1})
    with pytest.raises(TransientError, match=code):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert status(warehouse, account_id) == ("CONNECTED", None)
    let_waits_pass(warehouse)
    assert works(sandbox, vault.renew(account_id, refused(1), oauth.refresh).token)


def test_a_person_who_reconnects_clears_everything_that_was_known(
    warehouse: Warehouse, vault: TokenVault, connect: Connect, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    (account_id,) = connect(1)
    sandbox.revoke(0)
    with pytest.raises(AuthError):
        vault.renew(account_id, refused(1), oauth.refresh)
    assert connect(1) == [account_id]
    row = token_row(warehouse, account_id)
    assert (row["refused_at"], row["fail_class"], row["fail_count"]) == (None, None, 0)
    assert works(sandbox, vault.renew(account_id, refused(2), oauth.refresh).token)
    assert status(warehouse, account_id) == ("CONNECTED", None)


def test_a_refused_app_stops_all_refreshes_and_touches_no_account(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    connect: Connect,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    accounts = connect(20)
    sandbox.set_faults(invalid_client=True, slow={"endpoint": TOKEN, "delay_ms": 200})
    another = TokenVault.open(
        Warehouse(warehouse.url.render_as_string(hide_password=False)), keys_file, "test", create=False
    )
    with ThreadPoolExecutor(2) as both:
        halves = [
            both.submit(renew_all, vault, accounts[:10], oauth),
            both.submit(renew_all, another, accounts[10:], oauth),
        ]
        codes = {code for half in halves for code in half.result()}
    another.warehouse.close()
    assert codes == {"invalid_client"}
    assert token_calls(sandbox) <= 5
    assert statuses(warehouse) == {"CONNECTED"}
    assert set(renew_all(vault, accounts, oauth)) == {"invalid_client"}
    calls = token_calls(sandbox)
    assert calls <= 5
    let_waits_pass(warehouse)  # the stop is over: one is tried, and it is longer than before
    assert set(renew_all(vault, accounts, oauth)) == {"invalid_client"}
    assert token_calls(sandbox) == calls + 1
    [stop] = rows(warehouse, "select refusals, stopped_until - ops.now() as longer from vault.refresh_stop")
    assert (stop["refusals"], stop["longer"] > dt.timedelta(seconds=90)) == (2, True)
    assert statuses(warehouse) == {"CONNECTED"}
    sandbox.clear_faults()
    let_waits_pass(warehouse)
    assert not any(renew_all(vault, accounts, oauth))
    assert rows(warehouse, "select 1 from vault.refresh_stop") == []


def test_at_most_five_refreshes_are_under_way(
    warehouse: Warehouse, vault: TokenVault, connect: Connect, oauth: OAuthClient
) -> None:
    accounts = connect(12)
    under_way, most = itertools.count(), []
    now: set[int] = set()
    lock = threading.Lock()

    def refresh(token: SecretToken) -> TokenGrant:
        number = next(under_way)
        with lock:
            now.add(number)
            most.append(len(now))
        time.sleep(0.1)
        try:
            return oauth.refresh(token)
        finally:
            with lock:
                now.discard(number)

    with ThreadPoolExecutor(12) as threads:
        renewed = [threads.submit(vault.renew, account, refused(1), refresh) for account in accounts]
        assert {each.result().version for each in renewed} == {2}
    assert 1 < max(most) <= 5


@contextmanager
def database_away(warehouse: Warehouse) -> Iterator[None]:
    """The database refuses every connection while the block runs, as when its server restarts."""
    name = warehouse.url.database
    admin = warehouse.url.set(database="postgres", drivername="postgresql").render_as_string(
        hide_password=False
    )
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" allow_connections false'.encode())
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            yield
        finally:
            connection.execute(f'alter database "{name}" allow_connections true'.encode())


def test_a_database_that_is_away_right_after_the_answer_costs_no_token(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim, "SAVE_PATIENCE_SECONDS", 0.3)
    away = database_away(warehouse)

    def refresh(token: SecretToken) -> TokenGrant:
        grant = oauth.refresh(token)
        away.__enter__()
        return grant

    try:
        with pytest.raises((DatabaseUnavailable, psycopg.OperationalError)):
            vault.renew(account_id, refused(1), refresh)
    finally:
        away.__exit__(None, None, None)
    [file] = (keys_file.parent / "spool").glob("*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    again = TokenVault.open(warehouse, keys_file, "test", create=False)
    access = again.access_token(account_id, oauth.refresh)
    assert (access.version, token_calls(sandbox)) == (2, 1)
    assert works(sandbox, access.token)
    assert works(
        sandbox, again.renew(account_id, refused(2), oauth.refresh).token
    )  # its refresh token lives, too
    assert not file.exists()


def test_the_same_process_saves_the_pair_when_the_database_is_back(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    away = database_away(warehouse)

    def refresh(token: SecretToken) -> TokenGrant:
        grant = oauth.refresh(token)
        away.__enter__()
        threading.Timer(0.7, away.__exit__, (None, None, None)).start()
        return grant

    with ThreadPoolExecutor(1) as threads:
        renewed = threads.submit(vault.renew, account_id, refused(1), refresh)
        with suppress(
            DatabaseUnavailable, psycopg.OperationalError
        ):  # a waiter may say so; the refresh goes on
            assert renewed.result().version == 2
    wait_until(lambda: token_row(warehouse, account_id)["token_version"] == 2)
    assert token_calls(sandbox) == 1


def test_a_call_may_not_outlive_its_lease() -> None:
    with pytest.raises(ValueError, match="outlive its lease"):
        OAuthClient("http://localhost", "key", SecretToken("secret"), timeout_seconds=CALL_SECONDS + 1)
