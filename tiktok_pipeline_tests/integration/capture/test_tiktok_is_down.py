"""An outage of TikTok fails no account-day: they wait for its end, or are put off until a later run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.circuit import Circuit
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.capturing import Pipeline

ACCOUNTS = 8


@pytest.fixture
def behind_circuit(pipeline: Pipeline) -> Callable[[float], None]:
    """Put the pipeline's client behind a circuit with this patience, and short rests."""

    def behind(patience_seconds: float) -> None:
        key = pipeline.sandbox.client_key
        circuit = Circuit(
            pipeline.warehouse,
            key,
            most_failures=5,
            rest_seconds=(0.3, 0.6),
            quiet_seconds=0.05,
            patience_seconds=patience_seconds,
        )
        quota = Quota(pipeline.warehouse, key, 1_000_000, on_demand_share=10)
        pipeline.client = TikTokClient(pipeline.sandbox.base_url, key, quota, circuit, max_attempts=4)

    return behind


def states(pipeline: Pipeline) -> list[tuple[str, str | None, int]]:
    found = rows(
        pipeline.warehouse,
        "select state, reason, count(*)::int as days from capture.account_day where endpoint = 'video_list' group by 1, 2 order by 1",
    )
    return [(row["state"], row["reason"], row["days"]) for row in found]


def test_an_outage_in_the_middle_of_a_capture_is_waited_out(
    pipeline: Pipeline, sandbox: SandboxProcess, behind_circuit: Callable[[float], None]
) -> None:
    pipeline.connect(ACCOUNTS)
    behind_circuit(30)
    sandbox.set_faults(internal_error={"endpoint": "video/list", "after": 3})
    sandbox.reset_requests()
    threading.Timer(1.5, sandbox.clear_faults).start()
    pipeline.capture()
    assert states(pipeline) == [("captured", None, ACCOUNTS)]
    assert pipeline.client.requests_sent < 3 * ACCOUNTS + 15  # the failures that opened it, and a few probes


def test_a_long_outage_puts_the_day_off_and_a_later_run_captures_it(
    pipeline: Pipeline, sandbox: SandboxProcess, behind_circuit: Callable[[float], None]
) -> None:
    pipeline.connect(ACCOUNTS)
    behind_circuit(0)
    sandbox.set_faults(internal_error={"endpoint": "video/list"})
    pipeline.capture(workers=6)
    opened = pipeline.client.requests_sent
    assert opened < 15
    assert sum(days for state, *_, days in states(pipeline) if state == "failed") == 0
    assert {reason for _, reason, _ in states(pipeline)} == {"provider_down"}
    book = pipeline.ledger()
    assert book.incomplete_today(book.today()) >= ACCOUNTS  # so the catch-up schedule asks for it again
    rows(pipeline.warehouse, "update ops.circuit set probe_at = ops.now()")
    pipeline.capture(workers=6)
    assert pipeline.client.requests_sent == opened + 1  # one probe tells a later run that it is of no use yet
    sandbox.clear_faults()
    rows(pipeline.warehouse, "update ops.circuit set probe_at = ops.now()")
    pipeline.capture(workers=6)
    assert states(pipeline) == [("captured", None, ACCOUNTS)]


def test_a_day_that_ended_in_an_outage_says_so_in_its_gaps(
    pipeline: Pipeline,
    sandbox: SandboxProcess,
    clock: DatabaseClock,
    behind_circuit: Callable[[float], None],
) -> None:
    clock.set("2026-03-10T20:00:00")
    pipeline.connect(ACCOUNTS)
    behind_circuit(0)
    sandbox.set_faults(internal_error={"endpoint": "video/list"})
    pipeline.capture(workers=2)
    clock.set("2026-03-11T09:00:00")
    pipeline.ledger().close_all()
    assert states(pipeline) == [("gap", "provider_down", ACCOUNTS)]
