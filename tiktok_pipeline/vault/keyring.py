"""The key ring: the file that holds the encryption keys, readable by its owner only.

    {"primary": "<id>", "keys": {"<id>": "<base64 of 32 bytes>", …}}

An id is eight lower-case hex digits and not zero. The primary seals, all of them open. Anything else is
refused: there is no way to run without encryption.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from tiktok_pipeline.vault.errors import KeyRingError

KEY_BYTES = 32
CHECK_VALUE_BYTES = 8
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


class KeyRing:
    """The keys by id, ready to seal and open; the bytes of the keys are not kept."""

    def __init__(self, primary: int, keys: Mapping[int, AESGCM], check_values: Mapping[int, bytes]) -> None:
        self.primary = primary
        self.keys = keys
        self.check_values = check_values

    def __repr__(self) -> str:
        return f"KeyRing(primary={self.primary:08x}, {len(self.keys)} keys)"


def read_key_ring(path: Path) -> KeyRing:
    """The ring in `path`; KeyRingError in one line, without any of its content, when it is not sound."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & OTHERS_MAY:
                # Not tightened silently: whoever could read it may have, and the owner should know.
                raise KeyRingError(
                    f"key ring {path}: others than its owner may read or change it (mode {mode:04o}). "
                    f"Run: chmod 600 {path}"
                )
            document = _Document.model_validate(json.load(file, object_pairs_hook=_without_duplicates))
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
    raw = {int(key_id, 16): base64.b64decode(text) for key_id, text in document.keys.items()}
    return KeyRing(
        primary=int(document.primary, 16),
        keys={key_id: AESGCM(key) for key_id, key in raw.items()},
        check_values={key_id: check_value(key) for key_id, key in raw.items()},
    )


def make_key_ring(path: Path) -> None:
    """Write a ring with one new random key to `path`, mode 0600, whole or not at all; never over another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key_id = f"{secrets.randbelow(2**32 - 1) + 1:08x}"
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"primary": key_id, "keys": {key_id: key}}, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)  # refuses when the name is taken, which a rename would not
    except FileExistsError:
        return  # another process with another database was first; its ring is the folder's
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def check_value(key: bytes) -> bytes:
    """Eight bytes that tell one key from another and nothing about either."""
    return hmac.new(key, b"check value", hashlib.sha256).digest()[:CHECK_VALUE_BYTES]


_RESTORE = "Restore the file from a backup."


class _DuplicateError(ValueError):
    pass


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


_KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$"), AfterValidator(_not_zero)]


class _Document(BaseModel):
    """The file as it must be."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    primary: _KeyId
    keys: dict[_KeyId, Annotated[str, AfterValidator(_key_text)]]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON lets a name occur twice and readers take the last: here that would be a lost key.
    if len({name for name, _ in pairs}) < len(pairs):
        raise _DuplicateError("a name occurs twice in it")
    return dict(pairs)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
