"""Over HTTP, with a TikTok that rotates strictly: one refresh however many ask, and no pair is lost."""

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tiktok_pipeline.hub.accounts import connect_account
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError, TransientError
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_store
from tiktok_pipeline_tests.integration.vault.conftest import let_pass, let_waits_pass

HOURS = 3600
REDIRECT = "http://localhost/callback"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=1, videos=1, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def oauth(sandbox: SandboxProcess) -> OAuthClient:
    return OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret))


@pytest.fixture
def account_id(warehouse: Warehouse, vault: TokenVault, sandbox: SandboxProcess, oauth: OAuthClient) -> int:
    """The sandbox's account, connected with a real code; its requests are counted from here on."""
    account = connect_account(
        warehouse,
        vault,
        oauth,
        store_code=add_store(warehouse),
        auth_code=sandbox.authorize(0),
        redirect_uri=REDIRECT,
        client_key=sandbox.client_key,
    )
    sandbox.set_faults()
    sandbox.reset_requests()
    return account.id


def token_calls(sandbox: SandboxProcess) -> int:
    return sum(
        line["endpoint"].strip("/").endswith("oauth/token") for line in sandbox.requests(log=True)["log"]
    )


def works(sandbox: SandboxProcess, token: SecretToken) -> bool:
    """Whether TikTok takes the token."""
    client = TikTokClient(sandbox.base_url, sandbox.client_key)
    try:
        client.user_info(token, ["user.info.basic"])
    except AuthError:
        return False
    finally:
        client.close()
    return True


class Askers:
    """Processes that are started, and then asked all at once."""

    def __init__(self, count: int, *arguments: object) -> None:
        command = [
            sys.executable,
            "-m",
            "tiktok_pipeline_tests.integration.vault.asker",
            *map(str, arguments),
        ]
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        for process in self.processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

    def answers(self) -> list[str]:
        for process in self.processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        return [process.communicate(timeout=60)[0].strip() for process in self.processes]


def test_eight_threads_on_an_expired_token_make_one_call(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 300})
    sandbox.expire(0)
    let_pass(warehouse, account_id, 3 * HOURS)
    gate = threading.Barrier(8)

    def ask() -> SecretToken:
        gate.wait()
        return vault.access_token(account_id, oauth.refresh).token

    with ThreadPoolExecutor(8) as threads:
        tokens = [future.result() for future in [threads.submit(ask) for _ in range(8)]]
    assert len({token.reveal() for token in tokens}) == 1
    assert token_calls(sandbox) == 1
    assert works(sandbox, tokens[0])


def test_eight_threads_whose_token_was_refused_make_one_call(
    vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    refused = vault.access_token(account_id, oauth.refresh)
    sandbox.expire(0)
    assert not works(sandbox, refused.token)
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 300})
    gate = threading.Barrier(8)

    def ask() -> SecretToken:
        gate.wait()
        return vault.renew(account_id, refused, oauth.refresh).token

    with ThreadPoolExecutor(8) as threads:
        tokens = [future.result() for future in [threads.submit(ask) for _ in range(8)]]
    assert len({token.reveal() for token in tokens}) == 1
    assert token_calls(sandbox) == 1
    assert works(sandbox, tokens[0])


def test_four_processes_on_an_expired_token_make_one_call(
    warehouse: Warehouse, keys_file: Path, database_url: str, account_id: int, sandbox: SandboxProcess
) -> None:
    sandbox.set_faults(slow={"endpoint": "oauth/token", "delay_ms": 500})
    sandbox.expire(0)
    let_pass(warehouse, account_id, 3 * HOURS)
    answers = Askers(4, database_url, keys_file, sandbox.base_url, account_id, "live").answers()
    assert len(set(answers)) == 1
    assert answers[0].startswith("2 ")
    assert token_calls(sandbox) == 1


def test_a_process_killed_before_it_uses_its_new_token_leaves_the_pair_to_the_others(
    warehouse: Warehouse,
    vault: TokenVault,
    keys_file: Path,
    database_url: str,
    account_id: int,
    sandbox: SandboxProcess,
    oauth: OAuthClient,
) -> None:
    sandbox.expire(0)
    let_pass(warehouse, account_id, 3 * HOURS)
    killed = Askers(1, database_url, keys_file, sandbox.base_url, account_id, "die")
    assert killed.answers() == [""]
    access = vault.access_token(account_id, oauth.refresh)
    assert (access.version, token_calls(sandbox)) == (2, 1)
    assert works(sandbox, access.token)
    assert works(
        sandbox, vault.renew(account_id, access, oauth.refresh).token
    )  # its refresh token lives, too


def test_a_refresh_that_tiktok_could_not_answer_leaves_the_pair_and_the_next_one_succeeds(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.set_faults(drop={"endpoint": "oauth/token", "at": "request"})
    let_pass(warehouse, account_id, 3 * HOURS)
    with pytest.raises(TransientError, match="oauth/token"):
        vault.access_token(account_id, oauth.refresh)
    sandbox.set_faults()
    with pytest.raises(
        TransientError, match="no refresh for another"
    ):  # not at once: TikTok has just had trouble
        vault.access_token(account_id, oauth.refresh)
    let_waits_pass(warehouse)
    assert works(sandbox, vault.access_token(account_id, oauth.refresh).token)


def test_a_dead_grant_is_an_auth_error(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    sandbox.revoke(0)
    let_pass(warehouse, account_id, 3 * HOURS)
    with pytest.raises(AuthError, match="invalid_grant"):
        vault.access_token(account_id, oauth.refresh)


def test_no_token_is_anywhere_in_the_database(
    warehouse: Warehouse, vault: TokenVault, account_id: int, sandbox: SandboxProcess, oauth: OAuthClient
) -> None:
    seen: list[str] = []

    def refresh(token: SecretToken) -> TokenGrant:
        grant = oauth.refresh(token)
        seen.extend([token.reveal(), grant.access_token.reveal(), grant.refresh_token.reveal()])
        return grant

    first = vault.access_token(account_id, oauth.refresh)
    seen.append(first.token.reveal())
    vault.renew(account_id, first, refresh)
    assert len(seen) == 4
    content = whole_database(warehouse)
    assert b"jakarta_01" in content  # text as it is
    assert b"x545601" in content  # bytea in hex
    for token in seen:
        for form in (token, quote(token, safe=""), base64.b64encode(token.encode()).decode()[:-4]):
            assert form.encode() not in content
            assert form.encode().hex().encode() not in content  # as bytea is written out


def whole_database(warehouse: Warehouse) -> bytes:
    """Every column of every table of ours, as COPY writes it."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "select format('copy (select * from %I.%I) to stdout', schemaname, tablename) as statement "
            "from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        )
        statements = [row["statement"] for row in cursor.fetchall()]
        content = bytearray()
        for statement in statements:
            with cursor.copy(statement.encode()) as copy:
                for chunk in copy:
                    content += chunk
    return bytes(content)
