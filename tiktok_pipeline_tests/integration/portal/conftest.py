"""The portal as it is served: uvicorn on a free port, a PostgreSQL, the sandbox as TikTok.

`portal` lives as long as the module that asks for it; make stores of your own in it, by `portal.store()`.
`running_portal` starts one with other settings.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from argon2 import PasswordHasher
from pydantic import SecretStr

from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.portal.context import PortalContext, open_portal
from tiktok_pipeline.portal.server import PortalThread
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.conftest import database

PASSWORD = "correct horse battery staple"
# Weak parameters, so that tests which log in again and again do not spend their time here.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
_numbers = itertools.count(1)


class Operator:
    """An operator's browser. `answer` is what the login was answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.browser = requests.Session()
        self.answer = requests.Response()

    def log_in(self, password: str, code: str = "", **more: Any) -> requests.Response:
        """The answer to the login form, filled in."""
        form = {"csrf": csrf_in(self.get("/login")), "password": password, "code": code}
        return self.post("/login", form, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page; redirects are not followed."""
        return self.browser.get(self.url + path, timeout=30, allow_redirects=False, **more)

    def post(self, path: str, form: dict[str, str], **more: Any) -> requests.Response:
        """The answer to a form as it is given; redirects are not followed."""
        return self.browser.post(self.url + path, form, timeout=30, allow_redirects=False, **more)

    def send(self, path: str, **form: str) -> requests.Response:
        """The answer to a form with the token of the overview's forms."""
        return self.post(path, {"csrf": csrf_in(self.get("/")), **form})


def csrf_in(answer: requests.Response) -> str:
    """The token of the first form of a page; empty when it has none."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text)
    return found[1] if found else ""


@dataclass
class Portal:
    """A running portal and everything behind it."""

    url: str
    settings: Settings
    warehouse: Warehouse
    vault: TokenVault
    oauth: OAuthClient
    sandbox: SandboxProcess
    context: PortalContext
    browser: requests.Session = field(default_factory=requests.Session)

    @property
    def clock(self) -> DatabaseClock:
        """The clock of the portal's database."""
        return DatabaseClock(self.warehouse)

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page as a browser without cookies gets it; redirects are not followed."""
        return requests.get(self.url + path, timeout=30, **{"allow_redirects": False, **more})

    def post(self, path: str, **more: Any) -> requests.Response:
        """The answer to a form of a browser without cookies; redirects are not followed."""
        return requests.post(self.url + path, timeout=30, **{"allow_redirects": False, **more})

    def store(self, name: str = "Jakarta Mall", contact: str | None = "ayu@example.com") -> str:
        """A new store; its code."""
        return add_store(self.warehouse, f"store_{next(_numbers):03}", name, "Ayu", contact).code

    def operator(self, password: str = PASSWORD, code: str = "") -> Operator:
        """A browser in which an operator has just tried to log in."""
        operator = Operator(self.url)
        operator.answer = operator.log_in(password, code)
        return operator

    def forget_attempts(self) -> None:
        """Let the limits of attempts begin anew."""
        rows(self.warehouse, "delete from ops.attempt")


@contextmanager
def running_portal(
    warehouse: Warehouse, sandbox: SandboxProcess, folder: Path, **settings: Any
) -> Iterator[Portal]:
    """A portal on a free port. `settings` replace what it would be told, e.g. `portal_url="https://…"`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    told = Settings.model_construct(
        **{
            "data_dir": folder,
            "environment": "test",
            "portal_url": url,
            "tiktok_api_base_url": sandbox.base_url,
            "tiktok_authorize_url": f"{sandbox.base_url}/v2/auth/authorize/",
            "tiktok_client_key": sandbox.client_key,
            "tiktok_client_secret": SecretStr(sandbox.client_secret),
            "tiktok_redirect_uri": f"{settings.get('portal_url', url)}/auth/callback",
            "operator_password_hash": SecretStr(PASSWORD_HASH),
            **settings,
        }
    )
    with open_portal(warehouse, told) as context, PortalThread(context, port=port):
        yield Portal(url, told, warehouse, context.vault, context.oauth, sandbox, context)


@pytest.fixture(scope="session")
def portal_sandbox() -> Iterator[SandboxProcess]:
    """The TikTok of all portals of this session."""
    with SandboxProcess(accounts=30, videos=3) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def portal_warehouse(server_url: str, migrated_template: str) -> Iterator[Warehouse]:
    """A migrated database that lives as long as the module."""
    with database(server_url, "portal", template=migrated_template) as url:
        warehouse = Warehouse(url)
        yield warehouse
        warehouse.close()


@pytest.fixture(scope="module")
def portal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the module's portals: key ring and secret."""
    return tmp_path_factory.mktemp("portal")


@pytest.fixture(scope="module")
def portal(
    portal_warehouse: Warehouse, portal_sandbox: SandboxProcess, portal_folder: Path
) -> Iterator[Portal]:
    """A portal that lives as long as the module."""
    with running_portal(portal_warehouse, portal_sandbox, portal_folder) as portal:
        yield portal
