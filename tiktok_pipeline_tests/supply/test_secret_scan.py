"""The secret scan finds canaries of every kind, and nothing in the repository."""

from __future__ import annotations

import base64
import os
import random
import string
import subprocess
from pathlib import Path

import pytest

from supply.secret_scan import secrets_in
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.vault.ringfile import make_key_ring

ROOT = project_file("pyproject.toml").parent
LETTERS = string.ascii_letters + string.digits


def _letters(count: int) -> str:
    return "".join(random.SystemRandom().choice(LETTERS) for _ in range(count))


def _canaries() -> dict[str, str]:
    """Made up anew each time, so that none stands in this file."""
    jwt = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', os.urandom(32))
    )
    return {
        "AWS": f"key = 'AKIA{_letters(16).upper()}'",
        "GitHub": f"token: ghp_{_letters(36)}",
        "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
        "JWT": f"Authorization: Bearer {jwt}",
        "TikTok": f"access_token = 'act.{_letters(60)}'",
        "random": f"password = '{base64.b64encode(os.urandom(60)).decode()}'",
    }


@pytest.mark.parametrize("kind", _canaries())
def test_a_canary_is_found_and_not_repeated(kind: str, tmp_path: Path) -> None:
    canary = _canaries()[kind]
    (tmp_path / "settings.py").write_text(f"ordinary = 1\n{canary}\n")
    found = secrets_in(tmp_path / "settings.py", "tiktok_pipeline/settings.py")
    assert found
    assert all(line.startswith("tiktok_pipeline/settings.py:2: ") for line in found)
    assert canary.split()[-1].strip("'") not in "".join(found)


def test_a_key_ring_is_found_even_among_the_tests(tmp_path: Path) -> None:
    make_key_ring(tmp_path / "ring.json")
    assert secrets_in(tmp_path / "ring.json", "tiktok_pipeline_tests/data/ring.json")


def test_no_file_of_the_repository_holds_a_secret() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    texts = [name for name in listed.stdout.splitlines() if not name.endswith((".png", ".sql"))]
    found = [line for name in texts for line in secrets_in(ROOT / name, name)]
    assert found == []
