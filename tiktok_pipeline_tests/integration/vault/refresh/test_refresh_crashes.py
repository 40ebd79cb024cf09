"""A process dies at every step of a refresh, and the account recovers without a person wherever that is possible."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.integration.vault.conftest import let_waits_pass
from tiktok_pipeline_tests.integration.vault.refresh.asker import Asker, refused
from tiktok_pipeline_tests.integration.vault.refresh.conftest import (
    status,
    token_calls,
    token_row,
    wait_for_token_calls,
    works,
)

# What dies with the process at each point: nothing, or the pair that only its memory held.
RECOVERS = ["before_claim", "after_claim", "before_send", "after_spool", "after_save", "before_return"]
LOSES_THE_PAIR = ["after_send", "after_answer", "after_seal"]


@pytest.fixture
def dies(
    database_url: str, keys_file: Path, account_id: int, sandbox: SandboxProcess, warehouse: Warehouse
) -> "Dies":
    return Dies(database_url, keys_file, account_id, sandbox, warehouse)


class Dies:
    """Lets a process renew the account's token of some version, and die at a crash point."""

    def __init__(
        self,
        database_url: str,
        keys_file: Path,
        account_id: int,
        sandbox: SandboxProcess,
        warehouse: Warehouse,
    ) -> None:
        self.database_url = database_url
        self.keys_file = keys_file
        self.account_id = account_id
        self.sandbox = sandbox
        self.warehouse = warehouse

    def at(self, point: str, version: int = 1) -> None:
        with Asker(self.database_url, self.keys_file, self.sandbox.base_url, point) as process:
            process.ask(self.account_id, version)
            assert process.answer() == "killed"
        time.sleep(0.05)  # what it sent last is still being worked on
        let_waits_pass(self.warehouse)


def recovers(
    point: str,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    version = token_row(warehouse, account_id)["token_version"]
    calls = token_calls(sandbox)
    dies.at(point, version)
    access = vault.renew(account_id, refused(version), oauth.refresh)
    assert access.version == version + 1
    assert token_calls(sandbox) == calls + 1
    assert works(sandbox, access.token)
    assert status(warehouse, account_id) == ("CONNECTED", None)
    row = token_row(warehouse, account_id)
    assert (row["refresh_state"], row["unknown_since"], row["fail_count"]) == ("idle", None, 0)
    TokenVault.open(warehouse, dies.keys_file, "test", create=False)  # the next start tidies up
    assert list(dies.keys_file.parent.glob("spool/*")) == []


def loses_the_pair(
    point: str,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    version = token_row(warehouse, account_id)["token_version"]
    calls = token_calls(sandbox)
    dies.at(point, version)
    with pytest.raises(AuthError, match="lost_rotation"):
        vault.renew(account_id, refused(version), oauth.refresh)
    with pytest.raises(AuthError, match="refused its tokens before"):
        vault.renew(account_id, refused(version), oauth.refresh)
    assert token_calls(sandbox) == calls + 2
    state, reason = status(warehouse, account_id)
    assert state == "NEED_RECONNECT"
    assert str(reason).startswith("lost_rotation: the refresh of ")
    assert "invalid_grant" in str(reason)


@pytest.mark.parametrize("point", RECOVERS)
def test_a_process_killed_where_nothing_is_lost_leaves_an_account_that_recovers_by_itself(
    point: str,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    recovers(point, dies, warehouse, vault, account_id, sandbox, oauth)


@pytest.mark.parametrize("point", LOSES_THE_PAIR)
def test_a_pair_that_only_a_dead_process_knew_ends_as_lost_rotation(
    point: str,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    loses_the_pair(point, dies, warehouse, vault, account_id, sandbox, oauth)


def test_a_request_that_never_arrived_costs_nothing(
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.set_faults(drop={"endpoint": "oauth/token", "at": "request", "times": 1})
    dies.at("after_send")
    assert works(sandbox, vault.renew(account_id, refused(1), oauth.refresh).token)
    assert status(warehouse, account_id) == ("CONNECTED", None)


@pytest.mark.soak
@pytest.mark.parametrize("point", RECOVERS)
def test_twenty_deaths_where_nothing_is_lost(
    point: str,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    for _ in range(20):
        recovers(point, dies, warehouse, vault, account_id, sandbox, oauth)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("point", LOSES_THE_PAIR)
def test_twenty_deaths_with_a_pair_in_memory(
    point: str,
    number: int,
    dies: Dies,
    warehouse: Warehouse,
    vault: TokenVault,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    loses_the_pair(point, dies, warehouse, vault, account_id, sandbox, oauth)


def test_a_success_that_comes_after_the_account_was_flagged_connects_it_again(
    warehouse: Warehouse,
    vault: TokenVault,
    database_url: str,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 400, "times": 1})
    with Asker(database_url, keys_file, sandbox.base_url) as holder:
        holder.ask(account_id, 1)
        wait_for_token_calls(sandbox, 1)
        stop(holder)
        let_waits_pass(warehouse)
        with pytest.raises(AuthError, match="lost_rotation"):
            vault.renew(account_id, refused(1), oauth.refresh)
        assert status(warehouse, account_id)[0] == "NEED_RECONNECT"
        resume(holder)
        assert holder.answer().startswith("2 ")
    assert status(warehouse, account_id) == ("CONNECTED", None)
    row = token_row(warehouse, account_id)
    assert (row["refresh_state"], row["refused_at"], row["fail_class"]) == ("idle", None, None)
    assert works(sandbox, vault.access_token(account_id, oauth.refresh).token)
    assert token_calls(sandbox) == 2


def test_a_refusal_is_not_believed_when_the_slow_holder_has_saved_meanwhile(
    warehouse: Warehouse,
    vault: TokenVault,
    database_url: str,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 400, "times": 1})
    with Asker(database_url, keys_file, sandbox.base_url) as holder:
        holder.ask(account_id, 1)
        wait_for_token_calls(sandbox, 1)
        stop(holder)
        let_waits_pass(warehouse)

        def refused_too_late(token: SecretToken) -> TokenGrant:
            resume(holder)
            assert holder.answer().startswith("2 ")
            return oauth.refresh(token)

        assert vault.renew(account_id, refused(1), refused_too_late).version == 2
    assert status(warehouse, account_id) == ("CONNECTED", None)
    assert token_row(warehouse, account_id)["refused_at"] is None


def test_a_refusal_is_not_believed_when_the_spool_holds_the_next_pair(
    warehouse: Warehouse,
    vault: TokenVault,
    database_url: str,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 400, "times": 1})
    with Asker(database_url, keys_file, sandbox.base_url, "after_spool") as holder:
        holder.ask(account_id, 1)
        wait_for_token_calls(sandbox, 1)
        stop(holder)
        let_waits_pass(warehouse)

        def refused_too_late(token: SecretToken) -> TokenGrant:
            resume(holder)
            assert holder.answer() == "killed"
            return oauth.refresh(token)

        access = vault.renew(account_id, refused(1), refused_too_late)
    assert access.version == 2
    assert works(sandbox, access.token)
    assert status(warehouse, account_id) == ("CONNECTED", None)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_a_signal_while_tiktok_thinks_does_not_throw_its_answer_away(
    number: signal.Signals,
    warehouse: Warehouse,
    database_url: str,
    keys_file: Path,
    account_id: int,
    sandbox: SandboxProcess,
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 800, "times": 1})
    module = "tiktok_pipeline_tests.integration.vault.refresh.asker"
    arguments = (database_url, str(keys_file), sandbox.base_url, str(account_id))
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stderr=subprocess.DEVNULL)
    wait_for_token_calls(sandbox, 1)
    time.sleep(0.1)
    assert token_row(warehouse, account_id)["token_version"] == 1
    process.send_signal(number)
    assert process.wait(20) != 0
    assert token_row(warehouse, account_id)["token_version"] == 2
    assert status(warehouse, account_id) == ("CONNECTED", None)
    assert token_calls(sandbox) == 1


def stop(process: Asker) -> None:
    """Stop it, and let TikTok's answer arrive at a process that does not move."""
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)


def resume(process: Asker) -> None:
    os.kill(process.pid, signal.SIGCONT)
