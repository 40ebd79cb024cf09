"""Short-lived access tokens for services: JWTs signed with Ed25519, which every portal of an installation can check.

The signing key is derived from the portal's secret, which every portal has anyway: there is no further key to keep,
and a replaced secret ends every token. A token's header must be, byte for byte, the one that is issued here. So of
all that the format allows (other algorithms, keys within the token, critical extensions) nothing is ever looked at.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tiktok_pipeline.hub.services import Scope

LIFETIME_SECONDS = 300
LONGEST_LIFETIME_SECONDS = 600
CLOCKS_DIFFER_SECONDS = 30  # between the portals of one installation
LONGEST_TOKEN = 8_192
MOST_REMEMBERED = 1_000
ALGORITHM = "EdDSA"
Second = Annotated[int, Field(strict=True, ge=0, le=2**40)]


class BadToken(Exception):
    """The token is not one that is good now. It says no more, to nobody."""


class Claims(BaseModel):
    """What a token says. Times are unix seconds; `stores` None: all stores."""

    model_config = ConfigDict(strict=True, extra="forbid")

    iss: str
    aud: str
    sub: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,50}$")]
    jti: Annotated[str, Field(min_length=16, max_length=64)]
    iat: Second
    exp: Second
    scope: Annotated[str, Field(pattern=r"^(read|sync|admin)( (read|sync|admin)){0,2}$")]
    stores: list[str] | None = None


@dataclass(frozen=True)
class Caller:
    """Who calls. `stores` None: may see all."""

    name: str
    scopes: frozenset[Scope]
    stores: tuple[str, ...] | None

    def may_see(self, store_code: str) -> bool:
        """Whether this store is among those of the caller."""
        return self.stores is None or store_code in self.stores


class Tokens:
    """Makes and checks the tokens of one installation; `address` is the portal's."""

    def __init__(self, secret: bytes, address: str) -> None:
        seed = HKDF(SHA256(), 32, salt=None, info=b"tiktok_pipeline: tokens of services").derive(secret)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._private.public_key()
        self._issuer = address.rstrip("/")
        self._audience = f"{self._issuer}/api/v1"
        self.key_id = _thumbprint(self.public_jwk())
        self._header = _first_part(jwt.encode({}, self._private, ALGORITHM, headers=self._headers()))
        self._good: dict[str, tuple[int, Caller]] = {}  # found good before, until when

    def issue(self, name: str, scopes: tuple[Scope, ...], stores: tuple[str, ...] | None) -> str:
        """A token for a service, good for LIFETIME_SECONDS."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": name,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "scope": " ".join(scopes),
        }
        if stores is not None:
            claims["stores"] = list(stores)
        return jwt.encode(claims, self._private, ALGORITHM, headers=self._headers())

    def caller(self, token: str) -> Caller:
        """Whom a token speaks for. Raises BadToken for anything but a token of ours that is good now.

        The signature of a token that was found good is not checked again: a service shows it with every request.
        """
        until, known = self._good.get(token, (0, None))
        if known is not None and time.time() < until:
            return known
        claims = self._checked(token)
        scopes: frozenset[Any] = frozenset(claims.scope.split(" "))
        found = Caller(claims.sub, scopes, None if claims.stores is None else tuple(claims.stores))
        if len(self._good) >= MOST_REMEMBERED:
            self._good.clear()
        self._good[token] = (claims.exp, found)
        return found

    def _checked(self, token: str) -> Claims:
        if len(token) > LONGEST_TOKEN or not token.isascii() or _first_part(token) != self._header:
            raise BadToken
        try:
            claims = Claims.model_validate(
                jwt.decode(
                    token,
                    self._public,
                    algorithms=[ALGORITHM],
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=CLOCKS_DIFFER_SECONDS,
                    options={"strict_aud": True, "require": ["exp", "iat", "aud", "iss", "sub", "jti"]},
                )
            )
        except (jwt.PyJWTError, ValidationError, ValueError, TypeError, OverflowError, RecursionError):
            raise BadToken from None
        if not 0 < claims.exp - claims.iat <= LONGEST_LIFETIME_SECONDS:
            raise BadToken
        return claims

    def public_jwk(self) -> dict[str, str]:
        """The public key, as others may check tokens with it (RFC 8037)."""
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)}

    def _headers(self) -> dict[str, Literal["at+jwt"] | str]:
        return {"typ": "at+jwt", "kid": self.key_id}


def _first_part(token: str) -> str:
    return token.partition(".")[0]


def _thumbprint(jwk: dict[str, str]) -> str:
    """The name of a key, made of it (RFC 7638)."""
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
