"""The portal as a process beside others, and what must be set before it may serve."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from tiktok_pipeline.runtime.children import Child, ChildFailed
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.environment import child_environment
from tiktok_pipeline.settings import Settings, SettingsError

CALLBACK = "/auth/callback"
READY_SECONDS = 60.0
POLITE_SECONDS = 65.0  # an exchange with TikTok under way takes a minute at most, and a code is good once


def require_portal_settings(settings: Settings) -> None:
    """Raise SettingsError unless the portal can serve safely with what is set."""
    from tiktok_pipeline.portal.operator.password import require_login_settings

    settings.require("tiktok_client_key", "tiktok_client_secret", "tiktok_redirect_uri")
    if settings.operator_password_hash is None:
        raise SettingsError("OPERATOR_PASSWORD_HASH: not set. Make one: tiktok-pipeline portal hash-password")
    require_login_settings(settings)
    portal = urlsplit(settings.portal_url)
    if portal.path not in ("", "/") or portal.query or portal.fragment or portal.username:
        raise SettingsError(
            f"PORTAL_URL: {settings.portal_url} is more than scheme and host. The portal needs a host of its own: "
            f"{portal.scheme}://{portal.hostname}"
        )
    if settings.environment == "production" and portal.scheme != "https":
        raise SettingsError(
            f"PORTAL_URL: {settings.portal_url} is not https, and ENVIRONMENT is production. Put a proxy with a "
            "certificate before the portal, and its https:// address here."
        )
    callback = settings.portal_url.rstrip("/") + CALLBACK
    if settings.tiktok_redirect_uri != callback:
        raise SettingsError(
            f"TIKTOK_REDIRECT_URI: {settings.tiktok_redirect_uri} does not lead to this portal. Set it, and register "
            f"it with the TikTok app, as {callback}; or set PORTAL_URL to where the portal is."
        )


@contextmanager
def portal_beside(
    settings: Settings, folder: DataFolder, database_url: str, host: str, port: int
) -> Iterator[list[Child]]:
    """The portal, starting, while the block runs; none without an operator's password.

    `wait_until_it_answers` says when it is there.
    """
    if settings.operator_password_hash is None:
        yield []
        return
    with Child(
        "portal",
        [sys.executable, "-m", "tiktok_pipeline.cli", "portal", "--host", host, "--port", str(port)],
        environment=child_environment(settings, folder, database_url),
        log_file=folder.logs / "portal.log",
        polite_seconds=POLITE_SECONDS,
    ) as portal:
        yield [portal]


def wait_until_it_answers(children: list[Child], host: str, port: int) -> None:
    """Wait for the portal, if there is one; raises ChildFailed when it ended instead."""
    if not children:
        return
    [portal] = children
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - the user's choice
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        portal.require()
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"http://{reachable}:{port}/health", timeout=2).ok:
                return
        time.sleep(0.1)
    raise ChildFailed(f"portal: no answer within {READY_SECONDS:.0f} s. See {portal.log_file}")
