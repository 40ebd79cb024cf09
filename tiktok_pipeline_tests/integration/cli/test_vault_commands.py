"""The keys' commands as an operator runs them, from a first ring to a retired key."""

import shutil
import stat
from pathlib import Path

import psycopg
import pytest

from tiktok_pipeline.vault import TokenVault, rotation
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.cli.conftest import Answer, CommandLine
from tiktok_pipeline_tests.integration.vault.many_tokens import seal_many


class Operator:
    """Runs the vault's commands on one database and one ring file."""

    def __init__(self, cli: CommandLine, database_url: str, ring: Path) -> None:
        self.cli, self.url, self.ring = cli, database_url, ring

    def __call__(self, *arguments: str, ring: Path | None = None, environment: str = "test") -> Answer:
        return self.cli(
            "vault",
            *arguments,
            DATABASE_URL=self.url,
            ENCRYPTION_KEYS_FILE=str(ring or self.ring),
            ENVIRONMENT=environment,
        )

    def states(self) -> list[str]:
        lines = self("status").stdout.splitlines()
        return [line.split("│")[2].strip() for line in lines if line.startswith("│")]


@pytest.fixture
def operator(
    cli: CommandLine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setattr(rotation, "REST_SECONDS", 0.0)
    return Operator(cli, database_url, tmp_path / "keys.json")


@pytest.fixture
def sealed(operator: Operator, warehouse: Warehouse) -> int:
    """Three accounts whose tokens are sealed with a first key; the key."""
    vault = TokenVault.open(warehouse, operator.ring, "test", create=True)
    seal_many(warehouse, vault.sealer, 3)
    return read_key_ring(operator.ring).primary


def test_a_key_goes_its_way_by_one_command_a_step(
    operator: Operator, warehouse: Warehouse, sealed: int
) -> None:
    made = operator("new-key")
    assert made.returncode == 0
    assert f"added to {operator.ring}" in made.stdout
    assert "Copy it to every machine" in made.stdout
    assert stat.S_IMODE(operator.ring.stat().st_mode) == 0o600
    assert operator.states() == ["primary", "staged"]
    assert "Next: tiktok-pipeline vault rotate" in operator("status").stdout

    rotated = operator("rotate")
    assert rotated.returncode == 0, rotated.stderr
    assert "3 pairs of tokens were sealed anew." in rotated.stdout
    assert f"key {sealed:08x}: nothing is sealed with it any more, checked twice." in rotated.stdout
    assert operator.states() == ["decrypt_only", "primary"]

    early = operator("retire", f"{sealed:08x}", "--yes")
    assert (early.returncode, early.stderr) == (1, f"key {sealed:08x}: people may be at TikTok with it just now, "
        "to connect an account. Wait ten minutes.\n")  # fmt: skip
    rows(warehouse, "update vault.key set state_since = state_since - interval '1 hour'")
    retired = operator("retire", f"{sealed:08x}", "--yes")
    assert retired.returncode == 0, retired.stderr
    assert sealed not in read_key_ring(operator.ring).keys
    assert operator.states() == ["retired", "primary"]
    assert operator("status").returncode == 0


def test_no_command_shows_a_key(operator: Operator, sealed: int) -> None:
    said = operator("new-key").stdout + operator("status").stdout + operator("rotate").stdout
    for line in operator.ring.read_text().splitlines():
        if line.startswith('    "'):
            assert line.split('"')[3] not in said


def test_rotate_without_a_staged_key_says_what_to_do(operator: Operator, sealed: int) -> None:
    answer = operator("rotate")
    assert answer.returncode == 1
    assert answer.stderr.startswith("no key is staged")
    assert "tiktok-pipeline vault new-key" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_database_that_goes_away_during_a_rotation_is_one_line_and_the_next_one_goes_on(
    operator: Operator, sealed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise psycopg.errors.AdminShutdown("terminating connection due to administrator command\nmore")

    operator("new-key")
    with monkeypatch.context() as patched:
        patched.setattr(rotation, "check_all", gone)
        answer = operator("rotate")
    assert answer.returncode == 1
    assert answer.stderr.startswith(
        "terminating connection due to administrator command. What was sealed anew"
    )
    resumed = operator("rotate")
    assert resumed.returncode == 0
    assert "Going on with the rotation that was begun." in resumed.stdout


def test_rotate_names_the_machine_that_lacks_the_key(operator: Operator, sealed: int, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    shutil.copy(operator.ring, other)
    assert operator("status", ring=other).returncode == 0
    operator("new-key")
    assert str(other) in operator("status").stdout.replace("\n", "")
    refused = operator("rotate")
    assert refused.returncode == 1
    assert str(other) in refused.stderr
    shutil.copy(operator.ring, other)
    operator("status", ring=other)
    assert operator("rotate").returncode == 0


def test_status_fails_when_the_ring_is_another_or_a_token_does_not_open(
    operator: Operator, warehouse: Warehouse, sealed: int, tmp_path: Path
) -> None:
    assert operator("status").returncode == 0
    rows(warehouse, "update vault.token set token_version = 5 where account_id = 2")
    tampered = operator("status")
    assert tampered.returncode == 1
    assert "account 2, access_token version 5: the seal is broken" in tampered.stdout
    operator.ring.rename(tmp_path / "away.json")
    lost = operator("status")
    assert lost.returncode == 1
    assert "No such file" in lost.stdout
    assert f"key {sealed:08x}: 6 tokens are sealed with it, and it is not in" in lost.stdout


def test_a_lost_key_is_given_up_only_when_its_id_is_typed(
    operator: Operator, warehouse: Warehouse, sealed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda text: "yes")
    assert operator("retire", f"{sealed:08x}", "--lost").returncode == 1
    assert rows(warehouse, "select count(*) as n from vault.token") == [{"n": 3}]
    monkeypatch.setattr("typer.prompt", lambda text: f"{sealed:08x}")
    given_up = operator("retire", f"{sealed:08x}", "--lost")
    assert "3 accounts must be reconnected" in given_up.stdout
    without = operator("status")
    assert (without.returncode, "No key seals." in without.stdout) == (1, True)
    assert "It seals from now on" in operator("new-key").stdout
    assert operator.states() == ["retired", "primary"]
    assert {row["status"] for row in rows(warehouse, "select status from hub.store_accounts")} == {
        "NEED_RECONNECT"
    }


def test_a_first_ring_can_be_made_where_the_setting_points(operator: Operator) -> None:
    assert "no key yet" in operator("status").stdout
    assert operator("new-key").returncode == 0
    assert operator.states() == ["primary"]


@pytest.mark.parametrize("key", ["", "xyz", "1234567g", "00000000", "123456789"])
def test_what_is_no_key_is_refused_in_one_line(operator: Operator, key: str) -> None:
    answer = operator("retire", key, "--yes")
    assert answer.returncode == 1
    assert "eight hex digits" in answer.stderr
