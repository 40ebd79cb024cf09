"""Calls TikTok's endpoints of a sandbox as an app would."""

from datetime import timedelta
from typing import Any

import requests

from tiktok_pipeline.sandbox.server import SandboxProcess

ALL = "id,create_time,view_count"
REDIRECT = "http://localhost:3000/callback"


class App:
    """An app with its key and secret, and no opinion about answers."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.http = requests.Session()
        self.http.trust_env = False

    def url(self, path: str) -> str:
        return f"{self.sandbox.base_url}/v2/{path}"

    def credentials(self) -> dict[str, str]:
        return {"client_key": self.sandbox.client_key, "client_secret": self.sandbox.client_secret}

    def token(self, **form: str | None) -> requests.Response:
        fields = {k: v for k, v in {**self.credentials(), **form}.items() if v is not None}
        return self.http.post(self.url("oauth/token/"), data=fields, timeout=10)

    def exchange(self, code: str, **form: str | None) -> requests.Response:
        return self.token(
            **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **form}
        )

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def revoke(self, access_token: str) -> requests.Response:
        return self.http.post(
            self.url("oauth/revoke/"), data={**self.credentials(), "token": access_token}, timeout=10
        )

    def connected(self, account: int, scopes: list[str] | None = None) -> str:
        """Return an access token of an account."""
        return str(self.sandbox.connect(account, scopes)["access_token"])

    def later(self, **ahead: float) -> None:
        """Move the sandbox's clock ahead."""
        self.sandbox.set_clock(now=self.sandbox.now() + timedelta(**ahead))

    def info(self, token: str, fields: str | None = "open_id", timeout: float = 10) -> requests.Response:
        return self.http.get(
            self.url("user/info/"), params={"fields": fields}, headers=bearer(token), timeout=timeout
        )

    def page(self, token: str, body: object = None, fields: str | None = ALL) -> requests.Response:
        return self.http.post(
            self.url("video/list/"),
            params={"fields": fields},
            headers=bearer(token),
            json={} if body is None else body,
            timeout=10,
        )

    def query(self, token: str, body: object, fields: str | None = ALL) -> requests.Response:
        return self.http.post(
            self.url("video/query/"), params={"fields": fields}, headers=bearer(token), json=body, timeout=10
        )

    def pages(
        self, token: str, size: int = 20, fields: str = ALL, at_most: int = 300
    ) -> list[dict[str, Any]]:
        """Return the `data` of all pages."""
        pages = [self.page(token, {"max_count": size}, fields).json()["data"]]
        while pages[-1]["has_more"] and len(pages) < at_most:
            body = {"max_count": size, "cursor": pages[-1]["cursor"]}
            pages.append(self.page(token, body, fields).json()["data"])
        return pages

    def videos(self, token: str, size: int = 20, fields: str = ALL) -> list[dict[str, Any]]:
        return [video for page in self.pages(token, size, fields) for video in page["videos"]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
