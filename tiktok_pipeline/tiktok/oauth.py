"""TikTok's OAuth: the address that asks for consent, and tokens for a code or a refresh token.

Sources: TikTok's pages "Login Kit for Web", "Manage User Access Tokens", "OAuth Error Handling".
Nothing here is repeated after bytes were sent: TikTok rotates refresh tokens and takes a code once, so a
second attempt could burn what the first one gained. The caller decides, by `TransientError.sent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tiktok_pipeline.tiktok.answers import malformed, read_oauth
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.transport import HttpAnswer, Transport
from tiktok_pipeline.vault.refresh import CALL_SECONDS
from tiktok_pipeline.vault.secret import SecretToken

TOKEN = "/v2/oauth/token/"  # noqa: S105 - a path
REVOKE = "/v2/oauth/revoke/"


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A pair of tokens and what it is good for; lifetimes are what remains, in seconds.

    `scopes` is what the account granted, perhaps less than what was asked; empty when TikTok did not say.
    """

    open_id: str
    scopes: tuple[str, ...]
    access_token: SecretToken
    refresh_token: SecretToken
    expires_in: int
    refresh_expires_in: int


# Visible ASCII: a blank token or one with a line break must never replace a working one.
_Visible = Annotated[str, Field(pattern=r"^[\x21-\x7e]+\z", max_length=4096)]
_Seconds = Annotated[int, Field(gt=0, lt=2**31)]


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    open_id: _Visible
    access_token: _Visible
    refresh_token: _Visible
    expires_in: _Seconds
    refresh_expires_in: _Seconds
    scope: str = ""


class OAuthClient:
    """The token endpoints of one TikTok app. `timeout_seconds` is the total for a call, CALL_SECONDS at most.

    Every call uses a connection of its own: a kept one that TikTok has just closed would leave in the dark
    whether the request arrived.
    """

    def __init__(
        self,
        base_url: str,
        client_key: str,
        client_secret: SecretToken,
        *,
        timeout_seconds: float = CALL_SECONDS,
        counts: RequestCounts | None = None,
    ) -> None:
        if timeout_seconds > CALL_SECONDS:
            raise ValueError(
                f"a token call of {timeout_seconds:.0f} s could outlive its lease; at most {CALL_SECONDS}"
            )
        self.client_key = client_key
        self._client_secret = client_secret
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self.counts = counts

    def authorize_url(
        self,
        authorize_url: str,
        redirect_uri: str,
        scopes: Sequence[str],
        state: str,
        *,
        code_challenge: str | None = None,
        disable_auto_auth: bool = True,
    ) -> str:
        """The address at which an account's owner gives consent. `code_challenge` is PKCE's.

        With `disable_auto_auth` TikTok always asks which account it is; otherwise it would silently take the
        one that the browser is logged in with.
        """
        query = {
            "client_key": self.client_key,
            "scope": ",".join(scopes),
            "redirect_uri": redirect_uri,
            "state": state,
            "response_type": "code",
            "disable_auto_auth": int(disable_auto_auth),
        }
        if code_challenge is not None:
            query |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
        return f"{authorize_url}{'&' if '?' in authorize_url else '?'}{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str, code_verifier: str | None = None) -> TokenGrant:
        """The tokens for an authorization code. Sent once; raises a TikTokError.

        `code` is URL-decoded, as a web framework hands it over: real codes contain `*` and `!`.
        """
        form = {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
        secrets = {"code": SecretToken(code)}
        if code_verifier is not None:
            secrets["code_verifier"] = SecretToken(code_verifier)
        return self._grant(form, secrets)

    def refresh(self, refresh_token: SecretToken) -> TokenGrant:
        """A new pair of tokens; the old refresh token is dead then. Sent once; raises a TikTokError."""
        return self._grant({"grant_type": "refresh_token"}, {"refresh_token": refresh_token})

    def revoke(self, access_token: SecretToken) -> None:
        """Disconnect the app from the account. Raises a TikTokError: AuthError for an expired token."""
        self._ask(REVOKE, {}, {"token": access_token})

    def _grant(self, form: Mapping[str, str], secrets: Mapping[str, SecretToken]) -> TokenGrant:
        answer, flat = self._ask(TOKEN, form, secrets)
        try:
            tokens = _TokenAnswer.model_validate(flat)
        except ValidationError as problem:
            raise malformed(answer, problem) from None
        return TokenGrant(
            open_id=tokens.open_id,
            scopes=tuple(scope.strip() for scope in tokens.scope.split(",") if scope.strip()),
            access_token=SecretToken(tokens.access_token),
            refresh_token=SecretToken(tokens.refresh_token),
            expires_in=tokens.expires_in,
            refresh_expires_in=tokens.refresh_expires_in,
        )

    def _ask(
        self, endpoint: str, form: Mapping[str, str], secrets: Mapping[str, SecretToken]
    ) -> tuple[HttpAnswer, dict[str, Any]]:
        """TikTok's answer, and the object in it. Secrets are revealed in what sends or hides them only."""
        secrets = {"client_secret": self._client_secret, **secrets}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",  # JSON is refused
            "Cache-Control": "no-cache",
            "Connection": "close",
        }
        transport = Transport(
            self._base_url, timeout_seconds=self._timeout_seconds, pool_size=1, counts=self.counts
        )
        with closing(transport) as once:
            answer = once.send(
                once.prepare("POST", endpoint),
                endpoint,
                headers,
                urlencode(
                    {"client_key": self.client_key, **form}
                    | {name: secret.reveal() for name, secret in secrets.items()}
                ).encode(),
                counted_as=f"{endpoint} {form['grant_type']}" if "grant_type" in form else None,
            )
        return answer, read_oauth(answer, *(secret.reveal() for secret in secrets.values()))
