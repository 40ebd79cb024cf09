"""Traces: a collector over real HTTP gets spans that hang together, without a secret; without one nothing is imported."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from tiktok_pipeline import tracing
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import targets, tell
from tiktok_pipeline_tests.integration.portal.conftest import running_portal

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes OTLP over HTTP while the block runs."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                collector.raw += body
                found = ExportTraceServiceRequest.FromString(body)
                for of_resource in found.resource_spans:
                    for scope in of_resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def span(self, name: str) -> Any:
        return next(span for span in self.spans if span.name == name)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
        tracing.end()


def test_a_request_goes_on_with_the_callers_trace_into_the_database(
    warehouse: Warehouse, portal_sandbox: SandboxProcess, tmp_path: Path, collector: Collector
) -> None:
    with running_portal(
        warehouse,
        portal_sandbox,
        tmp_path,
        otel_exporter_otlp_endpoint=collector.url,
        metrics_token=SecretStr("a-token-for-prometheus"),
    ) as portal:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Authorization": "Bearer a-token-for-prometheus"}
        portal.get("/metrics?secret=canary-query", headers=headers)
        portal.get("/connect/canary-path")
        tracing.end()
    request = collector.span("GET /metrics")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert {one.key: one.value.int_value for one in request.attributes}["http.response.status_code"] == 200
    query = collector.span("SQL metrics/accounts")
    assert (query.trace_id.hex(), query.parent_span_id) == (TRACE, request.span_id)
    assert collector.span("GET /connect/{text}").trace_id.hex() != TRACE
    assert b"canary" not in collector.raw
    assert b"a-token-for-prometheus" not in collector.raw


def test_a_webhook_is_told_the_trace(warehouse: Warehouse, collector: Collector) -> None:
    tell(warehouse, 1, 0)
    tracing.begin(collector.url, "test")
    with Hook() as hook:
        deliver(warehouse, targets(event_webhooks=hook.url))
        [(headers, _)] = hook.taken
        tracing.end()
        sent = collector.span("event account.connected")
        assert headers["traceparent"].startswith(f"00-{sent.trace_id.hex()}-{sent.span_id.hex()}-0")
        tell(warehouse, 1, 1)
        deliver(warehouse, targets(event_webhooks=hook.url))
        assert "traceparent" not in hook.taken[1][0], "there are no traces any more"
    assert hook.url.encode() not in collector.raw


def test_without_a_collector_nothing_is_imported(tmp_path: Path) -> None:
    does = (
        "import sys; from tiktok_pipeline import tracing; import tiktok_pipeline.portal.server\n"
        "tracing.begin(None, 'x')\n"
        "with tracing.span('x') as span: assert span is None\n"
        # Redis' client imports other parts of the SDK where they are installed.
        "ours = ('opentelemetry.exporter', 'opentelemetry.sdk.trace')\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", does], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert answer.stdout.strip() == "[]"


def test_without_the_packages_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(tracing.NoTracing, match=r"Install tiktok-pipeline\[tracing\]"):
        tracing.begin("http://127.0.0.1:9", "test")
