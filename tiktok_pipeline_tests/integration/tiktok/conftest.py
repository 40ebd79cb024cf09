"""A sandbox TikTok of the module's own, and clients that talk to it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault.secret import SecretToken

REDIRECT_URI = "http://localhost/callback"


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=5, videos=45, even=True, limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The sandbox without faults and with an empty list of requests."""
    running_sandbox.clear_faults()
    running_sandbox.reset_requests()
    yield running_sandbox
    running_sandbox.clear_faults()
    running_sandbox.configure(limit=0, oauth_errors_as_http_status=False)


@pytest.fixture
def oauth(sandbox: SandboxProcess) -> OAuthClient:
    return OAuthClient(
        sandbox.base_url, sandbox.client_key, SecretToken(sandbox.client_secret), timeout_seconds=5
    )


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[TikTokClient]:
    client = TikTokClient(sandbox.base_url, sandbox.client_key, timeout_seconds=5)
    yield client
    client.close()


@pytest.fixture
def connect(sandbox: SandboxProcess, oauth: OAuthClient) -> Callable[..., TokenGrant]:
    def connected(account: int = 0, scopes: list[str] | None = None) -> TokenGrant:
        return oauth.exchange(sandbox.authorize(account, scopes), REDIRECT_URI)

    return connected


@pytest.fixture
def unused_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
