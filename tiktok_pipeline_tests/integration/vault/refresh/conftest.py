"""What the tests of refreshing over HTTP have in common: a strict sandbox, and accounts connected to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tiktok_pipeline.hub.accounts import connect_account
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_store, rows

REDIRECT = "http://localhost/callback"
HOUR = 3600.0


@pytest.fixture(scope="package")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=20, videos=1, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def oauth(sandbox: SandboxProcess) -> OAuthClient:
    return OAuthClient(sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret))


@pytest.fixture
def connect(
    warehouse: Warehouse, vault: TokenVault, sandbox: SandboxProcess, oauth: OAuthClient
) -> Iterator[Callable[[int], list[int]]]:
    """Connects the first accounts of the sandbox with real codes; its requests are counted from there on."""
    yield lambda count: connect_accounts(warehouse, vault, oauth, sandbox, count)
    sandbox.clear_faults()


@pytest.fixture
def account_id(connect: Callable[[int], list[int]]) -> int:
    """The sandbox's first account, connected."""
    return connect(1)[0]


def connect_accounts(
    warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient, sandbox: SandboxProcess, count: int
) -> list[int]:
    """The sandbox's first accounts, connected with real codes; requests are counted from here on."""
    sandbox.clear_faults()
    accounts = [
        connect_account(
            warehouse,
            vault,
            oauth,
            store_code=add_store(warehouse),
            auth_code=sandbox.authorize(number),
            redirect_uri=REDIRECT,
            client_key=sandbox.client_key,
        ).id
        for number in range(count)
    ]
    sandbox.reset_requests()
    return accounts


def token_calls(sandbox: SandboxProcess) -> int:
    """Requests to the token endpoint that arrived, answered or not."""
    return sum(
        line["endpoint"].strip("/").endswith("oauth/token") for line in sandbox.requests(log=True)["log"]
    )


def wait_for_token_calls(sandbox: SandboxProcess, count: int) -> None:
    """Until so many requests to the token endpoint have arrived."""
    wait_until(lambda: token_calls(sandbox) >= count)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


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


def status(warehouse: Warehouse, account_id: int) -> tuple[str, str | None]:
    """The account's status and its reason."""
    [row] = rows(warehouse, "select status, status_reason from hub.store_accounts where id = %s", account_id)
    return row["status"], row["status_reason"]


def statuses(warehouse: Warehouse) -> set[str]:
    """Every status that an account has."""
    return {row["status"] for row in rows(warehouse, "select status from hub.store_accounts")}


def token_row(warehouse: Warehouse, account_id: int) -> dict[str, Any]:
    """What the vault knows of the account's pair."""
    [row] = rows(warehouse, "select * from vault.token where account_id = %s", account_id)
    return row
