"""How the keys are: which there are, what each seals, whether this machine's ring fits, and what is wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiktok_pipeline.vault.errors import KeyRingError, VaultTampered
from tiktok_pipeline.vault.keyring import KeyRing, read_key_ring
from tiktok_pipeline.vault.registry import in_words, must_fit, note_ring
from tiktok_pipeline.vault.rotation import Progress, check_all
from tiktok_pipeline.warehouse.connection import Warehouse

MOST_NAMED = 10  # accounts that a person reads by name


@dataclass(frozen=True)
class KeyLine:
    """One key; `tokens` are those stored, `lacking` the ring files in use elsewhere that do not hold it."""

    key_id: int
    state: str
    since: dt.datetime
    tokens: int
    in_file: bool
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """The keys, oldest first; what is wrong; and what is to be done next when nothing is."""

    keys: list[KeyLine]
    problems: list[str]
    next_steps: list[str]


def survey(warehouse: Warehouse, path: Path, environment: str, progress: Progress) -> Survey:
    """Look at the keys and open every stored token. Changes nothing but the note of what this ring file holds."""
    known = warehouse.execute("vault/tokens_by_key")
    problems = []
    ring = None
    try:
        ring = read_key_ring(path)
        must_fit(path, ring, environment, {key["key_id"]: key for key in known})
        with warehouse.transaction() as cursor:
            note_ring(cursor, path, ring)
    except KeyRingError as error:
        problems.append(str(error))
    lines = [_line(warehouse, key, ring) for key in known]
    usable = {line.key_id for line in lines if line.in_file and line.state != "retired"}
    for line in lines:
        if line.tokens and line.key_id not in usable:
            why = "retired" if line.state == "retired" else f"not in {path}"
            problems.append(
                f"{in_words([line.key_id])}: {line.tokens} tokens are sealed with it, and it is {why}. "
                "Put the key back, or reconnect the accounts."
            )
    if known and not any(key["state"] == "primary" for key in known):
        problems.append("No key seals. Make one: tiktok-pipeline vault new-key")
    if ring is not None:
        problems += _tampered(warehouse, ring, environment, progress)
    return Survey(
        lines, problems, [step for key, line in zip(known, lines, strict=True) for step in _next(key, line)]
    )


def _line(warehouse: Warehouse, key: dict[str, Any], ring: KeyRing | None) -> KeyLine:
    lacking = warehouse.execute("vault/ring_files_without", {"key_id": key["key_id"]})
    return KeyLine(
        key["key_id"],
        key["state"],
        key["state_since"],
        key["tokens"],
        ring is not None and key["key_id"] in ring.keys,
        tuple(f"{row['machine']} ({row['path']})" for row in lacking if key["state"] != "retired"),
    )


def _tampered(warehouse: Warehouse, ring: KeyRing, environment: str, progress: Progress) -> list[str]:
    unopened = check_all(warehouse, ring, environment, progress)
    tampered = [str(error) for error in unopened.values() if isinstance(error, VaultTampered)]
    more = [f"… and {len(tampered) - MOST_NAMED} accounts more."] if len(tampered) > MOST_NAMED else []
    return tampered[:MOST_NAMED] + more


def _next(key: dict[str, Any], line: KeyLine) -> list[str]:
    name = in_words([line.key_id])
    if line.state == "staged":
        where = ", ".join(line.lacking)
        if where:
            return [
                f"{name}: copy the ring file to {where}, and run this there. Then: tiktok-pipeline vault rotate"
            ]
        return [f"{name}: in every ring file in use. Next: tiktok-pipeline vault rotate"]
    if line.state == "decrypt_only" and (line.tokens or key["cleared_at"] is None):
        return [f"{name}: its rotation is not finished. Next: tiktok-pipeline vault rotate"]
    if line.state == "decrypt_only":
        return [
            f"{name}: seals nothing since {key['cleared_at']:%Y-%m-%d}. When no backup needs it any more: "
            f"tiktok-pipeline vault retire {line.key_id:08x}"
        ]
    return []
