"""The key ring: the file that holds the encryption keys, readable by its owner only.

    {"primary": "<id>", "keys": {"<id>": "<base64 of 32 bytes>", …}}

An id is eight lower-case hex digits and not zero. Anything else is refused: there is no way to run without
encryption. Which key seals is the database's word (`registry`), so that all machines agree; the file's primary
counts only while the database has none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from tiktok_pipeline.vault.errors import KeyRingError

KEY_BYTES = 32
CHECK_VALUE_BYTES = 8

Stamp = tuple[int, ...]  # differs when the file was replaced or changed


@dataclass(frozen=True, repr=False)
class KeyRing:
    """The keys by id, ready to seal and open; the bytes of the keys are not kept. The primary seals.

    `patterned` are keys that somebody made up, such as those of tests. `retired` open nothing but what waits in the
    spool. `stamp` tells whether the file is still the one that was read.
    """

    primary: int
    keys: Mapping[int, AESGCM]
    check_values: Mapping[int, bytes]
    patterned: frozenset[int] = frozenset()
    retired: Mapping[int, AESGCM] = field(default_factory=dict)
    stamp: Stamp = ()

    def __repr__(self) -> str:
        return f"KeyRing(primary={self.primary:08x}, {len(self.keys)} keys)"


def read_key_ring(path: Path) -> KeyRing:
    """The ring in `path`; KeyRingError in one line, without any of its content, when it is not sound."""
    document, stamp = read_document(path)
    raw = {int(key_id, 16): base64.b64decode(text) for key_id, text in document.keys.items()}
    return KeyRing(
        primary=int(document.primary, 16),
        keys={key_id: AESGCM(key) for key_id, key in raw.items()},
        check_values={key_id: check_value(key) for key_id, key in raw.items()},
        patterned=frozenset(key_id for key_id, key in raw.items() if _is_patterned(key)),
        stamp=stamp,
    )


def ring_stamp(path: Path) -> Stamp:
    """The stamp of the file as it is now; OSError when there is none."""
    return _stamp(path.stat())


def check_value(key: bytes) -> bytes:
    """Eight bytes that tell one key from another and nothing about either."""
    return hmac.new(key, b"check value", hashlib.sha256).digest()[:CHECK_VALUE_BYTES]


def _not_zero(key_id: str) -> str:
    if int(key_id, 16) == 0:
        raise ValueError("a key id cannot be zero")
    return key_id


def _key_text(text: str) -> str:
    try:
        size = len(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("a key must be base64") from None
    if size != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {size}")
    return text


KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$"), AfterValidator(_not_zero)]


class RingDocument(BaseModel):
    """The file as it must be. It holds the keys themselves: read, change, write, let go."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    primary: KeyId
    keys: dict[KeyId, Annotated[str, AfterValidator(_key_text)]]

    def __repr_args__(self) -> Iterator[tuple[str, int]]:
        yield "keys", len(self.keys)  # what every way to print it shows


def read_document(path: Path) -> tuple[RingDocument, Stamp]:
    """The file's content, checked as `read_key_ring` says, and its stamp."""
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            _must_be_private(path, status)
            document = RingDocument.model_validate(json.load(file, object_pairs_hook=_without_duplicates))
    except OSError as error:
        raise KeyRingError(f"key ring {path}: {error.strerror}. Check ENCRYPTION_KEYS_FILE.") from None
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        raise KeyRingError(f"key ring {path}: {where}: {reason}. {_RESTORE}") from None
    except ValueError as error:  # not JSON, not UTF-8, or an id twice
        reason = str(error) if isinstance(error, _DuplicateError) else "not a JSON file"
        raise KeyRingError(f"key ring {path}: {reason}. {_RESTORE}") from None
    if document.primary not in document.keys:
        raise KeyRingError(f"key ring {path}: its primary {document.primary} is not in it. {_RESTORE}")
    return document, _stamp(status)


_RESTORE = "Restore the file from a backup."


class _DuplicateError(ValueError):
    pass


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON lets a name occur twice and readers take the last: here that would be a lost key.
    if len({name for name, _ in pairs}) < len(pairs):
        raise _DuplicateError("a name occurs twice in it")
    return dict(pairs)


def _must_be_private(path: Path, status: os.stat_result) -> None:
    """Nobody but the owner may touch the file, with one exception: a file that is not ours, read by our group.

    So a secret that Kubernetes mounts (owner root, our group, mode 0440) opens: we could not change its mode,
    and the group is how whoever mounted it gave it to us. A file of our own is not tightened silently: whoever
    could read it may have, and its owner should know.
    """
    mode = stat.S_IMODE(status.st_mode)
    others = mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not others:
        return
    mounted = status.st_uid != os.geteuid() and status.st_gid in {os.getegid(), *os.getgroups()}
    if mounted and others == stat.S_IRGRP:
        return
    raise KeyRingError(
        f"key ring {path}: others than its owner may read or change it (mode {mode:04o}). "
        f"Run: chmod 600 {path}"
    )


def _is_patterned(key: bytes) -> bool:
    """Whether the bytes go up in even steps, as in all zeros or 0, 1, 2 …: no random key ever does."""
    return len({(after - before) % 256 for before, after in itertools.pairwise(key)}) == 1


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
