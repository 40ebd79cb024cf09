"""While TikTok answers only errors, nobody asks but with one probe at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.answers import Answer
from tiktok_pipeline.tiktok.circuit import Circuit, open_circuits
from tiktok_pipeline.tiktok.client import USER_INFO, TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError, CircuitOpen, TransientError
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows

FEW = 6
Asker = Callable[[], Answer]


@pytest.fixture
def process(
    sandbox: SandboxProcess, warehouse: Warehouse, connect: Callable[..., TokenGrant]
) -> Callable[..., Asker]:
    """A process that asks for a profile: its client and its view of the circuit are its own."""
    grant = connect()
    sandbox.reset_requests()

    def process(token: SecretToken | None = None, attempts: int = 1, **more: Any) -> Asker:
        options: dict[str, Any] = {
            "most_failures": FEW, "rest_seconds": (0.6, 1.2), "quiet_seconds": 0.1, "patience_seconds": 8.0, **more,
        }  # fmt: skip
        circuit = Circuit(warehouse, sandbox.client_key, **options)
        client = TikTokClient(sandbox.base_url, sandbox.client_key, None, circuit, max_attempts=attempts)
        return lambda: client.user_info(token or grant.access_token, grant.scopes)

    return process


def requests_of(sandbox: SandboxProcess) -> int:
    return len(sandbox.requests(log=True)["log"])


def circuit_of(warehouse: Warehouse) -> dict[str, Any]:
    [row] = rows(warehouse, "select *, extract(epoch from rest)::float as rest_seconds from ops.circuit")
    return row


def open_it(ask: Asker, warehouse: Warehouse) -> None:
    """Ask until the circuit is open: with a patience of nothing, the call that opens it raises."""
    for _ in range(FEW):
        with pytest.raises(TransientError):
            ask()
    assert circuit_of(warehouse)["opened_at"] is not None


def test_failures_in_a_row_of_two_processes_stop_both_and_one_probe_asks_for_all(
    process: Callable[..., Asker], sandbox: SandboxProcess, warehouse: Warehouse
) -> None:
    one, other = process(patience_seconds=0), process(patience_seconds=0)
    patient = process()
    sandbox.set_faults(internal_error=True)
    for number in range(FEW):
        with pytest.raises(TransientError):
            (one, other)[number % 2]()
    assert requests_of(sandbox) == FEW
    time.sleep(0.15)  # so old may be what the other process knows
    for ask in (one, other):
        with pytest.raises(CircuitOpen, match="only errors"):
            ask()
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(patient) for _ in range(8)]
        time.sleep(max(0.0, 0.9 - (time.monotonic() - started)))
        assert requests_of(sandbox) == FEW + 1  # the first probe, and it failed
        assert circuit_of(warehouse)["rest_seconds"] == 1.2
        assert not any(future.done() for future in waiting)
        sandbox.clear_faults()
        assert all(future.result(10).body for future in waiting)
    assert requests_of(sandbox) == FEW + 1 + 8
    assert circuit_of(warehouse)["opened_at"] is None
    assert one().body


def test_only_one_of_many_takes_the_probe(
    process: Callable[..., Asker], sandbox: SandboxProcess, warehouse: Warehouse
) -> None:
    sandbox.set_faults(internal_error=True)
    open_it(process(patience_seconds=0), warehouse)
    sandbox.set_faults(internal_error=True, slow={"delay_ms": 500})
    rows(warehouse, "update ops.circuit set probe_at = ops.now(), opened_at = ops.now() - interval '1 hour'")
    sandbox.reset_requests()
    together = threading.Barrier(8)

    def ask(asker: Asker) -> None:
        together.wait()
        with pytest.raises(CircuitOpen):
            asker()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [process(patience_seconds=0) for _ in range(8)]))
    assert requests_of(sandbox) == 1
    [said] = open_circuits(warehouse)
    assert USER_INFO in said
    assert "60 min" in said
    assert "internal_error" in said


def test_a_prober_that_vanishes_leaves_the_probe_to_another(
    process: Callable[..., Asker], sandbox: SandboxProcess, warehouse: Warehouse
) -> None:
    sandbox.set_faults(internal_error=True)
    ask = process(patience_seconds=0)
    open_it(ask, warehouse)
    sandbox.clear_faults()
    rows(
        warehouse,
        "update ops.circuit set probe_at = ops.now(), prober = gen_random_uuid(), probe_until = ops.now() + interval '0.5 s'",
    )
    started = time.monotonic()
    assert process()().body
    assert time.monotonic() - started > 0.4
    assert circuit_of(warehouse)["opened_at"] is None


def test_while_one_process_is_answered_the_failures_of_another_open_nothing(
    process: Callable[..., Asker],
    sandbox: SandboxProcess,
    warehouse: Warehouse,
    connect: Callable[..., TokenGrant],
) -> None:
    sandbox.set_faults(internal_error={"accounts": [0]})
    failing = process(quiet_seconds=5)
    healthy = process(token=connect(1).access_token)
    healthy()
    for _ in range(2 * FEW):
        with pytest.raises(TransientError) as failure:
            failing()
        assert not isinstance(failure.value, CircuitOpen)
    assert circuit_of(warehouse)["failures"] == 2 * FEW
    healthy()
    assert circuit_of(warehouse)["opened_at"] is None


def test_whoever_refuses_us_is_not_down(
    process: Callable[..., Asker], sandbox: SandboxProcess, warehouse: Warehouse
) -> None:
    ask = process()
    sandbox.set_faults(internal_error={"times": FEW - 1})
    for _ in range(FEW - 1):
        with pytest.raises(TransientError):
            ask()
    assert circuit_of(warehouse)["failures"] == FEW - 1
    with pytest.raises(AuthError):
        process(token=SecretToken("act.nobody"))()
    assert circuit_of(warehouse)["failures"] == 0


def test_closing_the_client_ends_the_wait_for_an_open_circuit(
    process: Callable[..., Asker],
    sandbox: SandboxProcess,
    warehouse: Warehouse,
    connect: Callable[..., TokenGrant],
) -> None:
    grant = connect()
    sandbox.set_faults(internal_error=True)
    open_it(process(patience_seconds=0), warehouse)
    client = TikTokClient(sandbox.base_url, sandbox.client_key, None, Circuit(warehouse, sandbox.client_key))
    threading.Timer(0.3, client.close).start()
    with pytest.raises(TransientError, match="closed"):
        client.user_info(grant.access_token, grant.scopes)
