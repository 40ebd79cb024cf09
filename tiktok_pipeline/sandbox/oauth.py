"""Codes, grants and tokens of the sandbox, and the rules by which they live and die."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from tiktok_pipeline.sandbox.clock import Clock
from tiktok_pipeline.sandbox.envelope import OAuthError

CODE_SECONDS = 600
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(slots=True)
class Code:
    """A one-time authorization code. `redirect_uri` None accepts any at the exchange."""

    account: int
    client_key: str
    scopes: tuple[str, ...]
    redirect_uri: str | None
    code_challenge: str | None
    expires_at: float


@dataclass(slots=True, eq=False)
class Grant:
    """What one person granted to one app at one time; refreshing keeps the grant and its end."""

    account: int
    client_key: str
    scopes: tuple[str, ...]
    refresh_token: str
    refresh_expires_at: float
    access_tokens: set[str] = field(default_factory=set)


@dataclass(slots=True)
class AccessToken:
    """A live or expired access token."""

    grant: Grant
    expires_at: float


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token answer is made of; lifetimes are seconds from now."""

    grant: Grant
    access_token: str
    expires_in: int
    refresh_expires_in: int


class TokenStore:
    """All codes and tokens. Memory only: a restart of the sandbox disconnects everybody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.secrets: list[
            str
        ] = []  # every code and token ever given out, every verifier received; for tests
        self._codes: dict[str, Code] = {}
        self._access: dict[str, AccessToken] = {}
        self._grants: dict[str, Grant] = {}

    def issue_code(
        self,
        account: int,
        client_key: str,
        scopes: tuple[str, ...],
        redirect_uri: str | None,
        code_challenge: str | None,
    ) -> str:
        """Return a code for what a person has just granted. Codes hold `*` and `!`, as TikTok's do."""
        code = f"{secrets.token_urlsafe(48)}*{secrets.randbelow(4)}!{secrets.randbelow(9000) + 1000}.va"
        expires = self._clock.now() + CODE_SECONDS
        self.secrets.append(code)
        self._codes[code] = Code(account, client_key, scopes, redirect_uri, code_challenge, expires)
        return code

    def exchange(
        self, code: str, client_key: str, redirect_uri: str, verifier: str | None, lifetimes: tuple[int, int]
    ) -> Issued:
        """Spend a code. Raises OAuthError when it is unknown, spent, expired, or bound to something else."""
        if verifier:
            self.secrets.append(verifier)
        found = self._codes.get(code)
        if found is None or found.client_key != client_key or found.expires_at <= self._clock.now():
            raise OAuthError("invalid_grant", "Authorization code is expired.")
        if found.redirect_uri not in (None, redirect_uri):
            raise OAuthError(
                "invalid_request", "Redirect_uri is not matched with the uri when requesting code."
            )
        if found.code_challenge is not None and not _proves(verifier, found.code_challenge):
            raise OAuthError("invalid_request", "Code verifier or code challenge is invalid.")
        del self._codes[code]
        access, refresh = lifetimes
        grant = Grant(found.account, client_key, found.scopes, self._new("rft"), self._clock.now() + refresh)
        self._grants[grant.refresh_token] = grant
        return self._issue(grant, access)

    def account_of_refresh_token(self, refresh_token: str) -> int | None:
        """Return whose refresh token this is, None when it is dead or unknown."""
        grant = self._grants.get(refresh_token)
        return grant.account if grant else None

    def account_of_code(self, code: str) -> int | None:
        """Return who granted this code, None when it is spent or unknown."""
        found = self._codes.get(code)
        return found.account if found else None

    def refresh(self, refresh_token: str, client_key: str, *, rotate: bool, access_seconds: int) -> Issued:
        """Return a new access token; with `rotate` the refresh token sent is dead from here on.

        The end of the grant stays where it was, so `refresh_expires_in` counts down. Raises OAuthError.
        """
        grant = self._grants.get(refresh_token)
        if grant is None or grant.client_key != client_key or grant.refresh_expires_at <= self._clock.now():
            raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")
        if rotate:
            del self._grants[refresh_token]
            grant.refresh_token = self._new("rft")
            self._grants[grant.refresh_token] = grant
        return self._issue(grant, access_seconds)

    def access(self, token: str) -> Grant | None:
        """Return the grant of a live access token, None otherwise."""
        found = self._access.get(token)
        if found is None or found.expires_at <= self._clock.now():
            return None
        return found.grant

    def revoke_access(self, token: str, client_key: str) -> Grant:
        """Disconnect the app from the account of an access token. Raises OAuthError when it is not alive."""
        grant = self.access(token)
        if grant is None or grant.client_key != client_key:
            raise OAuthError("invalid_grant", "Access token is invalid or expired.")
        self.disconnect(grant.account, client_key)
        return grant

    def expire(self, account: int) -> int:
        """Let an account's access tokens expire now; return how many there were."""
        now = self._clock.now()
        tokens = [t for t in self._access.values() if t.grant.account == account and t.expires_at > now]
        for token in tokens:
            token.expires_at = now
        return len(tokens)

    def disconnect(self, account: int, client_key: str | None = None) -> int:
        """Kill an account's access and refresh tokens (of one app); return the number of grants killed."""
        doomed = [
            grant
            for grant in self._grants.values()
            if grant.account == account and client_key in (None, grant.client_key)
        ]
        for grant in doomed:
            del self._grants[grant.refresh_token]
            for token in grant.access_tokens:
                self._access.pop(token, None)
        return len(doomed)

    def has_granted(self, account: int, client_key: str, scopes: tuple[str, ...]) -> bool:
        """Return whether the account is connected to the app with at least these scopes."""
        return any(
            grant.account == account and grant.client_key == client_key and set(scopes) <= set(grant.scopes)
            for grant in self._grants.values()
        )

    def client_token(self) -> str:
        """Return a client access token; it opens nothing in the Display API."""
        return self._new("clt")

    def _new(self, kind: str) -> str:
        token = f"{kind}.{secrets.token_urlsafe(48)}!{secrets.randbelow(9000) + 1000}.va"
        self.secrets.append(token)
        return token

    def _issue(self, grant: Grant, access_seconds: int) -> Issued:
        now = self._clock.now()
        for old in [t for t in grant.access_tokens if self._access[t].expires_at <= now]:
            grant.access_tokens.discard(old)
            del self._access[old]
        token = self._new("act")
        grant.access_tokens.add(token)
        self._access[token] = AccessToken(grant, now + access_seconds)
        return Issued(grant, token, access_seconds, round(grant.refresh_expires_at - now))


def _proves(verifier: str | None, challenge: str) -> bool:
    """Return whether the verifier fits. TikTok hashes to hexadecimal, not to base64url as RFC 7636 does."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(hashlib.sha256(verifier.encode()).hexdigest().encode(), challenge.encode())
