"""Is this the right key ring? The database knows every key by a check value; a wrong ring stops the start.

Without this, a lost or mistaken file would look like thousands of tampered tokens, or worse: a fresh ring
would be made and every account would have to be reconnected.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from tiktok_pipeline.vault.errors import KeyRingError
from tiktok_pipeline.vault.keyring import KeyRing, make_key_ring, read_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse, run


def open_key_ring(warehouse: Warehouse, path: Path, *, create: bool) -> KeyRing:
    """The ring in `path`, checked against the keys that this database knows; keys new to it are registered.

    With `create`, a missing file is made, but only while the database knows no key: afterwards its loss must
    be seen. Safe from several processes at once.
    Raises KeyRingError when the ring is missing, broken or another one.
    """
    with warehouse.transaction() as cursor:
        run(cursor, "vault/lock_keys")
        registered = {row["key_id"]: row["check_value"] for row in run(cursor, "vault/registered_keys")}
        try:
            if not path.exists():
                _may_be_made(path, registered, create)
                make_key_ring(path)
        except OSError as error:
            raise KeyRingError(
                f"key ring {path}: cannot be made ({error.strerror}). Check that DATA_DIR can be written."
            ) from None
        ring = read_key_ring(path)
        for key_id, expected in registered.items():
            _must_be_the_same(path, key_id, expected, ring.check_values.get(key_id))
        new = {key_id: value for key_id, value in ring.check_values.items() if key_id not in registered}
        run(
            cursor,
            "vault/register_keys",
            {"key_ids": list(new), "check_values": list(new.values())},
        )
    return ring


def _may_be_made(path: Path, registered: dict[int, bytes], create: bool) -> None:
    if registered:
        raise KeyRingError(
            f"key ring {path}: no such file, and this database holds tokens sealed with key "
            f"{', '.join(f'{key_id:08x}' for key_id in registered)}. Restore the file from a backup."
        )
    if not create:
        raise KeyRingError(
            f"key ring {path}: no such file. Put it there, or leave ENCRYPTION_KEYS_FILE out "
            "and one is made in DATA_DIR."
        )


def _must_be_the_same(path: Path, key_id: int, expected: bytes, found: bytes | None) -> None:
    if found is None:
        raise KeyRingError(
            f"key ring {path}: lacks key {key_id:08x}, which this database knows. "
            "Point ENCRYPTION_KEYS_FILE at the ring of this database."
        )
    if not hmac.compare_digest(found, expected):
        raise KeyRingError(
            f"key ring {path}: key {key_id:08x} is not the key that this database knows by that id (its "
            "check value differs). Point ENCRYPTION_KEYS_FILE at the ring of this database."
        )
