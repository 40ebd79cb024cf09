"""`make superset`: the bundle imported into a real Superset, as a person would, and its dashboard looked at.

Superset is started with a metadata database of its own and shown a month of made-up stores as a bi_reader. Every chart
must get rows. The dashboard as the browser draws it goes into docs/images.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, Response

from docs.screenshots import IMAGES
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.e2e.browser import chromium_here, headless
from tiktok_pipeline_tests.integration.bi.month import fill_month

BUNDLE = Path(__file__).parents[1] / "docker" / "superset" / "bundle"
CHARTS = len(list(BUNDLE.glob("charts/*.yaml")))
PATIENCE = 600  # seconds, of a machine that has other things to do
CONFIG = """
SECRET_KEY = {secret!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
TALISMAN_ENABLED = False
"""


def write_bundle(file: Path) -> None:
    """The zip file that Superset imports."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for part in sorted(BUNDLE.rglob("*.yaml")):
            bundle.write(part, Path("tiktok") / part.relative_to(BUNDLE))


class Superset:
    """A Superset with a folder of its own, not yet serving. `program` is its command."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.password = secrets.token_urlsafe(9)
        self.url = f"http://127.0.0.1:{free_port()}"
        config = folder / "superset_config.py"
        config.write_text(CONFIG.format(secret=secrets.token_urlsafe(48), folder=folder))
        told = {"SUPERSET_CONFIG_PATH": str(config), "SUPERSET_HOME": str(folder), "FLASK_APP": "superset"}
        self.environment = {**os.environ, **told}

    def do(self, *arguments: str) -> None:
        """One of its commands. Ends this program with what it said when it fails."""
        command = [str(self.program), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            sys.exit(f"superset {arguments[0]}: failed\n{done.stderr[-3000:]}")

    def prepare(self, bundle: Path, database: str) -> None:
        """Its metadata, an administrator, and the bundle, whose database is then told where `database` is."""
        self.do("db", "upgrade")
        names = ("--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "a@example.com")
        self.do("fab", "create-admin", *names, "--password", self.password)
        self.do("init")
        self.do("import-dashboards", "--path", str(bundle), "--username", "admin")
        self.do("set-database-uri", "--database_name", "TikTok", "--uri", database)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """It answers while the block runs."""
        port = self.url.rpartition(":")[2]
        with (self.folder / "log").open("wb") as log:
            command = [str(self.program), "run", "--port", port, "--with-threads"]
            server = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            try:
                self._wait(server)
                yield
            finally:
                server.terminate()
                server.wait(60)

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and server.poll() is None:
            try:
                if requests.get(f"{self.url}/health", timeout=10).ok:
                    return
            except requests.RequestException:
                time.sleep(1)
        sys.exit(f"superset run: it does not answer\n{(self.folder / 'log').read_text()[-3000:]}")


def look(page: Page, superset: Superset) -> None:
    """Log in, open the dashboard, and wait until every chart is drawn. Ends this program when one is not."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/chart/data" in answer.url else None)
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{superset.url}/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(superset.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(f"{superset.url}/superset/dashboard/tiktok/?standalone=1&expand_filters=0")
    charts = page.locator("[data-test='chart-container']")
    page.wait_for_function(
        f"document.querySelectorAll(\"[data-test='slice-container']\").length >= {CHARTS}"
        " && !document.querySelector(\"[data-test='loading-indicator'], .loading\")"
    )
    drawn = [charts.nth(n).inner_text() for n in range(charts.count())]
    problems = [text for text in drawn if "error" in text.lower() or "No results" in text]
    problems += [f"{answer.status} {answer.url}" for answer in answers if not answer.ok]
    counts = [result["rowcount"] for answer in answers if answer.ok for result in _results(answer)]
    if problems or min(counts, default=0) < 1 or len(counts) < CHARTS:
        page.screenshot(path=superset.folder / "failed.png", full_page=True)
        sys.exit(f"of {CHARTS} charts: rows {counts}, problems {problems}")
    print(f"{CHARTS} charts drawn, rows {sorted(counts)}")  # noqa: T201
    page.screenshot(path=IMAGES / "superset.png", full_page=True)


def _results(answer: Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["result"]
    return found


def main(program: Path, bundle: Path) -> None:
    """Import `bundle` with the `superset` of a virtual environment and take the picture."""
    browser_here = chromium_here()
    if browser_here is None:
        sys.exit("no chromium, chromium-browser or google-chrome on this machine: install one of them")
    write_bundle(bundle)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder) / "postgres") as server,
        SandboxProcess(accounts=19, videos=20, limit=0) as sandbox,
    ):
        warehouse = Warehouse(server.url("postgres"))
        migrate(warehouse)
        fill_month(warehouse, sandbox, Path(folder) / "keys.json")
        rows(warehouse, "create role superset login in role bi_reader")
        reader = warehouse.url.set(drivername="postgresql+psycopg2", username="superset")
        superset = Superset(program, Path(folder))
        superset.prepare(bundle, reader.render_as_string(hide_password=False))
        with superset.serving(), headless(browser_here) as browser:
            look(browser.new_page(viewport={"width": 1440, "height": 1000}), superset)
        warehouse.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
