"""Tokens of services: what is issued is good for its time, and nothing else is, however it is made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tiktok_pipeline.portal.api.tokens import LIFETIME_SECONDS, BadToken, Tokens

SECRET = b"s" * 32
URL = "https://portal.example.com"
TOKENS = Tokens(SECRET, URL)
HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": TOKENS.key_id}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: Any) -> str:
    return b64(json.dumps(value, separators=(",", ":")).encode())


def claims(**other: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {
        "iss": URL,
        "aud": f"{URL}/api/v1",
        "sub": "crm",
        "jti": "0123456789abcdef",
        "iat": now,
        "exp": now + 300,
        "scope": "read",
    }
    return {name: value for name, value in (said | other).items() if value is not MISSING}


MISSING = object()


def signed(payload: Any, header: Any = None, tokens: Tokens = TOKENS) -> str:
    """Signed with the real key, whatever it says: what somebody would have who got hold of it, or a bug of ours."""
    head = _real_header() if header is None else part(header)
    body = payload if isinstance(payload, str) else part(payload)
    signature = tokens._private.sign(f"{head}.{body}".encode())
    return f"{head}.{body}.{b64(signature)}"


def _real_header() -> str:
    return TOKENS.issue("crm", ("read",), None).split(".")[0]


def hs256(key: bytes, header: dict[str, Any] | None = None) -> str:
    """Signed with HMAC and our public key as its secret: the classic confusion of algorithms."""
    head, body = part({**HEADER, "alg": "HS256", **(header or {})}), part(claims())
    return f"{head}.{body}.{b64(hmac.new(key, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: str) -> str:
    return f"{part({**HEADER, 'alg': algorithm})}.{part(claims())}."


def pem() -> bytes:
    return TOKENS._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def ssh() -> bytes:
    return TOKENS._public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


OTHER_KEY = Ed25519PrivateKey.generate()
OTHER_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": b64(OTHER_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
}


def by_another_key(**header: Any) -> str:
    return jwt.encode(claims(), OTHER_KEY, "EdDSA", headers={"typ": "at+jwt", "kid": TOKENS.key_id, **header})


def good() -> str:
    return TOKENS.issue("crm", ("read",), None)


NOW = int(time.time())
BAD: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg nOnE": lambda: unsigned("nOnE"),
    "alg empty": lambda: unsigned(""),
    "HS256 with our public key as PEM": lambda: hs256(pem()),
    "HS256 with our PEM, other white space": lambda: hs256(pem().replace(b"\n", b"\r\n")),
    "HS256 with our PEM, no last line break": lambda: hs256(pem().strip()),
    "HS256 with our public key as JWK": lambda: hs256(json.dumps(TOKENS.public_jwk()).encode()),
    "HS256 with our public key as SSH": lambda: hs256(ssh()),
    "HS256 under our header": lambda: f"{_real_header()}." + hs256(pem()).partition(".")[2],
    "signed by another key": by_another_key,
    "signed with another portal's secret": lambda: Tokens(b"x" * 32, URL).issue("crm", ("read",), None),
    "unknown kid": lambda: signed(claims(), {**HEADER, "kid": "another"}),
    "kid is a path": lambda: signed(claims(), {**HEADER, "kid": "../../../../dev/null"}),
    "kid is SQL": lambda: signed(claims(), {**HEADER, "kid": "x' union select 'AA=='--"}),
    "no kid": lambda: signed(claims(), {"alg": "EdDSA", "typ": "at+jwt"}),
    "crit": lambda: signed(claims(), {**HEADER, "crit": ["exp"]}),
    "b64 false": lambda: signed(claims(), {**HEADER, "b64": False, "crit": ["b64"]}),
    "embedded jwk": lambda: by_another_key(jwk=OTHER_JWK),
    "jku": lambda: by_another_key(jku="http://127.0.0.1:1/keys"),
    "x5u": lambda: by_another_key(x5u="http://127.0.0.1:1/cert"),
    "typ JWT": lambda: signed(claims(), {**HEADER, "typ": "JWT"}),
    "exp missing": lambda: signed(claims(exp=MISSING)),
    "exp over": lambda: signed(claims(iat=NOW - 500, exp=NOW - 200)),
    "exp a float": lambda: signed(claims(exp=NOW + 300.5)),
    "exp a text": lambda: signed(claims(exp=str(NOW + 300))),
    "exp null": lambda: signed(claims(exp=None)),
    "exp huge": lambda: signed(claims(exp=10**30)),
    "exp 1e400": lambda: signed(json_part('"exp":1e400')),
    "exp negative": lambda: signed(claims(exp=-1)),
    "exp true": lambda: signed(claims(exp=True)),
    "exp too far": lambda: signed(claims(exp=NOW + 7200)),
    "exp before iat": lambda: signed(claims(iat=NOW + 20, exp=NOW + 10)),
    "nbf in the future": lambda: signed(claims(nbf=NOW + 3600)),
    "iat in the future": lambda: signed(claims(iat=NOW + 3600, exp=NOW + 3900)),
    "iat missing": lambda: signed(claims(iat=MISSING)),
    "aud a list": lambda: signed(claims(aud=[f"{URL}/api/v1", "other"])),
    "aud a prefix": lambda: signed(claims(aud=URL)),
    "aud longer": lambda: signed(claims(aud=f"{URL}/api/v1/")),
    "aud missing": lambda: signed(claims(aud=MISSING)),
    "iss a prefix": lambda: signed(claims(iss=URL[:-4])),
    "iss a list": lambda: signed(claims(iss=[URL])),
    "iss missing": lambda: signed(claims(iss=MISSING)),
    "sub missing": lambda: signed(claims(sub=MISSING)),
    "sub a number": lambda: signed(claims(sub=7)),
    "scope unknown": lambda: signed(claims(scope="root")),
    "scope a list": lambda: signed(claims(scope=["read"])),
    "scope missing": lambda: signed(claims(scope=MISSING)),
    "stores a text": lambda: signed(claims(stores="jakarta_01")),
    "a claim of its own": lambda: signed(claims(admin=True)),
    "payload a list": lambda: signed([claims()]),
    "payload no JSON": lambda: signed(b64(b"not json")),
    "payload nested deep": lambda: signed(b64(b"[" * 4000)),
    "empty signature": lambda: good().rpartition(".")[0] + ".",
    "no signature": lambda: good().rpartition(".")[0],
    "cut off": lambda: good()[:-4],
    "one part more": lambda: good() + ".x",
    "one part less": lambda: ".".join(good().split(".")[1:]),
    "another payload": lambda: ".".join(
        [good().split(".")[0], part(claims(scope="admin")), good().split(".")[2]]
    ),
    "a megabyte": lambda: signed(claims(jti="a" * 1_000_000)),
    "not ASCII": lambda: good()[:-1] + "é",
    "empty": lambda: "",
    "dots": lambda: "..",
}


def json_part(members: str) -> str:
    text = json.dumps(claims(exp=MISSING))
    return b64((text[:-1] + "," + members + "}").encode())


@pytest.mark.parametrize("kind", BAD)
def test_nothing_but_our_own_token_is_taken(kind: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.caller(BAD[kind]())


def test_a_token_says_who_calls_and_what_it_may() -> None:
    caller = TOKENS.caller(TOKENS.issue("crm", ("read", "sync"), ("jakarta_01",)))
    assert (caller.name, caller.stores) == ("crm", ("jakarta_01",))
    assert caller.scopes == {"read", "sync"}
    assert caller.may_see("jakarta_01")
    assert not caller.may_see("bali_02")
    everything = TOKENS.caller(TOKENS.issue("erp", ("admin",), None))
    assert everything.may_see("bali_02")


def test_what_signed_helps_itself_makes_is_taken_so_that_the_list_above_means_something() -> None:
    assert TOKENS.caller(signed(claims())).name == "crm"


def test_a_token_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    token = good()
    late = time.time() + LIFETIME_SECONDS + 31
    monkeypatch.setattr("jwt.api_jwt.datetime", _Later(late))
    with pytest.raises(BadToken):
        TOKENS.caller(token)


class _Later:
    """The clock that the library reads, at another time."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self, tz: Any = None) -> Any:
        import datetime as dt

        return dt.datetime.fromtimestamp(self.at, tz)


def test_every_portal_of_an_installation_takes_the_tokens_of_the_others() -> None:
    assert Tokens(SECRET, f"{URL}/").caller(good()).name == "crm"
    assert Tokens(SECRET, URL).key_id == TOKENS.key_id != Tokens(b"t" * 32, URL).key_id
