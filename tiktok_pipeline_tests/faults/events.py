"""What delivers events dies, and so do the brokers: every event comes afterwards, and has its effect once."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tiktok_pipeline.crash_points import VARIABLE
from tiktok_pipeline.events.delivery import deliver
from tiktok_pipeline.events.targets import Target
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_client.events.envelope import Event
from tiktok_pipeline_client.events.taking import Book, Taker
from tiktok_pipeline_tests.brokers import RabbitServer, RedisServer
from tiktok_pipeline_tests.faults.worker import forked
from tiktok_pipeline_tests.faults.world import World
from tiktok_pipeline_tests.integration.events.hook import Hook
from tiktok_pipeline_tests.integration.events.telling import targets, tell

KILLED = -signal.SIGKILL


class NoBroker(Exception):
    """There is no such program on this machine."""


def killed_while_delivering(world: World) -> int:
    """Kill who delivers, before or after an event is posted: it is posted again, and has its effect once."""
    with Hook() as hook:
        point = world.choose("event_due", "event_sent")
        process = forked(_deliver_and_die, world.url, hook.url, f"{point}:{world.rng.randint(1, 3)}")
        process.join(60)
        world.expect(process.exitcode == KILLED, f"the deliverer to die, it ended with {process.exitcode}")
        deliver(world.warehouse, targets(event_webhooks=hook.url))
        _each_has_its_effect_once(world, [body for _, body in hook.taken])
    return 1


def redis_fails(world: World) -> int:
    """Redis is away, wiped, full, or answers late, while a day is captured: the day is, and the stream has all events."""
    if RedisServer.program is None:
        raise NoBroker("there is no redis-server")
    with RedisServer() as server:
        where = targets(redis_url=server.url)
        deliver(world.warehouse, where)
        how = world.choose("away", "wiped", "full", "late")
        if how == "full":
            server.client().config_set("maxmemory", "1")
        elif how == "late":
            server.freeze(True)
            threading.Timer(2, server.freeze, (False,)).start()
        else:
            server.kill()
        _work_meanwhile(world, where)
        if how == "full":
            server.client().config_set("maxmemory", "0")
        elif how == "wiped":
            server.wipe()
        server.start()
        deliver(world.warehouse, where)
        entries: Any = server.client().xrange("tiktok:events")
        _each_has_its_effect_once(world, [fields["data"].encode() for _, fields in entries])
    return 1


def rabbitmq_fails(world: World) -> int:
    """RabbitMQ is killed while a day is captured, wiped perhaps; a message is handed out again: all has its effect once."""
    if RabbitServer.program is None:
        raise NoBroker("there is no rabbitmq-server")
    with RabbitServer() as server:
        where = targets(rabbitmq_url=server.url, rabbitmq_queues="crm")
        deliver(world.warehouse, where)
        server.kill()
        _work_meanwhile(world, where)
        if world.choose("killed", "wiped") == "wiped":
            server.wipe()
        server.start()
        deliver(world.warehouse, where)
        connection = server.connect()
        channel = connection.channel()
        method, _, first = channel.basic_get("crm")
        world.expect(first is not None, "the queue to have its events")
        channel.basic_nack(method.delivery_tag, requeue=True)
        connection.close()
        _each_has_its_effect_once(world, [first or b"", *server.messages("crm")])
    return 1


def _work_meanwhile(world: World, where: Sequence[Target]) -> None:
    """A day's work, and deliveries that fail or wait; neither minds the other."""
    worker = world.worker()
    tell(world.warehouse, world.accounts[0], 1)
    deliver(world.warehouse, where)
    code = worker.wait()
    world.expect(code == 0, f"the day to be done, the worker ended with {code}")


def _each_has_its_effect_once(world: World, bodies: Sequence[bytes]) -> None:
    effects: list[str] = []
    taker = Taker(Book(sqlite3.connect(":memory:")))
    told = [str(row["event_id"]) for row in world.rows("select event_id from ops.event order by id")]
    types = [row["event_type"] for row in world.rows("select distinct event_type from ops.event")]
    for event_type in types:
        taker.on(event_type)(_note_in(effects))
    for body in bodies:
        taker.take(body)
    world.expect(
        sorted(effects) == sorted(told), f"{len(told)} events to have their effect once, {len(effects)} had"
    )
    orders: dict[int, list[int]] = {}
    for body in bodies:
        event = json.loads(body)
        if "account_id" in event["data"] and event["event_id"] in told:
            orders.setdefault(event["data"]["account_id"], []).append(told.index(event["event_id"]))
    late = [account for account, order in orders.items() if _first_times(order) != sorted(set(order))]
    world.expect(not late, f"each account's events in their order, those of {late} are not")


def _first_times(order: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(order))


def _note_in(effects: list[str]) -> Callable[[Event, Any], None]:
    return lambda event, _connection: effects.append(event.event_id)


def _deliver_and_die(database_url: str, hook_url: str, crash_at: str) -> None:
    os.environ[VARIABLE] = crash_at
    deliver(Warehouse(database_url), targets(event_webhooks=hook_url))
