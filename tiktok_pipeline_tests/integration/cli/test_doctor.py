"""The doctor: one line per part, and exit code 1 when one of them is ill."""

from __future__ import annotations

from pathlib import Path

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.vault.registry import open_key_ring
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline_tests.integration.cli.conftest import CommandLine
from tiktok_pipeline_tests.integration.cli.test_commands import TIKTOK

UNREACHABLE = "http://127.0.0.1:9"


def verdicts(text: str) -> dict[str, str]:
    """The verdict per part."""
    parts = {}
    for line in text.splitlines():
        verdict, rest = line.split(maxsplit=1)
        parts[rest[:17].strip()] = verdict
    return parts


def test_a_healthy_set_up_is_all_ok(cli: CommandLine, database_url: str) -> None:
    with SandboxProcess(accounts=1, videos=1) as sandbox:
        more = {"TIKTOK_API_BASE_URL": sandbox.base_url, "ALERT_URLS": "error=slack://canary-secret/b/c"}
        answer = cli("doctor", **TIKTOK, DATABASE_URL=database_url, **more)
    assert answer.returncode == 0, answer.stdout
    assert "error=slack; " in answer.stdout
    assert verdicts(answer.stdout) == dict.fromkeys(
        ("settings", "TikTok", "alerts", "database", "migrations", "key ring", "Dagster storage"), "ok"
    )
    assert "canary-secret" not in answer.stdout + answer.stderr


def test_every_problem_has_its_line(cli: CommandLine, server_url: str, tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    ring.write_text("{}")
    ring.chmod(0o600)
    answer = cli(
        "doctor",
        DATABASE_URL=server_url,
        TIKTOK_API_BASE_URL=UNREACHABLE,
        ENCRYPTION_KEYS_FILE=str(ring),
        DAGSTER_POSTGRES_URL="postgresql://nobody@127.0.0.1:9/nowhere",
    )
    assert answer.returncode == 1
    found = verdicts(answer.stdout)
    assert found.pop("database") == "ok"
    assert found == dict.fromkeys(
        ("settings", "TikTok", "migrations", "key ring", "Dagster storage"), "problem"
    )


def test_a_database_that_is_away_is_one_line(cli: CommandLine) -> None:
    answer = cli(
        "doctor",
        **TIKTOK,
        DATABASE_URL="postgresql://me@127.0.0.1:9/gone?password=hunter2",
        TIKTOK_API_BASE_URL=UNREACHABLE,
    )
    assert answer.returncode == 1
    assert verdicts(answer.stdout)["database"] == "problem"
    assert "database gone on 127.0.0.1: " in answer.stdout
    assert "hunter2" not in answer.stdout + answer.stderr


def test_in_an_empty_folder_nothing_is_made_and_that_is_said(cli: CommandLine, tmp_path: Path) -> None:
    answer = cli("doctor", **TIKTOK, TIKTOK_API_BASE_URL=UNREACHABLE)
    found = verdicts(answer.stdout)
    assert (found.pop("TikTok"), set(found.values())) == ("problem", {"ok"})
    assert "no embedded database yet: it is made by the first command that needs it" in answer.stdout
    assert "db migrate" not in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_key_ring_is_neither_made_nor_registered(
    cli: CommandLine, warehouse: Warehouse, database_url: str, tmp_path: Path
) -> None:
    settings = {**TIKTOK, "DATABASE_URL": database_url, "TIKTOK_API_BASE_URL": UNREACHABLE}
    assert verdicts(cli("doctor", **settings).stdout)["key ring"] == "ok"
    assert list(tmp_path.iterdir()) == []
    ring = tmp_path / "data/encryption_keys.json"
    make_key_ring(ring)
    assert verdicts(cli("doctor", **settings).stdout)["key ring"] == "ok"
    assert warehouse.execute("vault/registered_keys") == []


def test_a_key_ring_of_another_database_is_a_problem(
    cli: CommandLine, warehouse: Warehouse, database_url: str, tmp_path: Path
) -> None:
    settings = {**TIKTOK, "DATABASE_URL": database_url, "TIKTOK_API_BASE_URL": UNREACHABLE}
    open_key_ring(warehouse, tmp_path / "right.json", "test", create=True)
    make_key_ring(tmp_path / "wrong.json")
    for name, verdict in (("right.json", "ok"), ("wrong.json", "problem"), ("none.json", "problem")):
        answer = cli("doctor", **settings, ENCRYPTION_KEYS_FILE=str(tmp_path / name))
        assert verdicts(answer.stdout)["key ring"] == verdict, name
    assert verdicts(cli("doctor", **settings).stdout)["key ring"] == "problem"


def test_an_embedded_database_that_lacks_migrations_needs_no_one(cli: CommandLine, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data/postgres"):
        pass
    answer = cli("doctor", **TIKTOK, TIKTOK_API_BASE_URL=UNREACHABLE)
    assert verdicts(answer.stdout)["migrations"] == "ok"
    assert "the next command that needs them" in answer.stdout
    assert "db migrate" not in answer.stdout


def test_a_wrong_setting_is_the_doctors_first_line(cli: CommandLine) -> None:
    answer = cli("doctor", START_DATE="soon")
    assert answer.returncode == 1
    assert verdicts(answer.stdout) == {"settings": "problem"}
    assert "START_DATE" in answer.stdout
