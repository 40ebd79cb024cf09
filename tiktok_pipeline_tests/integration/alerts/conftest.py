"""Real receivers: a webhook in a process of its own, a mail server in a thread."""

from __future__ import annotations

import email
import email.message
import email.policy
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy.engine import make_url

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.alerts.world import ACCOUNTS, DAY, World


class MailServer:
    """Takes every mail, or refuses all of them."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, email.message.EmailMessage]] = []
        self.refuses = False
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses:
            return "554 not today"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails += [(to, mail) for to in envelope.rcpt_tos]
        return "250 OK"

    def url(self, to: str) -> str:
        """For ALERT_URLS."""
        return f"mailto://127.0.0.1:{self.port}?from=bot@example.com&format=text&to={to}"


@pytest.fixture(scope="session")
def _mail_process() -> Iterator[MailServer]:
    server = MailServer()
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    yield server
    controller.stop()


@pytest.fixture
def mail(_mail_process: MailServer) -> MailServer:
    _mail_process.mails.clear()
    _mail_process.refuses = False
    return _mail_process


@pytest.fixture(scope="session")
def _receiver_process() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(_receiver_process: Receiver) -> Receiver:
    _receiver_process.answers(200, forget=True)
    return _receiver_process


@pytest.fixture(scope="module")
def tiktok() -> Iterator[SandboxProcess]:
    settings = {"accounts": ACCOUNTS + 1, "videos": 25, "even": True, "limit": 0, "token_regime": "lenient"}
    with SandboxProcess(**settings) as running:
        yield running


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def good_days(server_url: str, migrated_template: str, tiktok: SandboxProcess, keys: Path) -> Iterator[str]:
    """Name of a database with two days on which all went well; it is 01:00 of the third."""
    with database(server_url, "good_days", template=migrated_template) as url:
        warehouse = Warehouse(url)
        world = World(warehouse, tiktok, keys)
        world.today -= 12 * DAY
        world.at(1, days=-2)
        world.pipeline.connect(ACCOUNTS)
        for days in (-2, -1):
            world.at(2, days=days)
            world.run()
        world.at(1)
        warehouse.close()
        yield make_url(url).database or ""


@pytest.fixture
def world(server_url: str, good_days: str, tiktok: SandboxProcess, keys: Path) -> Iterator[World]:
    tiktok.clear_faults()
    with database(server_url, "test", template=good_days) as url:
        warehouse = Warehouse(url)
        yield World(warehouse, tiktok, keys)
        warehouse.close()
    tiktok.clear_faults()
