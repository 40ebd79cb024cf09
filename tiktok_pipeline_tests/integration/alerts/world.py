"""A pipeline whose days go by: TikTok over HTTP, the real capture loop, tables, checks and conditions; no Dagster."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tiktok_pipeline.alerts.incidents import Facts, look
from tiktok_pipeline.alerts.outbox import Message, list_messages
from tiktok_pipeline.capture.forecast import forecasts
from tiktok_pipeline.quality.evaluate import evaluate
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.circuit import Circuit
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.capturing import Pipeline

DAY = dt.timedelta(days=1)
ACCOUNTS = 6
DERIVED = (
    *(f"snapshots.{t}" for t in ("tiktok_user_daily", "tiktok_video_daily", "account_day_verdict")),
    *(f"snapshots.{t}" for t in ("video_change", "counter_fall")),
    *(f"reporting.{t}" for t in ("account_daily", "video_daily", "viral_videos")),
)


class World:
    """A pipeline whose days go by: `today` is the third of its life, and on the two before it all went well."""

    def __init__(self, warehouse: Warehouse, sandbox: SandboxProcess, keys: Path) -> None:
        self.warehouse = warehouse
        self.sandbox = sandbox
        self.pipeline = Pipeline(warehouse, sandbox, keys)
        self.facts = Facts("UTC")
        self.today = self.pipeline.ledger().today()

    def at(self, hour: int, minute: int = 0, days: int = 0) -> None:
        """Let it be that time, in UTC, so many days from today."""
        now = dt.datetime.combine(self.today + days * DAY, dt.time(hour, minute), dt.UTC)
        DatabaseClock(self.warehouse).set(now)
        self.sandbox.set_clock(now=now)

    def capture(self, *, force: bool = False) -> None:
        self.pipeline.capture("user_info", force=force)
        self.pipeline.capture("video_list", force=force)

    def derive(self, *, without: str | None = None, back: int = 0) -> None:
        """Tables and checks of the day that it is, or of so many days back."""
        day = self.pipeline.ledger().today() - back * DAY
        for table in DERIVED:
            if table != without:
                derive(self.warehouse, table, day, day)
        for rule in rules():
            evaluate(self.warehouse, rule, [day - DAY if rule.standing else day], "UTC")

    def run(self) -> None:
        """What the job does."""
        self.capture()
        self.derive()

    def lose_tiktok(self) -> None:
        """TikTok answers nothing but HTTP 503, and the circuit is one that opens soon."""
        key = self.sandbox.client_key
        circuit = Circuit(
            self.warehouse,
            key,
            most_failures=5,
            rest_seconds=(0.3, 0.6),
            quiet_seconds=0.05,
            patience_seconds=0,
        )
        quota = Quota(self.warehouse, key, 1_000_000)
        self.pipeline.client = TikTokClient(self.sandbox.base_url, key, quota, circuit, max_attempts=4)
        self.sandbox.set_faults(html_error={"status": 503, "endpoint": ["video/list", "user/info"]})

    def forecast(self, pages_a_minute: int) -> None:
        """Let the forecast be that of so many pages a minute, in a window of ten minutes."""
        found = forecasts(
            self.warehouse, self.pipeline.ledger().today(), pages_a_minute=pages_a_minute, window_minutes=10
        )
        told = [
            {
                "client_key": f.client_key,
                "accounts": f.accounts,
                "fits": f.fits,
                "fits_until": None,
                "words": str(f),
            }
            for f in found
        ]
        self.facts = Facts("UTC", forecasts=told)

    def look(self, *minutes: int, hour: int, days: int = 0, kinds: list[str] | None = None) -> None:
        for minute in minutes or (0,):
            self.at(hour, minute, days)
            assert look(self.warehouse, self.facts, kinds).broken == {}

    def told(self) -> list[Message]:
        listed = [listed.message for listed in list_messages(self.warehouse)]
        # that each account must be reconnected is told by its own sensor
        return [message for message in listed if "incident" in message.details]
