"""What the tables know: one query per metric, so that it survives the processes that made it.

Every portal of an installation tells the same; rules take the greatest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.events.targets import targets_of
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, reason, run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableMetric:
    """A metric and the query that gives its rows: the labels, and `value`."""

    name: str
    words: str
    query: str
    labels: tuple[str, ...]
    is_counter: bool = False

    def of(self, rows: list[dict[str, Any]]) -> Metric:
        """The metric with these rows."""
        kind = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        metric = kind(self.name, self.words, labels=self.labels)
        for row in rows:
            metric.add_metric([row[label] for label in self.labels], row["value"])
        return metric


METRICS = (
    TableMetric("tiktok_accounts", "Accounts, by status.", "accounts", ("status",)),
    TableMetric("tiktok_captures", "Account-days of today, by state.", "captures", ("endpoint", "state")),
    TableMetric(
        "tiktok_completeness_ratio",
        "Part of the last closed day's account-days that has data.",
        "completeness",
        ("endpoint",),
    ),
    TableMetric(
        "tiktok_requests",
        "Requests sent to TikTok, by endpoint and outcome.",
        "requests",
        ("endpoint", "status"),
        True,
    ),
    TableMetric("tiktok_token_refreshes", "Token refreshes, by outcome.", "refreshes", ("status",), True),
    TableMetric("tiktok_quota_used", "Requests of the last 60 seconds.", "quota_used", ("endpoint",)),
    TableMetric("tiktok_queue_length", "What waits, by queue.", "queues", ("queue",)),
    TableMetric(
        "tiktok_dead_letters", "What has failed or was given up, by queue.", "dead_letters", ("queue",)
    ),
    TableMetric(
        "tiktok_event_target_silent_seconds",
        "How long ago a target of events was reached.",
        "targets",
        ("target",),
    ),
    TableMetric(
        "tiktok_grants_ending", "Connected accounts whose grant ends within days.", "grants_ending", ("days",)
    ),
)


class Tables(Collector):
    """Asks the database when it is collected; `tiktok_database_up` says whether that answered."""

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self._warehouse = warehouse
        self._limit = settings.tiktok_requests_per_minute
        self._parameters: Mapping[str, Any] = {
            "zone": settings.reporting_timezone,
            "targets": [target.name for target in targets_of(settings)],
        }

    def collect(self) -> Iterator[Metric]:
        """All of one moment, or none."""
        up = GaugeMetricFamily("tiktok_database_up", "Whether the database answered.")
        try:
            with self._warehouse.transaction() as cursor:
                found = [
                    (metric, run(cursor, f"metrics/{metric.query}", self._parameters)) for metric in METRICS
                ]
        except (PipelineError, *AWAY) as error:
            log.warning("metrics: %s", reason(error))
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for metric, rows in found:
            yield metric.of(rows)
            if metric.name == "tiktok_quota_used":
                yield self._remaining(rows)

    def _remaining(self, used: list[dict[str, Any]]) -> Metric:
        left = GaugeMetricFamily(
            "tiktok_quota_remaining",
            "Requests that may be sent now, of the last 60 seconds.",
            labels=["endpoint"],
        )
        for row in used:
            left.add_metric([row["endpoint"]], max(0, self._limit - row["value"]))
        return left
