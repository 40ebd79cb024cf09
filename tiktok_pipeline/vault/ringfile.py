"""Writing the key ring: whole or not at all, mode 0600, on disk before anybody relies on it."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tiktok_pipeline.vault.errors import KeyRingError
from tiktok_pipeline.vault.keyring import KEY_BYTES, RingDocument, read_document


def make_key_ring(path: Path) -> None:
    """Write a ring with one new random key to `path`; never over another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key_id, key = _new_key(())
    with _written(path, RingDocument(primary=key_id, keys={key_id: key})) as unfinished:
        try:
            os.link(unfinished, path)  # refuses when the name is taken, which a rename would not
        except FileExistsError:
            return  # another process with another database was first; its ring is the folder's


def add_key(path: Path, taken: Iterable[int]) -> int:
    """Add a new random key to the ring in `path`; its id, which is none of those `taken`.

    No copy of the old file is kept: the new one holds all its keys, and every copy is one more to guard.
    Raises KeyRingError.
    """
    document, _ = read_document(path)
    key_id, key = _new_key({*document.keys, *(f"{other:08x}" for other in taken)})
    _replace(path, document.model_copy(update={"keys": {**document.keys, key_id: key}}))
    return int(key_id, 16)


def set_primary(path: Path, primary: int) -> None:
    """Let the ring in `path` name `primary`, for the day on which it meets an empty database. KeyRingError."""
    document, _ = read_document(path)
    if document.primary != f"{primary:08x}":
        _replace(path, document.model_copy(update={"primary": f"{primary:08x}"}))


def remove_key(path: Path, key_id: int, primary: int | None) -> bool:
    """Take a key out of the ring in `path`, which then names `primary`; whether it was and could be left out.

    A ring must hold its primary: without another it keeps the key. Raises KeyRingError.
    """
    document, _ = read_document(path)
    keys = {name: key for name, key in document.keys.items() if name != f"{key_id:08x}"}
    if len(keys) == len(document.keys) or primary is None or f"{primary:08x}" not in keys:
        return False
    _replace(path, RingDocument(primary=f"{primary:08x}", keys=keys))
    return True


def _new_key(taken: Iterable[str]) -> tuple[str, str]:
    while (key_id := f"{secrets.randbelow(2**32 - 1) + 1:08x}") in taken:
        pass
    return key_id, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _replace(path: Path, document: RingDocument) -> None:
    path = path.resolve()  # a link stays a link
    try:
        with _written(path, document) as unfinished:
            unfinished.replace(path)
    except OSError as error:
        raise KeyRingError(
            f"key ring {path}: cannot be changed ({error.strerror}). Copy it to where it can be, run this again with "
            "ENCRYPTION_KEYS_FILE naming the copy, and bring the copy to every machine."
        ) from None


@contextmanager
def _written(path: Path, document: RingDocument) -> Iterator[Path]:
    """The document in a file beside `path`, on disk, to be given its name in the block."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(document.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
