"""Pictures of the digest in the portal, and of mails as they arrive: a digest, and an alert."""

from __future__ import annotations

import base64
import datetime as dt
import html
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, ViewportSize

from docs.a_month import a_month
from tiktok_pipeline.alerts.delivery import deliver
from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.alerts.routes import channels_of, digest_channels_of
from tiktok_pipeline.digest.reading import calendar
from tiktok_pipeline.digest.sending import send_digests
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.alerts.conftest import MailServer
from tiktok_pipeline_tests.integration.portal.conftest import PASSWORD, running_portal

DESK: ViewportSize = {"width": 1000, "height": 1500}
MAIL: ViewportSize = {"width": 680, "height": 900}
ALERT: ViewportSize = {"width": 680, "height": 360}
PATIENCE = 120_000  # milliseconds; the first chart of a process takes its time
QUARANTINED = """
insert into snapshots.quarantine (account_id, endpoint, day, check_name, reason)
select id, 'video_list', %s, 'zeroed_videos', '4 of 6 videos fell to zero views'
from hub.store_accounts where store_code = 'medan_snack'
"""


def take_digest_pictures(
    warehouse: Warehouse, sandbox: SandboxProcess, browser: Browser, folder: Path, images: Path
) -> None:
    """`digest.png`, `digest-mail.png` and `alert-mail.png`, of an empty, migrated database."""
    known = calendar(warehouse, "UTC", dt.timedelta(hours=6))
    a_month(warehouse, known.today)
    mail = MailServer()
    controller = Controller(mail, hostname="127.0.0.1", port=mail.port)
    controller.start()
    with (
        running_portal(warehouse, sandbox, folder) as portal,
        browser.new_context(viewport=DESK, device_scale_factor=1.5, java_script_enabled=False) as desk,
    ):
        page = desk.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{portal.url}/login")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.goto(f"{portal.url}/digest")
        page.screenshot(path=images / "digest.png")
        alerts = channels_of(_whole(mail.url("ops@example.com")))
        digests = digest_channels_of(_whole(mail.url("boss@example.com")))
        send_digests(warehouse, digests, known, known.closed, portal.url)
        rows(warehouse, QUARANTINED, known.closed)
        look(warehouse, Facts("UTC"), ["quarantined"])
        deliver(warehouse, alerts + digests, portal.settings.zone, seconds=60)
        for to, letter in mail.mails:
            name, size = ("alert-mail", ALERT) if to == "ops@example.com" else ("digest-mail", MAIL)
            shown = folder / f"{name}.html"
            shown.write_text(_as_it_arrives(to, letter), encoding="utf-8")
            page.set_viewport_size(size)
            page.goto(shown.as_uri())
            page.screenshot(path=images / f"{name}.png")
    controller.stop()


def _whole(address: str) -> str:
    """The address of a mailbox that takes HTML too."""
    return address.replace("&format=text", "")


def _as_it_arrives(to: str, letter: EmailMessage) -> str:
    """A mail as a program shows it: its head, its HTML with the pictures inside, or its text when it has no other."""
    by_type = {part.get_content_type(): part for part in letter.walk()}
    if "text/html" in by_type:
        text = by_type["text/html"].get_content()
    else:
        plain = html.escape(by_type["text/plain"].get_content())
        text = f'<pre style="font:14px/1.5 sans-serif;white-space:pre-wrap">{plain}</pre>'
    for part in letter.walk():
        if content_id := part["Content-ID"]:
            picture = base64.b64encode(part.get_content()).decode()
            text = text.replace(f"cid:{content_id[1:-1]}", f"data:{part.get_content_type()};base64,{picture}")
    head = f"<b>{html.escape(letter['Subject'])}</b><br>to {to}"
    style = "font:14px/1.5 sans-serif;padding:10px 16px;background:#eceff3;margin:-8px -8px 8px"
    return f'<meta charset="utf-8"><div style="{style}">{head}</div>{text}'
