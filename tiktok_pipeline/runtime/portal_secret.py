"""The portal's secret: what signs connect links and sessions. Every process of an installation needs the same.

The database knows it by a check value, so that a command on another machine, or in another folder, makes no links
that open nothing.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tiktok_pipeline.settings import Settings, SettingsError
from tiktok_pipeline.vault.keyring import check_value
from tiktok_pipeline.warehouse.connection import Warehouse, run

SHORTEST = 32
# A mounted secret often belongs to root and is read through a group; nobody else, and nobody may change it.
OTHERS_MAY = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


def portal_secret(warehouse: Warehouse, settings: Settings) -> bytes:
    """The secret of PORTAL_SECRET_FILE, or that of DATA_DIR, which the database knows by a check value.

    One is made in DATA_DIR only while the database knows none. Raises SettingsError, without any of the content, when
    it cannot be read, is not fit to sign with, or is another one than this database's.
    """
    known = _registered(warehouse)
    if known["check_value"] is None:
        with warehouse.transaction() as cursor:
            run(cursor, "portal/lock_secret")
            [known] = run(cursor, "portal/registered_secret")
            if known["check_value"] is None:
                secret = _first(settings, links_were_made=known["links_were_made"])
                run(cursor, "portal/register_secret", {"check_value": check_value(secret)})
                return secret
    path = settings.portal_secret_path
    if not path.exists():
        raise SettingsError(f"portal secret {path}: no such file, and this database knows one. {_COPY_IT}")
    secret = _read(path)
    if not hmac.compare_digest(check_value(secret), known["check_value"]):
        raise SettingsError(
            f"portal secret {path}: not the one that this database knows: links made with it would open nothing. "
            f"{_COPY_IT}"
        )
    return secret


def replace_portal_secret(warehouse: Warehouse, settings: Settings) -> int:
    """Put a new secret in place of the old one; how many open links end by that, as every login does.

    It is made in DATA_DIR; where PORTAL_SECRET_FILE is given, what that file holds becomes the secret. Raises
    SettingsError when that is the old one still.
    """
    path = settings.portal_secret_path
    with warehouse.transaction() as cursor:
        run(cursor, "portal/lock_secret")
        [known] = run(cursor, "portal/registered_secret")
        if settings.portal_secret_file is None:
            with _errors_in_words(path):
                _make(path, replace=True)
        secret = _read(path)
        if known["check_value"] is not None and check_value(secret) == bytes(known["check_value"]):
            raise SettingsError(
                f"portal secret {path}: it is the old one still. Put another there first: "
                f"openssl rand -base64 48 > {path}"
            )
        run(cursor, "portal/register_secret", {"check_value": check_value(secret)})
        [ended] = run(cursor, "portal/end_sessions_and_links")
    return int(ended["links"])


def is_registered(warehouse: Warehouse, secret: bytes) -> bool:
    """Whether the secret is still this database's."""
    known = _registered(warehouse)["check_value"]
    return known is not None and hmac.compare_digest(known, check_value(secret))


_COPY_IT = (
    "Copy the file of the machine where the portal runs to this place, or name it with PORTAL_SECRET_FILE. If it is "
    "lost: tiktok-pipeline portal new-secret"
)


def _registered(warehouse: Warehouse) -> dict[str, Any]:
    [known] = warehouse.execute("portal/registered_secret")
    return known


def _first(settings: Settings, *, links_were_made: bool) -> bytes:
    """The secret of a database that knows none yet; made in DATA_DIR if need be."""
    path = settings.portal_secret_path
    with _errors_in_words(path):
        if settings.portal_secret_file is None and not path.exists():
            if links_were_made:
                raise SettingsError(
                    f"portal secret {path}: no such file, and there are links made with one. {_COPY_IT}"
                )
            _make(path)
    return _read(path)


def _read(path: Path) -> bytes:
    with _errors_in_words(path), path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        secret = file.read().strip()
    if mode & OTHERS_MAY:
        raise SettingsError(
            f"portal secret {path}: others may read or change it (mode {mode:04o}). Run: chmod 600 {path}"
        )
    if len(secret) < SHORTEST:
        raise SettingsError(
            f"portal secret {path}: {len(secret)} characters, and {SHORTEST} random ones are the least. "
            f"Make one: openssl rand -base64 48 > {path}"
        )
    return secret


@contextmanager
def _errors_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"portal secret {path}: {error.strerror}. Check PORTAL_SECRET_FILE, or leave it out and one is made "
            "in DATA_DIR."
        ) from None


def _make(path: Path, *, replace: bool = False) -> None:
    """Write a new secret whole or not at all; over another one only with `replace`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            unfinished.replace(path)
            return
        os.link(unfinished, path)  # refuses when the name is taken, which a rename would not
    except FileExistsError:
        return  # another process was first; its secret is the folder's
    finally:
        unfinished.unlink(missing_ok=True)
