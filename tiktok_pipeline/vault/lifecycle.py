"""A key's life: staged, then primary, then decrypt_only, then retired. Every step is one transaction.

Readers first: a new key is only announced. It seals when `promote` finds it in every ring file that is in use.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.registry import (
    in_words,
    may_be_made,
    must_fit,
    note_ring,
    open_in,
    registered_keys,
)
from tiktok_pipeline.vault.ringfile import add_key, make_key_ring, set_primary
from tiktok_pipeline.warehouse.connection import Warehouse, run

OPEN_CONNECTS = dt.timedelta(
    minutes=10
)  # how long a person may take at TikTok; what waits for them is sealed, too


class KeyNotReady(PipelineError):
    """The key is not in the state that the step starts from; nothing was changed."""


def new_key(warehouse: Warehouse, path: Path, environment: str) -> int:
    """Add a new key to the ring in `path` and announce it; its id.

    It is staged and seals nothing, unless it is the only one. A missing ring is made, as by `open_key_ring`. Raises
    KeyNotReady when another is staged, KeyRingError as `open_key_ring`.
    """
    with warehouse.transaction() as cursor:
        run(cursor, "vault/lock_keys")
        known = registered_keys(cursor)
        if staged := [key_id for key_id, key in known.items() if key["state"] == "staged"]:
            raise KeyNotReady(
                f"{in_words(staged)}: staged already. Copy {path} to every machine, then run: tiktok-pipeline vault "
                f"rotate. To give it up: tiktok-pipeline vault retire {staged[0]:08x}"
            )
        if not path.exists():
            may_be_made(path, known, create=True)
            make_key_ring(path)
            return open_in(cursor, path, environment).primary
        before = read_key_ring(path)
        must_fit(path, before, environment, known)
        made = add_key(path, known)
        if before.primary in known and known[before.primary]["state"] == "retired":
            set_primary(path, made)
        open_in(cursor, path, environment)
    return made


def promote(warehouse: Warehouse, path: Path, environment: str, *, anyway: bool = False) -> int | None:
    """Let the staged key seal from now on, and the one before only open; its id, or None when none is staged.

    Raises KeyNotReady when a ring file that was in use within a day lacks it, unless `anyway`.
    """
    with warehouse.transaction() as cursor:
        run(cursor, "vault/lock_keys")
        ring, known = read_key_ring(path), registered_keys(cursor)
        staged = [key_id for key_id, key in known.items() if key["state"] == "staged"]
        if not staged:
            return None
        key_id = staged[-1]
        must_fit(path, ring, environment, known)
        note_ring(cursor, path, ring)
        lacking = run(cursor, "vault/ring_files_without", {"key_id": key_id})
        if key_id not in ring.keys or (lacking and not anyway):
            raise KeyNotReady(
                f"{in_words([key_id])}: not in every ring file that was in use within a day. Copy the file with it to "
                f"{_places(lacking)}, and run `tiktok-pipeline vault status` there. If that machine is gone: "
                "rotate --anyway"
            )
        run(cursor, "vault/step_down")
        run(cursor, "vault/make_primary", {"key_id": key_id})
    return key_id


def unfinished(warehouse: Warehouse) -> bool:
    """Whether a rotation has still to re-seal or to check something."""
    keys = warehouse.execute("vault/tokens_by_key")
    return any(
        key["state"] == "decrypt_only" and (key["tokens"] or key["cleared_at"] is None) for key in keys
    )


def clear(warehouse: Warehouse) -> list[int]:
    """Note which keys nothing is sealed with any more; their ids. To be called when two checks found it so."""
    return [row["key_id"] for row in warehouse.execute("vault/clear_keys")]


def primary(warehouse: Warehouse) -> int | None:
    """The key that seals; None when it was given up."""
    keys = warehouse.execute("vault/registered_keys")
    return next((key["key_id"] for key in keys if key["state"] == "primary"), None)


def refuse_to_retire(warehouse: Warehouse, key_id: int, *, anyway: bool = False) -> None:
    """Raise KeyNotReady when something is, or may yet be, sealed with the key; see `retire`."""
    with warehouse.transaction() as cursor:
        _must_be_idle(cursor, key_id, anyway=anyway)


def retire(warehouse: Warehouse, key_id: int, *, anyway: bool = False) -> None:
    """Let a key open nothing any more. Raises KeyNotReady when something is, or may yet be, sealed with it.

    It may while a ring file, used however long ago, lacks the key that seals: what runs there seals with an older one.
    With `anyway` such files are forgotten.
    """
    try:
        with warehouse.transaction() as cursor:
            run(cursor, "vault/lock_keys")
            run(cursor, "vault/hold_key_to_retire", {"key_id": key_id})
            _must_be_idle(cursor, key_id, anyway=anyway)
            run(cursor, "vault/retire_key", {"key_id": key_id})
            if anyway:
                run(cursor, "vault/forget_ring_files_behind")
    except psycopg.errors.LockNotAvailable:
        raise KeyNotReady(
            f"{in_words([key_id])}: a token is being saved with it at this moment. Try again."
        ) from None


def give_up(warehouse: Warehouse, key_id: int) -> int:
    """Retire a key that is lost, with everything sealed with it; how many accounts must be reconnected."""
    with warehouse.transaction() as cursor:
        _key(cursor, key_id)
        reason = f"the encryption key {key_id:08x} of its tokens was lost"
        # Before the keys are locked: whoever saves a token just now may have to look at the keys first.
        lost = run(cursor, "vault/lose_key", {"key_id": key_id, "reason": reason})
        run(cursor, "vault/lock_keys")
        run(cursor, "vault/retire_key", {"key_id": key_id})
    return len(lost)


def _key(cursor: psycopg.Cursor[DictRow], key_id: int) -> DictRow:
    found = [key for key in run(cursor, "vault/tokens_by_key") if key["key_id"] == key_id]
    if not found:
        raise KeyNotReady(
            f"{in_words([key_id])}: this database knows none. See: tiktok-pipeline vault status"
        )
    return found[0]


def _must_be_idle(cursor: psycopg.Cursor[DictRow], key_id: int, *, anyway: bool) -> None:
    key = _key(cursor, key_id)
    if reason := _still_needed(key):
        raise KeyNotReady(f"{in_words([key_id])}: {reason}")
    behind = run(cursor, "vault/ring_files_behind")
    if key["state"] == "decrypt_only" and behind and not anyway:
        raise KeyNotReady(
            f"{in_words([key_id])}: the key that seals is not in {_places(behind)}, and what runs there may seal with "
            "this one yet. Copy the file there and run `tiktok-pipeline vault status` there. If it is gone for good: "
            f"tiktok-pipeline vault retire {key_id:08x} --anyway"
        )


def _places(files: list[DictRow]) -> str:
    return ", ".join(f"{row['machine']} ({row['path']})" for row in files)


def _still_needed(key: dict[str, Any]) -> str | None:
    if key["state"] == "primary":
        return "it is the one that seals. Make another and rotate first."
    if key["tokens"]:
        return f"{key['tokens']} tokens are sealed with it. Run: tiktok-pipeline vault rotate"
    if key["state"] == "decrypt_only" and key["cleared_at"] is None:
        return "no rotation has checked yet that nothing is sealed with it. Run: tiktok-pipeline vault rotate"
    if key["state"] == "decrypt_only" and key["now"] - key["state_since"] < OPEN_CONNECTS:
        return "people may be at TikTok with it just now, to connect an account. Wait ten minutes."
    return None
