"""Traces, for whoever sets OTEL_EXPORTER_OTLP_ENDPOINT and installs `tiktok-pipeline[tracing]`.

Without the variable a span is nothing, and what makes and sends spans is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from tiktok_pipeline.errors import PipelineError

_tracer: Any = None
_NOTHING: AbstractContextManager[None] = nullcontext()


class Span(Protocol):
    """What is under way."""

    def set_attribute(self, name: str, value: str | int) -> None:
        """Say something of it."""

    def update_name(self, name: str) -> None:
        """Name it, when that is known."""


class NoTracing(PipelineError):
    """Traces are wanted, and what sends them is not installed."""


def begin(endpoint: str | None, service: str) -> None:
    """Send the spans of this process to `endpoint` from now on, under the name of `service`; None: no spans.

    Raises NoTracing when the packages are not installed. A collector that is away costs nothing but its spans.
    """
    global _tracer  # noqa: PLW0603  # of the process, as OpenTelemetry's own
    if endpoint is None or _tracer is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise NoTracing(
            "OTEL_EXPORTER_OTLP_ENDPOINT: set, and the packages that send traces are missing. "
            "Install tiktok-pipeline[tracing], or leave the variable out."
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("tiktok_pipeline")


def end() -> None:
    """Send what was not sent yet; no span is made any more."""
    global _tracer  # noqa: PLW0603
    if _tracer is not None:
        _tracer.span_processor.shutdown()
        _tracer = None


def span(
    name: str, *, caller: Mapping[str, str] | None = None, server: bool = False, **attributes: str | int
) -> AbstractContextManager[Span | None]:
    """A span while the block runs; None when there are no traces. `caller`: the headers that it came with.

    Attributes are named with `_` for OpenTelemetry's dots. They hold no path, no query and no secret.
    """
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: AbstractContextManager[Span] = _tracer.start_as_current_span(
        name,
        context=TraceContextTextMapPropagator().extract(caller) if caller is not None else None,
        kind=SpanKind.SERVER if server else SpanKind.CLIENT,
        attributes={key.replace("_", "."): value for key, value in attributes.items()},
        record_exception=False,  # whose text may quote an address
        set_status_on_exception=False,
    )
    return found


def passed_on() -> dict[str, str]:
    """The header `traceparent` of the span, for programs of ours that are asked within it; empty without traces."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)
    return headers
