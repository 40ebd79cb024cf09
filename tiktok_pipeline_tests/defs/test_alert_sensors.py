"""The sensors that tell people: what waits is sent, and a run that fails is told once, with its cause, until it is over."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from tiktok_pipeline.alerts.outbox import Listed, list_messages
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.sensors import alerts as alerts_module
from tiktok_pipeline.defs.sensors import events as events_module
from tiktok_pipeline.defs.sensors.alerts import alerts
from tiktok_pipeline.defs.sensors.events import events
from tiktok_pipeline.defs.sensors.run_failures import run_failures
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.settings import load_settings
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account
from tiktok_pipeline_tests.integration.alerts.receiver import Receiver
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import SECRET

FOR_A_DAY = {"dagster/partition": "2026-03-10"}


class Ticking:
    """The sensor of failures, tick by tick; it keeps its cursor as the daemon does."""

    def __init__(self, warehouse: Warehouse, url: str, instance: dg.DagsterInstance) -> None:
        self.warehouse = warehouse
        self.instance = instance
        self.cursor: str | None = None
        self.resources = {"warehouse": WarehouseResource(database_url=url)}

    def tick(self) -> None:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=self.resources
        ) as context:
            result = run_failures(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor

    def run(self, error: Exception | None, tags: dict[str, str] | None = None) -> str:
        """Run a job that fails with `error`, or does not."""

        @dg.op
        def work() -> None:
            if error:
                raise error

        @dg.job
        def daily() -> None:
            work()

        result = daily.execute_in_process(
            instance=self.instance, tags=tags or FOR_A_DAY, raise_on_error=False
        )
        return result.run_id

    def told(self) -> list[Listed]:
        return list_messages(self.warehouse)


@pytest.fixture
def ticking(warehouse: Warehouse, database_url: str) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticking(warehouse, database_url, instance)


def test_a_failed_run_is_told_once_until_the_same_work_succeeds(ticking: Ticking) -> None:
    first = ticking.run(PipelineError("key ring: there is no key 7. Bring the file back."))
    ticking.tick()
    ticking.run(PipelineError("key ring: there is no key 7. Bring the file back."))
    ticking.tick()
    ticking.tick()
    [told] = [listed.message for listed in ticking.told()]
    assert (told.kind, told.severity, told.recipient) == ("run_failed", "error", "operators")
    assert told.subject == "the run of daily for 2026-03-10 failed"
    assert told.body.startswith("work: key ring: there is no key 7. Bring the file back.\n\nRun " + first)
    ticking.run(None)
    ticking.tick()
    ticking.tick()
    assert [listed.message.kind for listed in ticking.told()] == ["run_failed", "run_recovered"]
    ticking.run(PipelineError("again"))
    ticking.tick()
    assert [listed.message.kind for listed in ticking.told()] == ["run_failed", "run_recovered", "run_failed"]


def test_other_work_is_told_apart_and_its_success_resolves_nothing(ticking: Ticking) -> None:
    ticking.run(ValueError("one"))
    ticking.run(ValueError("two"), {"dagster/partition": "2026-03-11"})
    ticking.run(None, {"dagster/partition": "2026-03-12"})
    ticking.tick()
    assert [listed.message.subject for listed in ticking.told()] == [
        "the run of daily for 2026-03-10 failed",
        "the run of daily for 2026-03-11 failed",
    ]


def test_a_run_that_a_crash_left_behind_is_told_in_dagsters_words(ticking: Ticking) -> None:
    run = ticking.instance.create_run_for_job(
        dg.GraphDefinition("daily", node_defs=[]).to_job(), status=dg.DagsterRunStatus.STARTED
    )
    ticking.instance.report_run_failed(run, "orphaned: the machine stopped.")
    ticking.tick()
    [told] = ticking.told()
    assert told.message.body.startswith("orphaned: the machine stopped.")


def test_the_database_being_away_loses_no_failure(ticking: Ticking) -> None:
    ticking.run(ValueError("one"))
    there, ticking.resources = (
        ticking.resources,
        {"warehouse": WarehouseResource(database_url="postgresql://postgres@127.0.0.1:9/nowhere")},
    )
    with pytest.raises(PipelineError):
        ticking.tick()
    ticking.resources = there
    ticking.tick()
    assert len(ticking.told()) == 1


def test_events_are_delivered_and_without_targets_only_listed(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(ticking.warehouse)

    def tick(**given: SecretStr) -> str:
        monkeypatch.setattr(events_module, "settings", load_settings().model_copy(update=given))
        answer = events(**ticking.resources)
        assert isinstance(answer, dg.SkipReason)
        return answer.skip_message or ""

    assert tick() == "none of REDIS_URL, RABBITMQ_URL and EVENT_WEBHOOKS is set: events are only listed"
    with Hook() as hook:
        where = {"event_webhooks": SecretStr(hook.url), "event_webhook_secret": SecretStr(SECRET)}
        assert tick(**where) == "1 sent, 0 not taken"
        assert [event["event_type"] for event in hook.events] == ["account.connected"]


def test_what_waits_is_sent_and_without_channels_only_listed(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking.run(ValueError("one"))
    ticking.tick()

    def tick(urls: str | None) -> str:
        given = load_settings().model_copy(update={"alert_urls": SecretStr(urls) if urls else None})
        monkeypatch.setattr(alerts_module, "settings", given)
        answer = alerts(**ticking.resources)
        assert isinstance(answer, dg.SkipReason)
        return answer.skip_message or ""

    assert tick(None) == "neither ALERT_URLS nor DIGEST_URLS is set: messages are only listed"
    assert ticking.told()[0].sent_at is None
    with Receiver() as receiver:
        assert tick(receiver.url) == "1 sent, 0 not taken, 0 left for later"
        assert receiver.received()[0]["details"]["kind"] == "run_failed"
    assert ticking.told()[0].sent_at
