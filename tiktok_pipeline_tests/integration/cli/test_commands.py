"""Short commands against a real database: what they do, and how they say that something is wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.embedded import running_url
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://somewhere/else"),
        ("DAGSTER_POSTGRES_URL", "nonsense"),
        ("REPORTING_TIMEZONE", "Mars/Olympus"),
        ("START_DATE", "yesterday"),
        ("ENVIRONMENT", "prod"),
        ("CAPTURE_WORKERS", "0"),
        ("TIKTOK_API_BASE_URL", "ftp://tiktok"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_its_variable(
    cli: CommandLine, variable: str, value: str
) -> None:
    answer = cli("db", "migrate", **{variable: value})
    assert answer.returncode == 1
    assert error_line(answer.stderr).startswith(f"{variable}: ")


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


def test_stores_and_accounts_are_added_and_listed(
    cli: CommandLine, database_url: str, tmp_path: Path
) -> None:
    with SandboxProcess(accounts=1, videos=1) as sandbox:
        settings = {
            **TIKTOK,
            "DATABASE_URL": database_url,
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "TIKTOK_CLIENT_KEY": sandbox.client_key,
            "TIKTOK_CLIENT_SECRET": sandbox.client_secret,
        }
        assert cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings).returncode == 0
        again = cli("store", "add", "jakarta_01", "Kopi Jakarta", "--pic", "Ayu", **settings)
        assert (again.returncode, error_line(again.stderr)[:17]) == (1, "store jakarta_01:")
        added = cli("account", "add", "jakarta_01", "--auth-code", sandbox.authorize(0), **settings)
        assert added.returncode == 0, added.stderr
        used = cli("account", "add", "jakarta_01", "--auth-code", "used-or-wrong", **settings)
        assert used.returncode == 1
        error_line(used.stderr)
        assert "Kopi Jakarta" in cli("store", "list", **settings).stdout
        assert "CONNECTED" in cli("account", "list", **settings).stdout
    assert set(json.loads((tmp_path / "data/encryption_keys.json").read_text())) == {"primary", "keys"}


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
