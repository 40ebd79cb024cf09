"""Short commands against a real database: what they do, and how they say that something is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import psycopg
import pytest
import requests

from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.embedded import running_url
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine, clean_environment, command

TIKTOK = {
    "TIKTOK_CLIENT_KEY": "key",
    "TIKTOK_CLIENT_SECRET": "canary-secret",
    "TIKTOK_REDIRECT_URI": "http://localhost/connected",
}


def error_line(text: str) -> str:
    """The one line of an error."""
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text.strip()


def test_as_a_process_it_says_a_mistake_in_one_line(tmp_path: Path) -> None:
    answer = subprocess.run(
        command("db", "migrate"),
        cwd=tmp_path,
        env=clean_environment(DATABASE_URL="mysql://somewhere/else"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert error_line(answer.stderr).startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("START_DATE", "9999-01-01"), ("TIKTOK_REDIRECT_URI", "connected"), ("LOG_LEVEL", "loud")],
)
def test_a_wrong_setting_stops_a_command_before_anything_starts(
    cli: CommandLine, tmp_path: Path, variable: str, value: str
) -> None:
    answer = cli("run", **{**TIKTOK, variable: value})
    assert answer.returncode == 1
    assert error_line(answer.stderr).startswith(f"{variable}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["run"], ["serve"], ["account", "add", "x"]])
def test_a_missing_key_ring_stops_a_command_before_anything_starts(
    cli: CommandLine, tmp_path: Path, command: list[str]
) -> None:
    answer = cli(*command, **TIKTOK, ENCRYPTION_KEYS_FILE="nowhere.json")
    assert answer.returncode == 1
    assert error_line(answer.stderr).startswith("ENCRYPTION_KEYS_FILE: ")
    assert list(tmp_path.iterdir()) == []


AWAY = "postgresql://me@127.0.0.1:9/gone?password=hunter2"


@pytest.mark.parametrize("command", [["store", "list"], ["db", "migrate"], ["run"], ["account", "list"]])
def test_a_database_that_is_away_is_named_without_its_password(cli: CommandLine, command: list[str]) -> None:
    answer = cli(*command, **TIKTOK, DATABASE_URL=AWAY)
    assert answer.returncode == 1
    line = error_line(answer.stderr)
    assert line.startswith("database gone on 127.0.0.1: ")
    assert line.endswith("refused. Check DATABASE_URL and that the server runs.")
    assert "hunter2" not in line


def test_a_dagster_storage_that_is_away_is_named_by_its_variable(cli: CommandLine, database_url: str) -> None:
    answer = cli("run", **TIKTOK, DATABASE_URL=database_url, DAGSTER_POSTGRES_URL=AWAY)
    assert answer.returncode == 1
    line = error_line(answer.stderr)
    assert "Check DAGSTER_POSTGRES_URL" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("command", [["run"], ["serve"], ["account", "add", "x", "--auth-code", "y"]])
def test_missing_tiktok_settings_stop_a_command_before_anything_starts(
    cli: CommandLine, tmp_path: Path, command: list[str]
) -> None:
    answer = cli(*command)
    assert answer.returncode == 1
    assert "TIKTOK_CLIENT_KEY" in error_line(answer.stderr)
    assert list(tmp_path.iterdir()) == []


def test_serve_on_a_taken_port_says_which_option_to_use(cli: CommandLine, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        answer = cli("serve", "--port", str(listener.getsockname()[1]), **TIKTOK)
    assert answer.returncode == 1
    assert "--port" in error_line(answer.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_data_folder_names_its_owner(cli: CommandLine, tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data"):
        for command in (["run"], ["demo", "--no-serve", "--data-dir", str(tmp_path / "data")]):
            answer = cli(*command, **TIKTOK)
            assert answer.returncode == 1
            assert "already in use by pid" in error_line(answer.stderr)


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=1, videos=1) as sandbox:
        yield sandbox


@pytest.fixture
def settings(sandbox: SandboxProcess, database_url: str) -> dict[str, str]:
    """A database of one's own and the sandbox, as variables."""
    return {
        "DATABASE_URL": database_url,
        "TIKTOK_API_BASE_URL": sandbox.base_url,
        "TIKTOK_AUTHORIZE_URL": f"{sandbox.base_url}/v2/auth/authorize/",
        "TIKTOK_CLIENT_KEY": sandbox.client_key,
        "TIKTOK_CLIENT_SECRET": sandbox.client_secret,
        "TIKTOK_REDIRECT_URI": TIKTOK["TIKTOK_REDIRECT_URI"],
    }


@pytest.mark.parametrize(
    "command",
    [
        ["account", "disable", "99999999999999999999"],
        ["account", "enable", "0"],
        ["account", "disconnect", "99999999999999999999"],
        ["reconnect", "99999999999999999999"],
        ["failed", "retry", "--account", "99999999999999999999"],
        ["store", "link", "jakarta_01", "--account", "99999999999999999999"],
    ],
)
def test_a_number_that_no_account_can_have_is_refused_by_the_command_line(
    cli: CommandLine, settings: dict[str, str], command: list[str]
) -> None:
    answer = cli(*command, **settings)
    assert (answer.returncode, "Traceback" in answer.stderr) == (2, False)
    assert "Input should be" in answer.stderr


def test_a_connection_that_dies_under_a_command_is_one_line(
    cli: CommandLine, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")

    monkeypatch.setattr("tiktok_pipeline.cli.stores.list_stores", dies)
    answer = cli("store", "list", **settings)
    assert answer.returncode == 1
    assert error_line(answer.stderr).startswith("the database went away: terminating connection")


def test_stores_and_accounts_are_added_and_listed(
    cli: CommandLine, sandbox: SandboxProcess, settings: dict[str, str], tmp_path: Path
) -> None:
    assert cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings).returncode == 0
    again = cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)
    assert (again.returncode, error_line(again.stderr)[:17]) == (1, "store jakarta_01:")
    as_in_the_address_bar = quote(sandbox.authorize(0), safe="")
    assert "%2A" in as_in_the_address_bar
    added = cli("account", "add", "jakarta_01", "--auth-code", as_in_the_address_bar, **settings)
    assert added.returncode == 0, added.stderr
    assert "Kopi Jakarta" in cli("store", "list", **settings).stdout
    assert "CONNECTED" in cli("account", "list", **settings).stdout
    assert set(json.loads((tmp_path / "data/encryption_keys.json").read_text())) == {"primary", "keys"}


def test_without_a_code_an_account_is_connected_by_opening_the_address_that_is_printed(
    cli: CommandLine, settings: dict[str, str]
) -> None:
    cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)
    asked = cli("account", "add", "jakarta_01", **settings)
    assert asked.returncode == 0, asked.stderr
    address = asked.stdout.strip()
    query = dict(parse_qsl(urlsplit(address).query))
    state = query.pop("state")
    assert query == {
        "client_key": settings["TIKTOK_CLIENT_KEY"],
        "scope": "user.info.basic,user.info.profile,user.info.stats,video.list",
        "redirect_uri": settings["TIKTOK_REDIRECT_URI"],
        "response_type": "code",
        "disable_auto_auth": "1",
    }
    again = dict(parse_qsl(urlsplit(cli("account", "add", "jakarta_01", **settings).stdout).query))
    assert again["state"] != state
    assert "tiktok-pipeline account add jakarta_01 --auth-code" in asked.stderr
    assert requests.get(address, timeout=5).ok
    assert settings["TIKTOK_CLIENT_SECRET"] not in asked.stdout + asked.stderr


def test_a_connect_link_is_printed_alone_for_a_store_and_an_account_of_it(
    cli: CommandLine, sandbox: SandboxProcess, settings: dict[str, str]
) -> None:
    settings = {**settings, "PORTAL_URL": "https://stores.example.com"}
    cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)
    made = cli("store", "link", "jakarta_01", **settings)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("https://stores.example.com/connect/")
    assert made.stdout.count("\n") == 1
    assert "works once" in made.stderr
    nowhere = cli("store", "link", "nowhere", **settings)
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert "there is none" in error_line(nowhere.stderr)
    nobody = cli("store", "link", "jakarta_01", "--account", "1", **settings)
    assert "has none of that number" in error_line(nobody.stderr)
    cli("account", "add", "jakarta_01", "--auth-code", sandbox.authorize(0), **settings)
    assert cli("store", "link", "jakarta_01", "--account", "1", **settings).returncode == 0


def test_with_pkce_a_code_cannot_be_carried_from_a_browser_to_the_command_line(
    cli: CommandLine, settings: dict[str, str]
) -> None:
    answer = cli("account", "add", "jakarta_01", **{**settings, "TIKTOK_PKCE": "hex"})
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "tiktok-pipeline store link jakarta_01" in error_line(answer.stderr)


def test_the_address_is_for_a_store_that_exists(cli: CommandLine, settings: dict[str, str]) -> None:
    answer = cli("account", "add", "nowhere", **settings)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "there is none" in error_line(answer.stderr)


def test_a_refused_code_is_one_line_with_the_store_tiktoks_words_and_what_to_do(
    cli: CommandLine, sandbox: SandboxProcess, settings: dict[str, str]
) -> None:
    cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)

    def refused(code: str, **changed: str) -> str:
        answer = cli("account", "add", "jakarta_01", "--auth-code", code, **{**settings, **changed})
        assert answer.returncode == 1
        line = error_line(answer.stderr)
        assert line.startswith("store jakarta_01: not connected: ")
        assert code not in line
        return line

    used = refused("used-or-wrong")
    assert "Authorization code is expired" in used
    assert "valid once" in used
    assert "log_id" in used
    assert used.endswith("open the address again: tiktok-pipeline account add jakarta_01")
    code = sandbox.authorize(0, redirect_uri="http://localhost/another")
    assert "TIKTOK_REDIRECT_URI" in refused(code)
    assert "TIKTOK_CLIENT_SECRET" in refused(code, TIKTOK_CLIENT_SECRET="wrong")


def test_the_log_level_holds_for_every_command(cli: CommandLine, settings: dict[str, str]) -> None:
    connect = ("account", "add", "jakarta_01", "--auth-code", "wrong")
    cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)
    assert "DEBUG tiktok_pipeline.tiktok" in cli(*connect, **settings, LOG_LEVEL="DEBUG").stderr
    assert "DEBUG" not in cli(*connect, **settings).stderr


def test_run_wants_a_day_between_the_start_date_and_today(cli: CommandLine, database_url: str) -> None:
    settings = {**TIKTOK, "DATABASE_URL": database_url}
    assert "START_DATE" in error_line(cli("run", "--date", "2020-01-01", **settings).stderr)
    assert "YYYY-MM-DD" in error_line(cli("run", "--date", "today", **settings).stderr)


def test_the_embedded_database_runs_for_the_command_only(cli: CommandLine, tmp_path: Path) -> None:
    first = cli("db", "migrate")
    assert first.returncode == 0, first.stderr
    assert "applied 0001" in first.stdout
    assert "up to date" in cli("db", "migrate").stdout
    assert running_url(tmp_path / "data/postgres", "tiktok") is None


def test_an_unmigrated_database_of_ones_own_is_not_changed_silently(
    cli: CommandLine, server_url: str
) -> None:
    answer = cli("store", "list", DATABASE_URL=server_url)
    assert answer.returncode == 1
    assert "tiktok-pipeline db migrate" in error_line(answer.stderr)
