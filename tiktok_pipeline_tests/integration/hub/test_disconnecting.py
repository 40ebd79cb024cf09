"""Accounts out of service: disabled with their tokens kept, or disconnected with their grant given back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub import disconnecting
from tiktok_pipeline.hub.accounts import Account, list_accounts, mark_need_reconnect
from tiktok_pipeline.hub.disconnecting import (
    disable,
    disconnect,
    disconnect_all,
    disconnected_accounts,
    enable,
    stored_accounts,
)
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.errors import AuthError, TikTokError
from tiktok_pipeline.vault import SecretToken, TokenMissing
from tiktok_pipeline.warehouse.connection import Warehouse, run
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=30, videos=2, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def pipeline(warehouse: Warehouse, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Pipeline]:
    sandbox.clear_faults()
    yield Pipeline(warehouse, sandbox, tmp_path / "keys.json")
    sandbox.clear_faults()


def account_of(warehouse: Warehouse, number: int) -> Account:
    return next(account for account in list_accounts(warehouse) if account.id == number)


def asked(sandbox: SandboxProcess) -> list[str]:
    """What the sandbox was asked since the last reset, in order, by the last word of the endpoint."""
    return [request["endpoint"].rpartition("/")[2] for request in sandbox.requests(log=True)["log"]]


def test_a_disabled_account_is_not_captured_and_keeps_its_history_and_tokens(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess
) -> None:
    kept, off = pipeline.connect(2)
    pipeline.capture("user_info")
    assert disable(warehouse, off) == [off]
    assert disable(warehouse, off) == []
    sandbox.reset_requests()
    pipeline.capture("video_list")
    assert pipeline.outcomes("video_list")[kept]["outcome"] == "captured"
    assert pipeline.outcomes("video_list").get(off, {"reason": "cancelled"})["reason"] == "cancelled"
    assert set(pipeline.outcomes("user_info")) == {kept, off}
    assert asked(sandbox) == ["list"]
    assert enable(warehouse, off) == {off: "CONNECTED"}
    assert enable(warehouse, off) == {}
    pipeline.capture("video_list")
    assert pipeline.outcomes("video_list")[off]["outcome"] == "captured"
    assert "token" not in asked(sandbox)


def test_an_account_that_waited_for_a_person_waits_again_when_enabled(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    [account] = pipeline.connect(1)
    with warehouse.transaction() as cursor:
        mark_need_reconnect(cursor, account, "TikTok said no")
    disable(warehouse, account)
    assert enable(warehouse, account) == {account: "NEED_RECONNECT"}
    assert account_of(warehouse, account).status_reason == "TikTok said no"
    pipeline.connect(1)
    disable(warehouse, account)
    assert enable(warehouse, account) == {account: "CONNECTED"}


def test_an_account_whose_grant_ended_while_it_was_disabled_must_be_reconnected(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    [account] = pipeline.connect(1)
    disable(warehouse, account)
    rows(warehouse, "update hub.store_accounts set refresh_token_expires_at = ops.now()")
    assert enable(warehouse, account) == {account: "NEED_RECONNECT"}


def test_disconnecting_revokes_first_and_forgets_the_tokens_then(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess
) -> None:
    [account] = pipeline.connect(1)
    access = pipeline.vault.access_token(account, pipeline.oauth.refresh)
    sandbox.reset_requests()
    assert disconnect(pipeline.vault, pipeline.oauth, account)
    assert asked(sandbox) == ["revoke"]
    with pytest.raises(TikTokError, match="access_token_invalid"):
        pipeline.client.user_info(access.token, access.scopes)
    with pytest.raises(TokenMissing):
        pipeline.vault.renew(account, access, pipeline.oauth.refresh)
    gone = account_of(warehouse, account)
    assert (gone.status, gone.status_reason) == ("DISABLED", "disconnected by an operator")
    assert disconnected_accounts(warehouse) == [account]
    assert enable(warehouse, account) == {account: "NEED_RECONNECT"}


def test_an_expired_token_is_refreshed_first_because_tiktok_revokes_by_a_valid_one_only(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess
) -> None:
    known, unknown = pipeline.connect(2)
    rows(
        warehouse,
        """
        update vault.token
        set access_expires_at = ops.now() + interval '1 second', saved_at = ops.now() - interval '2 hours'
        where account_id = %s
        """,
        known,
    )
    sandbox.expire(0)
    sandbox.reset_requests()
    assert disconnect(pipeline.vault, pipeline.oauth, known)
    assert asked(sandbox) == ["token", "revoke"]
    sandbox.expire(1)  # before its time: only TikTok knows
    sandbox.reset_requests()
    assert disconnect(pipeline.vault, pipeline.oauth, unknown)
    assert asked(sandbox) == ["revoke", "token", "revoke"]


def test_a_grant_that_tiktok_has_ended_needs_no_revoking(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess
) -> None:
    [account] = pipeline.connect(1)
    sandbox.revoke(0)
    assert not disconnect(pipeline.vault, pipeline.oauth, account)
    gone = account_of(warehouse, account)
    assert gone.status == "DISABLED"
    assert "no grant left" in (gone.status_reason or "")
    assert stored_accounts(pipeline.vault) == []


@pytest.mark.parametrize("fault", [{"html_error": True}, {"invalid_client": True}])
def test_nothing_is_lost_when_tiktok_cannot_be_asked(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess, fault: dict[str, bool]
) -> None:
    [account] = pipeline.connect(1)
    before = account_of(warehouse, account)
    sandbox.expire(0)
    sandbox.set_faults(**fault)
    with pytest.raises(PipelineError, match=rf"account {account}: not disconnected: .* --force"):
        disconnect(pipeline.vault, pipeline.oauth, account)
    sandbox.clear_faults()
    assert account_of(warehouse, account).status == before.status
    assert stored_accounts(pipeline.vault) == [account]
    sandbox.reset_requests()
    assert not disconnect(pipeline.vault, pipeline.oauth, account, force=True)
    assert asked(sandbox) == []
    assert stored_accounts(pipeline.vault) == []
    assert "without telling TikTok" in (account_of(warehouse, account).status_reason or "")


def test_reconnected_after_disconnecting_no_version_comes_twice(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    versions = []
    for _ in range(3):
        [account] = pipeline.connect(1)
        versions.append(rows(warehouse, "select token_version from vault.token")[0]["token_version"])
        disconnect(pipeline.vault, pipeline.oauth, account)
    assert versions == [1, 2, 3]
    pipeline.connect(1)
    assert account_of(warehouse, account).status == "CONNECTED"


def test_a_number_that_is_no_accounts_changes_nothing(pipeline: Pipeline, warehouse: Warehouse) -> None:
    [account] = pipeline.connect(1)
    for act in (
        lambda: disable(warehouse, account, 999),
        lambda: enable(warehouse, 999),
        lambda: disconnect(pipeline.vault, pipeline.oauth, 999),
    ):
        with pytest.raises(PipelineError, match="account 999: there is none"):
            act()
    assert account_of(warehouse, account).status == "CONNECTED"


def test_all_are_disconnected_and_a_second_run_takes_what_the_first_left(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess
) -> None:
    accounts = pipeline.connect(12)
    broken = account_of(warehouse, accounts[3])
    sandbox.set_faults(html_error={"accounts": [broken.open_id]})
    done: list[int] = []
    first = disconnect_all(pipeline.vault, pipeline.oauth, done=lambda: done.append(1))
    assert (first.disconnected, first.left, list(first.failures)) == (11, 0, [broken.id])
    assert len(done) == 12
    sandbox.clear_faults()
    second = disconnect_all(pipeline.vault, pipeline.oauth)
    assert (second.disconnected, second.failures) == (1, {})
    noted = rows(
        warehouse,
        "select count(distinct account_id)::int as accounts from hub.status_change where to_status = 'DISABLED'",
    )
    assert noted == [{"accounts": 12}]
    assert set(enable(warehouse, *disconnected_accounts(warehouse)).values()) == {"NEED_RECONNECT"}


def test_tokens_of_a_connection_made_meanwhile_are_kept(
    pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    [account] = pipeline.connect(1)
    revoke = pipeline.oauth.revoke

    def revoked(token: SecretToken) -> None:
        revoke(token)
        pipeline.connect(1)

    monkeypatch.setattr(pipeline.oauth, "revoke", revoked)
    with pytest.raises(PipelineError, match="other tokens meanwhile"):
        disconnect(pipeline.vault, pipeline.oauth, account)
    assert account_of(warehouse, account).status == "CONNECTED"
    assert stored_accounts(pipeline.vault) == [account]


def test_a_revoke_that_is_refused_for_a_fresh_token_does_not_prove_that_the_grant_ended(
    pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    [account] = pipeline.connect(1)

    def refused(token: SecretToken) -> None:
        raise AuthError("TikTok refused", code="http_401", endpoint="/v2/oauth/revoke/", http_status=401)

    monkeypatch.setattr(pipeline.oauth, "revoke", refused)
    with pytest.raises(PipelineError, match="not disconnected"):
        disconnect(pipeline.vault, pipeline.oauth, account)
    assert account_of(warehouse, account).status == "CONNECTED"
    assert stored_accounts(pipeline.vault) == [account]


def test_disconnecting_all_goes_on_when_a_connection_dies(
    pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.connect(6)
    forgotten: list[object] = []

    def dying(
        cursor: psycopg.Cursor[DictRow], name: str, values: dict[str, Any] | None = None
    ) -> list[DictRow]:
        if name == "vault/forget_token":
            forgotten.append(values)
            if len(forgotten) == 2:
                cursor.execute("select pg_terminate_backend(pg_backend_pid())")
        return run(cursor, name, values)

    monkeypatch.setattr(disconnecting, "run", dying)
    result = disconnect_all(pipeline.vault, pipeline.oauth)
    assert (result.disconnected, result.left, len(result.failures)) == (5, 0, 1)
    assert disconnect_all(pipeline.vault, pipeline.oauth).disconnected == 1
    assert stored_accounts(pipeline.vault) == []


def test_disconnecting_all_gives_up_when_tiktok_is_away(
    pipeline: Pipeline, warehouse: Warehouse, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktok_pipeline.hub.disconnecting.GIVE_UP_AFTER", 5)
    monkeypatch.setattr("tiktok_pipeline.hub.disconnecting.WORKERS", 2)
    accounts = pipeline.connect(20)
    sandbox.set_faults(html_error=True)
    result = disconnect_all(pipeline.vault, pipeline.oauth)
    assert result.disconnected == 0
    assert 5 <= len(result.failures) <= 8
    assert len(result.failures) + result.left == len(accounts)
    assert len(stored_accounts(pipeline.vault)) == len(accounts)
