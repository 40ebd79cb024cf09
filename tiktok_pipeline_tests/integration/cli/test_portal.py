"""The portal as people start it: what must be set, what it says, how it ends; and stores by command."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import requests
from argon2 import PasswordHasher

from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.environment import child_environment
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.cli.conftest import Answer, CommandLine, clean_environment, command
from tiktok_pipeline_tests.integration.cli.test_commands import error_line

HASH = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("correct horse battery staple")
URL = "https://stores.example.com"
COMPLETE = {
    "TIKTOK_CLIENT_KEY": "key",
    "TIKTOK_CLIENT_SECRET": "canary-secret",
    "TIKTOK_REDIRECT_URI": f"{URL}/auth/callback",
    "PORTAL_URL": URL,
    "OPERATOR_PASSWORD_HASH": HASH,
    "ENVIRONMENT": "production",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"OPERATOR_PASSWORD_HASH": ""},
            "OPERATOR_PASSWORD_HASH: not set. Make one: tiktok-pipeline portal hash",
        ),
        ({"OPERATOR_PASSWORD_HASH": "hunter2"}, "OPERATOR_PASSWORD_HASH: not an argon2 hash."),
        ({"OPERATOR_TOTP_SECRET": "not base32!"}, "OPERATOR_TOTP_SECRET: not a secret in base32"),
        ({"OPERATOR_TOTP_SECRET": "JBSWY3DP"}, "OPERATOR_TOTP_SECRET: not a secret in base32"),
        ({"TIKTOK_CLIENT_SECRET": ""}, "TIKTOK_CLIENT_SECRET: not set."),
        ({"TIKTOK_REDIRECT_URI": f"{URL}/connected"}, f"TIKTOK_REDIRECT_URI: {URL}/connected does not lead"),
        (
            {"TIKTOK_REDIRECT_URI": "https://elsewhere.example.com/auth/callback"},
            f"Set it, and register it with the TikTok app, as {URL}/auth/callback;",
        ),
        ({"PORTAL_URL": "http://stores.example.com"}, "PORTAL_URL: http://stores.example.com is not https"),
        ({"PORTAL_URL": f"{URL}/portal"}, f"PORTAL_URL: {URL}/portal is more than scheme and host."),
        ({"ENCRYPTION_KEYS_FILE": "none.json"}, "ENCRYPTION_KEYS_FILE: there is no file"),
    ],
)
def test_it_does_not_start_unless_it_is_safe(
    cli: CommandLine, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    for started in ("portal", "serve"):
        if started == "serve" and changed.get("OPERATOR_PASSWORD_HASH") == "":
            continue  # serves without a portal
        answer = cli(started, **{**COMPLETE, **changed})
        assert answer.returncode == 1
        assert said in error_line(answer.stderr)
        assert list(tmp_path.iterdir()) == []


def test_it_does_not_start_without_its_secret(cli: CommandLine, tmp_path: Path, database_url: str) -> None:
    (tmp_path / "short").write_text("short")
    (tmp_path / "short").chmod(0o600)
    for file in ("none", "short"):
        answer = cli(
            "portal",
            "--port",
            str(free_port()),
            **COMPLETE,
            DATABASE_URL=database_url,
            PORTAL_SECRET_FILE=str(tmp_path / file),
        )
        assert answer.returncode == 1
        assert f"portal secret {tmp_path / file}" in error_line(answer.stderr)


def test_a_taken_port_is_said_before_anything_starts(cli: CommandLine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} on 127.0.0.1" in error_line(cli("portal", "--port", port, **COMPLETE).stderr)
        for started in ("serve", "demo"):
            answer = cli(started, "--port", str(free_port()), "--portal-port", port, **COMPLETE)
            assert answer.returncode == 1
            assert "Choose another with --portal-port." in error_line(answer.stderr)
    assert list(tmp_path.iterdir()) == []


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    process = subprocess.Popen(
        command("portal", "--port", str(port)),
        cwd=tmp_path,
        env=clean_environment(**COMPLETE, DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_health(port)
        login = requests.get(
            f"http://127.0.0.1:{port}/login", headers={"Host": "stores.example.com"}, timeout=10
        )
        assert login.status_code == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert out == f"Portal: {URL} (listens on 127.0.0.1:{port}; Ctrl-C stops)\n"
    assert "Traceback" not in err


def wait_for_health(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=2).text == "ok\n"
            return
        except requests.RequestException:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def hash_of(cli: CommandLine, password: str) -> Answer:
    """What the command says when the password is piped into it."""
    with mock.patch.object(sys, "stdin", io.StringIO(f"{password}\n")):
        return cli("portal", "hash-password")


def test_a_hash_is_made_that_the_login_takes(cli: CommandLine) -> None:
    answer = hash_of(cli, "correct horse battery")
    assert answer.returncode == 0
    name, _, quoted = answer.stdout.strip().partition("=")
    assert name == "OPERATOR_PASSWORD_HASH"
    assert PasswordHasher().verify(quoted.strip("'"), "correct horse battery")
    assert "correct" not in answer.stdout + answer.stderr
    assert "Take 12 or more" in error_line(hash_of(cli, "hunter2").stderr)


def test_the_hash_survives_an_env_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(hash_of(cli, "correct horse battery").stdout)
    without = {name: value for name, value in COMPLETE.items() if name != "OPERATOR_PASSWORD_HASH"}
    answer = cli("portal", **{**without, "PORTAL_URL": "http://stores.example.com"})
    assert "is not https" in error_line(answer.stderr)  # which is looked at after the hash


def test_the_doctor_looks_at_the_portal_once_it_has_a_password(cli: CommandLine, database_url: str) -> None:
    def said(**changed: str) -> list[str]:
        settings = {
            **COMPLETE,
            "DATABASE_URL": database_url,
            "TIKTOK_API_BASE_URL": "http://127.0.0.1:9",
            **changed,
        }
        return [line for line in cli("doctor", **settings).stdout.splitlines() if " portal " in line]

    assert said() == [f"ok      portal           {URL}, without a second factor"]
    assert said(PORTAL_URL="http://stores.example.com")[0].startswith("problem portal")
    assert said(OPERATOR_PASSWORD_HASH="") == []


def test_stores_are_changed_disabled_and_deleted_by_command(
    cli: CommandLine, warehouse: Warehouse, database_url: str
) -> None:
    settings = {"DATABASE_URL": database_url}
    cli(
        "store",
        "add",
        "jakarta_01",
        "Kopi Jakarta",
        "--pic",
        "Ayu",
        "--contact",
        "ayu@example.com",
        **settings,
    )
    ids = [add_account(warehouse, f"-000{n}") for n in range(2)]
    rows(warehouse, "update hub.store_accounts set refresh_token_expires_at = ops.now() + interval '1 day'")

    changed = cli("store", "change", "jakarta_01", "--pic", "Citra", "--contact", "", **settings)
    assert changed.stdout == "store jakarta_01: Kopi Jakarta, Citra\n"
    assert cli("store", "disable", "jakarta_01", **settings).stdout.startswith(
        "store jakarta_01: 2 of its 2 "
    )
    assert cli("store", "disable", "jakarta_01", **settings).stdout.startswith(
        "store jakarta_01: 0 of its 2 "
    )
    assert {row["status"] for row in rows(warehouse, "select status from hub.store_accounts")} == {"DISABLED"}
    assert cli("store", "enable", "jakarta_01", **settings).stdout.startswith("store jakarta_01: 2 of its 2 ")

    refused = cli("store", "delete", "jakarta_01", "--confirm", "yes", **settings)
    assert refused.returncode == 1
    assert "its 2 account(s)" in refused.stderr
    assert "store jakarta_01: not deleted" in refused.stderr
    assert len(rows(warehouse, "select 1 from hub.store_accounts where id = any(%s)", ids)) == 2
    assert cli("store", "delete", "jakarta_01", "--confirm", "jakarta_01", **settings).returncode == 0
    assert rows(warehouse, "select 1 from hub.store_accounts") == []
    for command_of_store in ("change", "disable", "enable", "delete"):
        answer = cli("store", command_of_store, "jakarta_01", **settings)
        assert error_line(answer.stderr) == "store 'jakarta_01': there is none. It may have been deleted."


def test_children_see_our_settings_and_nothing_else(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The demo's portal must not ask for the code of a secret in somebody's environment or .env.
    monkeypatch.setenv("OPERATOR_TOTP_SECRET", "of another portal")
    folder = DataFolder(tmp_path / "data")
    given = child_environment(Settings.model_construct(portal_url=URL), folder, "postgresql://here/ours")
    assert "OPERATOR_TOTP_SECRET" not in given
    assert (given["PORTAL_URL"], given["DATABASE_URL"]) == (URL, "postgresql://here/ours")

    (tmp_path / ".env").write_text("OPERATOR_TOTP_SECRET=of another portal\n")
    assert "OPERATOR_TOTP_SECRET" in cli("portal", **COMPLETE).stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = cli(
            "portal", "--port", port, **COMPLETE, TIKTOK_PIPELINE_SETTLED=given["TIKTOK_PIPELINE_SETTLED"]
        )
        assert f"port {port} on 127.0.0.1" in error_line(answer.stderr)
