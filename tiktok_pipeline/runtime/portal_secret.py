"""The portal's secret: what signs connect links and sessions. Every process of an installation needs the same."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from tiktok_pipeline.settings import Settings, SettingsError

SHORTEST = 32
# A mounted secret often belongs to root and is read through a group; nobody else, and nobody may change it.
OTHERS_MAY = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


def portal_secret(settings: Settings) -> bytes:
    """The secret of PORTAL_SECRET_FILE, or that of DATA_DIR, which is made when there is none.

    Raises SettingsError, without any of the content, when it cannot be read or is not fit to sign with.
    """
    path = settings.portal_secret_path
    try:
        if settings.portal_secret_file is None and not path.exists():
            _make(path)
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read().strip()
    except OSError as error:
        raise SettingsError(
            f"portal secret {path}: {error.strerror}. Check PORTAL_SECRET_FILE, or leave it out and one is made "
            "in DATA_DIR."
        ) from None
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


def _make(path: Path) -> None:
    """Write a new secret whole or not at all, and never over another process's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)  # refuses when the name is taken, which a rename would not
    except FileExistsError:
        return  # another process was first; its secret is the folder's
    finally:
        unfinished.unlink(missing_ok=True)
