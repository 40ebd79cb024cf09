"""Real receivers: a webhook in a process of its own, a mail server in a thread."""

from __future__ import annotations

import email
import email.message
import email.policy
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tiktok_pipeline_tests.integration.alerts.receiver import Receiver


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
