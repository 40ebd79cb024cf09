"""Our own rules for the code (supply/rules): each bites where it must, spares what is right, and finds nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline.project_files import project_file

AST_GREP = str(Path(sys.executable).parent / "ast-grep")
RULES = sorted(project_file("supply/rules").glob("*.yml"))
BITES = {
    "no_fstring_sql": [
        'cursor.execute(f"select * from {table}")',
        "cursor.execute(f\"select * from t where name = '{name}'\".encode())",
        'warehouse.execute("select * from " + table)',
        'connection.execute("select %s" % name)',
        'cursor.execute("select {}".format(name))',
        'cursor.copy(f"copy {table} from stdin")',
    ],
    "no_unverified_tls": [
        "requests.get(url, verify=False)",
        "session.verify = False",
        "context.check_hostname = False",
        "context.verify_mode = ssl.CERT_NONE",
        "urlopen(url, context=ssl._create_unverified_context())",
    ],
    "no_logged_secret": [
        'logger.info("token %s", token.reveal())',
        'typer.echo(f"the secret is {settings.tiktok_client_secret.get_secret_value()}")',
        "print(token.reveal())",
        "sys.stderr.write(token.reveal())",
        'raise ValueError(f"bad token {token.reveal()}")',
    ],
    "jwt_algorithms": ["jwt.decode(token, key)", "jwt.decode(token, key, audience=a, options={'x': 1})"],
}
SPARES = {
    "no_fstring_sql": [
        'warehouse.execute(f"capture/{name}", values)',
        'cursor.execute("select * from t where name = %s", (name,))',
        "connection.execute(composed.SQL('create database {}').format(composed.Identifier(name)))",
    ],
    "no_unverified_tls": ["requests.get(url, verify=True)", 'requests.get(url, verify="/etc/ca.pem")'],
    "no_logged_secret": [
        'logger.info("account %s: refreshed", account_id)',
        "session.headers['Authorization'] = f'Bearer {token.reveal()}'",
    ],
    "jwt_algorithms": ["jwt.decode(token, key, algorithms=['EdDSA'])", "other.decode(token)"],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda path: path.stem)
def test_a_rule_bites_and_spares(rule: Path, tmp_path: Path) -> None:
    for line in BITES[rule.stem]:
        assert _found(rule, tmp_path, line) == 1, line
    for line in SPARES[rule.stem]:
        assert _found(rule, tmp_path, line) == 0, line


@pytest.mark.parametrize("rule", RULES, ids=lambda path: path.stem)
def test_nothing_is_found_in_the_code(rule: Path) -> None:
    code = [str(project_file(name)) for name in ("tiktok_pipeline", "docs", "supply")]
    done = subprocess.run(
        [AST_GREP, "scan", "--rule", str(rule), *code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _found(rule: Path, folder: Path, line: str) -> int:
    """How many lines of a file with this one line the rule names."""
    file = folder / "looked_at.py"
    file.write_text(line + "\n", encoding="utf-8")
    done = subprocess.run(
        [AST_GREP, "scan", "--rule", str(rule), "--json=compact", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return len({found["range"]["start"]["line"] for found in json.loads(done.stdout)})
