"""Events reach Redis, RabbitMQ and webhooks at least once and in order, through whatever happens to those."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import Any

import pytest

from tiktok_pipeline.events import delivery
from tiktok_pipeline.events.delivery import deliver, replay
from tiktok_pipeline.events.listing import list_events
from tiktok_pipeline.events.targets import Target
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_client.events.webhook import BadSignature, verify
from tiktok_pipeline_tests.brokers import RabbitServer, RedisServer
from tiktok_pipeline_tests.building import DatabaseClock, rows
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import SECRET, targets, tell

GONE = "redis://127.0.0.1:9/0"


def in_stream(server: RedisServer) -> list[str]:
    entries: Any = server.client().xrange("tiktok:events")
    return [json.loads(fields["data"])["event_id"] for _, fields in entries]


def in_queue(server: RabbitServer, queue: str) -> list[str]:
    return [json.loads(body)["event_id"] for body in server.messages(queue)]


def waiting(warehouse: Warehouse) -> int:
    return len(list_events(warehouse, waiting=True, most=100_000))


# --- what is sent ---


def test_each_target_gets_each_event_once_and_in_order(
    warehouse: Warehouse, redis_server: RedisServer, rabbit: RabbitServer, hook: Hook
) -> None:
    told = [tell(warehouse, account, nth) for nth in range(20) for account in (1, 2)]
    where = targets(
        redis_url=redis_server.url,
        rabbitmq_url=rabbit.url,
        rabbitmq_queues="crm=account.*,erp=video.viral",
        event_webhooks=hook.url,
    )
    assert str(deliver(warehouse, where)) == "120 sent, 0 not taken"
    assert str(deliver(warehouse, where)) == "0 sent, 0 not taken"
    assert in_stream(redis_server) == told
    assert in_queue(rabbit, "crm") == told
    assert in_queue(rabbit, "erp") == []
    assert [event["event_id"] for event in hook.events] == told
    assert waiting(warehouse) == 0


def test_an_event_is_a_cloud_event_signed_for_whoever_has_the_secret(
    warehouse: Warehouse, hook: Hook
) -> None:
    told = tell(warehouse, 7, 1)
    deliver(warehouse, targets(event_webhooks=hook.url))
    [(headers, body)] = hook.taken
    assert set(json.loads(body)) == {"event_id", "event_type", "version", "occurred_at", "data"}
    assert headers["ce-specversion"] == "1.0"
    assert (headers["ce-id"], headers["ce-type"], headers["ce-subject"]) == (
        told,
        "account.connected",
        "account:7",
    )
    assert headers["ce-time"] == json.loads(body)["occurred_at"]
    assert headers["ce-dataschema"] == "urn:tiktok-pipeline:event:account.connected:v1"
    assert headers["content-type"] == "application/json"
    verify(SECRET, headers, body)
    with pytest.raises(BadSignature):
        verify(SECRET, headers, body.replace(b"account.connected", b"account.disconnected"))
    with pytest.raises(BadSignature):
        verify("whsec_" + "A" * 43 + "=", headers, body)
    with pytest.raises(BadSignature):
        verify(SECRET, headers, body, now=lambda: time.time() + 301)
    with pytest.raises(BadSignature):
        verify(SECRET, {**headers, "webhook-id": str(uuid.uuid4())}, body)


# --- what is not taken ---


def test_what_a_webhook_refuses_holds_up_only_what_is_of_the_same_account(
    warehouse: Warehouse, hook: Hook, clock: DatabaseClock
) -> None:
    clock.set("2026-03-10T12:00:00")
    hook.status = lambda event: 500 if event["data"] == {"account_id": 1, "nth": 0} else 200
    for nth in range(3):
        for account in (1, 2):
            tell(warehouse, account, nth)
    where = targets(event_webhooks=hook.url)
    assert str(deliver(warehouse, where)) == "3 sent, 1 not taken"
    assert {event["data"]["account_id"] for event in hook.events} == {2}
    asked = hook.asked
    deliver(warehouse, where)
    assert hook.asked == asked, "not before its time"
    hook.status = lambda _event: 200
    clock.set("2026-03-10T12:00:31")
    assert str(deliver(warehouse, where)) == "3 sent, 0 not taken"
    assert [event["data"]["nth"] for event in hook.events if event["data"]["account_id"] == 1] == [0, 1, 2]


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_after_three_days_of_refusals_it_is_a_dead_letter_and_the_next_passes(
    warehouse: Warehouse, hook: Hook, clock: DatabaseClock, status: int
) -> None:
    clock.set("2026-03-10T12:00:00")
    hook.status = lambda event: status if event["data"]["nth"] == 0 else 200
    dead = tell(warehouse, 1, 0)
    tell(warehouse, 1, 1)
    where = targets(event_webhooks=hook.url)
    deliver(warehouse, where)
    clock.set("2026-03-13T12:00:01")
    deliver(warehouse, where)
    deliver(warehouse, where)
    assert [event["data"]["nth"] for event in hook.events] == [1]
    [listed] = list_events(warehouse, waiting=True)
    assert str(listed.event.event_id) == dead
    assert [(d.given_up, d.error) for d in listed.deliveries] == [(True, f"answered HTTP {status}")]


def test_a_webhook_that_is_away_rests_after_three_failures(warehouse: Warehouse) -> None:
    for account in range(10):
        tell(warehouse, account, 0)
    done = deliver(warehouse, targets(event_webhooks="http://127.0.0.1:9/canary-secret"))
    assert (done.sent, done.refused) == (0, 3)
    errors = rows(
        warehouse, "select distinct last_error from ops.event_delivery where last_error is not null"
    )
    assert errors == [{"last_error": "not reached (ConnectionError)"}]


def test_a_target_that_is_away_does_not_keep_the_others_waiting(
    warehouse: Warehouse, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    tell(warehouse, 1, 0)
    url = "amqp://canary-user:canary-password@127.0.0.1:9/"
    done = deliver(warehouse, targets(redis_url=GONE, rabbitmq_url=url, event_webhooks=hook.url))
    assert str(done) == "1 sent, 0 not taken; not reached: redis, rabbitmq"
    [listed] = list_events(warehouse, waiting=True)
    assert {d.target: d.sent for d in listed.deliveries} == {
        "rabbitmq": False,
        "redis": False,
        "webhook": True,
    }
    assert all(d.error is None or d.error.startswith("not reached (") for d in listed.deliveries)
    assert "canary" not in caplog.text


# --- brokers that die ---


def test_redis_is_killed_and_wiped_in_the_middle_and_has_everything_afterwards(
    warehouse: Warehouse, redis_server: RedisServer
) -> None:
    where = targets(redis_url=redis_server.url)
    told = [tell(warehouse, 1, nth) for nth in range(50)]
    deliver(warehouse, where)
    told += [tell(warehouse, 1, nth) for nth in range(50, 1500)]
    killer = threading.Timer(0.15, redis_server.kill)
    killer.start()
    deliver(warehouse, where)
    killer.join()
    assert deliver(warehouse, where).unreached == ("redis",)
    assert waiting(warehouse) > 0, "it was killed before all of them were there"
    redis_server.wipe()
    redis_server.start()
    deliver(warehouse, where)
    assert in_stream(redis_server) == told, "what it had before it was wiped comes again, in order"
    assert waiting(warehouse) == 0


def test_redis_that_forgets_its_latest_entries_gets_them_again(
    warehouse: Warehouse, redis_server: RedisServer
) -> None:
    where = targets(redis_url=redis_server.url)
    told = [tell(warehouse, 1, nth) for nth in range(5)]
    deliver(warehouse, where)
    entries: Any = redis_server.client().xrange("tiktok:events")
    redis_server.client().xdel("tiktok:events", *[entry for entry, _ in entries[3:]])
    deliver(warehouse, where)
    assert set(in_stream(redis_server)[3:]) == set(told)


def test_redis_that_kept_everything_gets_nothing_twice(
    warehouse: Warehouse, redis_server: RedisServer
) -> None:
    where = targets(redis_url=redis_server.url)
    told = [tell(warehouse, 1, nth) for nth in range(5)]
    deliver(warehouse, where)
    redis_server.kill()
    redis_server.start()
    told.append(tell(warehouse, 1, 5))
    deliver(warehouse, where)
    assert in_stream(redis_server) == told


def test_a_full_redis_is_waited_for(warehouse: Warehouse, redis_server: RedisServer) -> None:
    where = targets(redis_url=redis_server.url)
    told = tell(warehouse, 1, 0)
    redis_server.client().config_set("maxmemory", "1")
    assert deliver(warehouse, where).unreached == ("redis",)
    redis_server.client().config_set("maxmemory", "0")
    deliver(warehouse, where)
    assert in_stream(redis_server) == [told]


@pytest.mark.slow
def test_rabbitmq_is_killed_and_wiped_in_the_middle_and_has_everything_afterwards(
    warehouse: Warehouse, rabbit: RabbitServer
) -> None:
    where = targets(rabbitmq_url=rabbit.url, rabbitmq_queues="crm=account.*,erp")
    told = [tell(warehouse, 1, nth) for nth in range(20)]
    deliver(warehouse, where)
    told += [tell(warehouse, 1, nth) for nth in range(20, 2000)]
    killer = threading.Timer(0.5, rabbit.kill)
    killer.start()
    deliver(warehouse, where)
    killer.join()
    assert deliver(warehouse, where).unreached == ("rabbitmq",)
    left = waiting(warehouse)
    assert left > 0, "it was killed before all of them were there"
    rabbit.start()
    assert in_queue(rabbit, "crm")[: len(told) - left] == told[: len(told) - left], (
        "what it confirmed it has kept"
    )
    rabbit.kill()
    rabbit.wipe()
    rabbit.start()
    deliver(warehouse, where)
    deliver(warehouse, where)
    assert in_queue(rabbit, "crm") == told
    assert in_queue(rabbit, "erp") == told
    assert waiting(warehouse) == 0


def test_a_queue_that_was_deleted_is_made_again_and_filled(
    warehouse: Warehouse, rabbit: RabbitServer
) -> None:
    where = targets(rabbitmq_url=rabbit.url, rabbitmq_queues="crm,erp")
    told = [tell(warehouse, 1, nth) for nth in range(3)]
    deliver(warehouse, where)
    connection = rabbit.connect()
    connection.channel().queue_delete("erp")
    connection.close()
    deliver(warehouse, where)
    assert in_queue(rabbit, "erp") == told


def test_a_queue_that_is_new_gets_what_happens_from_then_on(
    warehouse: Warehouse, rabbit: RabbitServer
) -> None:
    tell(warehouse, 1, 0)
    deliver(warehouse, targets(rabbitmq_url=rabbit.url, rabbitmq_queues="crm"))
    later = tell(warehouse, 1, 1)
    deliver(warehouse, targets(rabbitmq_url=rabbit.url, rabbitmq_queues="crm,erp"))
    assert in_queue(rabbit, "erp") == [later]


# --- who delivers ---


def test_two_deliverers_send_nothing_twice(warehouse: Warehouse, hook: Hook) -> None:
    told = [tell(warehouse, account, 0) for account in range(60)]
    where = targets(event_webhooks=hook.url)
    both = [threading.Thread(target=deliver, args=(warehouse, where)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [event["event_id"] for event in hook.events] == told


def test_a_pass_ends_in_time_and_the_next_goes_on(warehouse: Warehouse, hook: Hook) -> None:
    told = [tell(warehouse, account, 0) for account in range(10)]
    where = targets(event_webhooks=hook.url)
    ticks = iter(range(1000))
    assert deliver(warehouse, where, seconds=5, elapsed=lambda: float(next(ticks))).sent < 10
    deliver(warehouse, where)
    assert [event["event_id"] for event in hook.events] == told


def test_without_a_target_events_wait_for_the_first_that_there_is(warehouse: Warehouse, hook: Hook) -> None:
    told = [tell(warehouse, 1, nth) for nth in range(3)]
    assert str(deliver(warehouse, [])) == "0 sent, 0 not taken"
    assert waiting(warehouse) == 3
    deliver(warehouse, targets(event_webhooks=hook.url))
    assert [event["event_id"] for event in hook.events] == told


def test_a_replay_sends_everything_from_an_event_on_again(
    warehouse: Warehouse, hook: Hook, redis_server: RedisServer
) -> None:
    told = [tell(warehouse, 1, nth) for nth in range(5)]
    where = targets(event_webhooks=hook.url, redis_url=redis_server.url)
    deliver(warehouse, where)
    assert replay(warehouse, uuid.UUID(told[3]), ["webhook"]) == 2
    deliver(warehouse, where)
    assert [event["event_id"] for event in hook.events] == [*told, *told[3:]]
    assert in_stream(redis_server) == told
    assert replay(warehouse, uuid.uuid4(), ["webhook"]) is None


def test_a_replay_is_for_dead_letters_too(warehouse: Warehouse, hook: Hook) -> None:
    told = tell(warehouse, 1, 0)
    where = targets(event_webhooks=hook.url)
    hook.status = lambda _event: 500
    deliver(warehouse, where)
    rows(warehouse, "update ops.event_delivery set given_up_at = ops.now()")
    hook.status = lambda _event: 200
    assert deliver(warehouse, where).sent == 0
    replay(warehouse, uuid.UUID(told), ["webhook"])
    assert deliver(warehouse, where).sent == 1


def test_many_events_keep_their_order_through_many_batches(
    warehouse: Warehouse, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH", 7)
    monkeypatch.setattr(delivery, "MOST_ROUTED", 10)
    told = [tell(warehouse, nth % 3, nth) for nth in range(45)]
    deliver(warehouse, targets(redis_url=redis_server.url))
    assert in_stream(redis_server) == told


def test_an_address_is_in_no_text(hook: Hook) -> None:
    for target in targets(
        event_webhooks=hook.url, rabbitmq_url="amqp://u:canary@h/", redis_url="redis://:canary@h"
    ):
        assert isinstance(target, Target)
        assert "canary" not in repr(target)
