"""Services that may call the API: a name, a secret, scopes, and the stores that they may see."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import CODE, list_stores
from tiktok_pipeline.warehouse.connection import Warehouse

Scope = Literal["read", "sync", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LONGEST_OVERLAP_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class Service:
    """A service. `stores` None: all stores. Times are aware; `revoked_at` None: it is in use."""

    name: str
    scopes: tuple[Scope, ...]
    stores: tuple[str, ...] | None
    added_at: dt.datetime
    rotated_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_token_at: dt.datetime | None


def add_service(
    warehouse: Warehouse, name: str, scopes: Sequence[str], stores: Sequence[str] | None = None
) -> str:
    """Add a service; its secret, which is shown this once and kept nowhere.

    Raises PipelineError when the name is taken or not usable, for an unknown scope or store; nothing is changed then.
    """
    if not CODE.fullmatch(name):
        raise PipelineError(
            f"service {name!r}: not usable. Use 1 to 50 lower-case letters, digits, '_' and '-'."
        )
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise PipelineError(f"scope {', '.join(unknown) or 'missing'}: use {', '.join(SCOPES)}.")
    known = {store.code for store in list_stores(warehouse)}
    missing = [code for code in stores or () if code not in known]
    if missing:
        raise PipelineError(f"store {missing[0]}: there is none. `tiktok-pipeline store list` names them.")
    secret = _new_secret()
    values = {
        "name": name,
        "secret_hash": _hash(secret),
        "scopes": [scope for scope in SCOPES if scope in scopes],
        "stores": sorted(set(stores)) if stores else None,
    }
    if not warehouse.execute("services/add", values):
        raise PipelineError(f"service {name}: exists already, or did; choose another name, or rotate it.")
    return secret


def rotate_service(warehouse: Warehouse, name: str, overlap_minutes: int) -> str:
    """Give the service another secret, and return it; the one before is good for `overlap_minutes` more.

    Raises PipelineError when there is no such service or it was revoked.
    """
    secret = _new_secret()
    values = {"name": name, "secret_hash": _hash(secret), "minutes": overlap_minutes}
    if not warehouse.execute("services/rotate", values):
        raise PipelineError(f"service {name}: there is none, or it was revoked. Add one: service add.")
    return secret


def revoke_service(warehouse: Warehouse, name: str) -> None:
    """Give the service no more tokens. Raises PipelineError when there is none, or it was revoked before."""
    if not warehouse.execute("services/revoke", {"name": name}):
        raise PipelineError(f"service {name}: there is none, or it was revoked before.")


def list_services(warehouse: Warehouse) -> list[Service]:
    """All services by name, revoked ones among them."""
    return [
        Service(
            **row
            | {"scopes": tuple(row["scopes"]), "stores": tuple(row["stores"]) if row["stores"] else None}
        )
        for row in warehouse.execute("services/list")
    ]


def service_known_by(
    warehouse: Warehouse, name: str, secret: str
) -> tuple[tuple[Scope, ...], tuple[str, ...] | None] | None:
    """Scopes and stores of the service with this name and secret; None: there is no such service in use."""
    found = warehouse.execute("services/known_by", {"name": name, "secret_hash": _hash(secret)})
    if not found:
        return None
    return tuple(found[0]["scopes"]), tuple(found[0]["stores"]) if found[0]["stores"] else None


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _hash(secret: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
