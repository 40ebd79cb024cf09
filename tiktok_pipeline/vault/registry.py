"""Which key seals, and is this the right key ring? The database knows, so that all machines agree.

The ring file holds the keys, the table vault.key their states: staged → primary → decrypt_only → retired. It knows
every key by a check value, and a wrong ring stops the start. Without this, a lost or mistaken file would look
like thousands of tampered tokens, or worse: a fresh ring would be made and every account would have to be
reconnected.
"""

from __future__ import annotations

import dataclasses
import hmac
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.vault.errors import KeyRingError
from tiktok_pipeline.vault.keyring import KeyRing, read_key_ring, ring_stamp
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse, run

MUST_BE_HELD = ("primary", "decrypt_only")  # tokens may be sealed with these
REAL_TOKENS = ("staging", "production")


def open_key_ring(warehouse: Warehouse, path: Path, environment: str, *, create: bool) -> KeyRing:
    """The ring in `path` as this database sees it: its primary seals, its retired keys are left out.

    The ring is checked against the keys that the database knows; keys new to it are registered as staged. Only while
    it has no primary, the file's becomes it. With `create`, a missing file is made, but only while the database
    knows no key: afterwards its loss must be seen. Safe from several processes at once.
    Raises KeyRingError when the ring is missing, broken or another one, or holds a test's key for real tokens.
    """
    with warehouse.transaction() as cursor:
        run(cursor, "vault/lock_keys")
        try:
            if not path.exists():
                may_be_made(path, registered_keys(cursor), create=create)
                make_key_ring(path)
        except OSError as error:
            raise KeyRingError(
                f"key ring {path}: cannot be made ({error.strerror}). Check that DATA_DIR can be written."
            ) from None
        return open_in(cursor, path, environment)


def open_in(cursor: psycopg.Cursor[DictRow], path: Path, environment: str) -> KeyRing:
    """As `open_key_ring`, for a file that is there, in the caller's transaction, which has locked the keys."""
    ring, known = read_key_ring(path), registered_keys(cursor)
    must_fit(path, ring, environment, known)
    new = {key_id: value for key_id, value in ring.check_values.items() if key_id not in known}
    run(cursor, "vault/register_keys", {"key_ids": list(new), "check_values": list(new.values())})
    if _primary(known) is None:
        _adopt(cursor, path, ring.primary, known)
    return _as_known(ring, note_ring(cursor, path, ring))


def look_again(warehouse: Warehouse, path: Path, environment: str, held: KeyRing) -> KeyRing:
    """The ring as it is now, read again when the file has changed, lacks the primary, or is new to the database.

    One round trip while nothing has changed. Raises KeyRingError as `open_key_ring`.
    """
    known = _by_id(warehouse.execute("vault/look_at_ring", _ring_file(path, held)))
    complete = _primary(known) in held.keys and held.check_values.keys() <= known.keys()
    if complete and _unchanged(path, held):
        return _as_known(held, known)
    return open_key_ring(warehouse, path, environment, create=False)


def registered_keys(cursor: psycopg.Cursor[DictRow]) -> dict[int, DictRow]:
    """The keys that this database knows, by id, oldest first."""
    return _by_id(run(cursor, "vault/registered_keys"))


def must_fit(path: Path, ring: KeyRing, environment: str, known: Mapping[int, DictRow]) -> None:
    """Raise KeyRingError unless the ring holds every key that tokens may be sealed with, and no false one.

    A staged key may be missing, as nothing is sealed with it: its file is on its way to this machine.
    """
    if environment in REAL_TOKENS and ring.patterned:
        raise KeyRingError(
            f"key ring {path}: {in_words(ring.patterned)} was made up, as in tests, and ENVIRONMENT is "
            f"{environment}. Take a ring that `tiktok-pipeline vault new-key` has made."
        )
    for key_id, key in known.items():
        found = ring.check_values.get(key_id)
        if found is None and key["state"] in MUST_BE_HELD:
            raise KeyRingError(
                f"key ring {path}: lacks key {key_id:08x}, which this database knows as {key['state']}. "
                "Point ENCRYPTION_KEYS_FILE at the ring of this database, or copy the ring of another machine."
            )
        if found is not None and not hmac.compare_digest(found, key["check_value"]):
            raise KeyRingError(
                f"key ring {path}: key {key_id:08x} is not the key that this database knows by that id (its "
                "check value differs). Point ENCRYPTION_KEYS_FILE at the ring of this database."
            )


def note_ring(cursor: psycopg.Cursor[DictRow], path: Path, ring: KeyRing) -> dict[int, DictRow]:
    """Note that this ring file is in use, and what it holds; the keys as `registered_keys` gives them."""
    return _by_id(run(cursor, "vault/look_at_ring", _ring_file(path, ring)))


def _by_id(rows: list[DictRow]) -> dict[int, DictRow]:
    return {row["key_id"]: row for row in rows}


def _primary(known: Mapping[int, DictRow]) -> int | None:
    return next((key_id for key_id, key in known.items() if key["state"] == "primary"), None)


def _as_known(ring: KeyRing, known: Mapping[int, DictRow]) -> KeyRing:
    """The ring with the database's primary, and without what it has retired."""
    primary = _primary(known)
    assert primary is not None
    held = {**ring.retired, **ring.keys}
    retired = {key_id: key for key_id, key in held.items() if known[key_id]["state"] == "retired"}
    usable = {key_id: key for key_id, key in held.items() if key_id not in retired}
    return dataclasses.replace(ring, primary=primary, keys=usable, retired=retired)


def _ring_file(path: Path, ring: KeyRing) -> dict[str, Any]:
    return {"machine": socket.gethostname(), "path": str(path.absolute()), "key_ids": list(ring.check_values)}


def _unchanged(path: Path, ring: KeyRing) -> bool:
    try:
        return ring_stamp(path) == ring.stamp
    except OSError:
        return False


def may_be_made(path: Path, known: Mapping[int, DictRow], *, create: bool) -> None:
    """Raise KeyRingError unless a ring may be made in `path`, where there is none."""
    if needed := [key_id for key_id, key in known.items() if key["state"] != "retired"]:
        raise KeyRingError(
            f"key ring {path}: no such file, and this database knows "
            f"{in_words(needed)}. Restore the file from a backup."
        )
    if not create:
        raise KeyRingError(
            f"key ring {path}: no such file. Put it there, or leave ENCRYPTION_KEYS_FILE out "
            "and one is made in DATA_DIR."
        )


def _adopt(cursor: psycopg.Cursor[DictRow], path: Path, primary: int, known: Mapping[int, DictRow]) -> None:
    """Let the file's primary be the database's, which has none: a first start, or the first with key states."""
    if primary in known and known[primary]["state"] == "retired":
        raise KeyRingError(
            f"key ring {path}: its primary {primary:08x} is retired here. Put the ring of this database there, or "
            "make a key: tiktok-pipeline vault new-key"
        )
    run(cursor, "vault/make_primary", {"key_id": primary})


def in_words(key_ids: Iterable[int]) -> str:
    """`key 0000000a` or `keys 0000000a, 0000000b`."""
    names = [f"{key_id:08x}" for key_id in key_ids]
    return f"key{'s' * (len(names) > 1)} {', '.join(names)}"
