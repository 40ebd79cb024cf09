"""What the chaos run does to workers, to PostgreSQL and to TikTok's answers, one at a time."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import Any

from tiktok_pipeline_tests.faults.databases import restart
from tiktok_pipeline_tests.faults.worker import Worker
from tiktok_pipeline_tests.faults.world import World, holding

ANSWERS: tuple[dict[str, Any], ...] = (
    {"internal_error": {"probability": 0.3}},
    {"html_error": {"probability": 0.3, "status": 502}},
    {"rate_limited": {"times": 2, "retry_after": "1"}},
    {"drop": {"at": "body", "reset": True, "probability": 0.3}},
    {"truncated_json": {"probability": 0.3}},
    {"slow": {"delay_ms": 500, "probability": 0.5}},
    {"stuck_cursor": {"probability": 0.3}},
)


def _kill(world: World, rng: random.Random, crew: list[Worker]) -> None:
    rng.choice(crew).kill()


def _freeze(world: World, rng: random.Random, crew: list[Worker]) -> None:
    worker = rng.choice(crew)
    worker.signal(signal.SIGSTOP)
    time.sleep(1.5)
    worker.signal(signal.SIGCONT)


def _terminate(world: World, rng: random.Random, crew: list[Worker]) -> None:
    rng.choice(crew).signal(signal.SIGTERM)


def _restart_fast(world: World, rng: random.Random, crew: list[Worker]) -> None:
    restart(world.server, signal.SIGINT)


def _restart_immediate(world: World, rng: random.Random, crew: list[Worker]) -> None:
    restart(world.server, signal.SIGQUIT)


def _cut(world: World, rng: random.Random, crew: list[Worker]) -> None:
    with holding(world, "select 1") as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


def _lock(world: World, rng: random.Random, crew: list[Worker]) -> None:
    with holding(world, "lock table capture.account_day in access exclusive mode"):
        time.sleep(1)


def _answer(world: World, rng: random.Random, crew: list[Worker]) -> None:
    world.sandbox.set_faults(**rng.choice(ANSWERS))
    time.sleep(2)
    world.sandbox.clear_faults()


SHOCKS: tuple[tuple[str, Callable[[World, random.Random, list[Worker]], None]], ...] = (
    ("kill -9", _kill),
    ("freeze", _freeze),
    ("SIGTERM", _terminate),
    ("restart fast", _restart_fast),
    ("restart immediate", _restart_immediate),
    ("cut connections", _cut),
    ("lock", _lock),
    ("bad answers", _answer),
    ("bad answers", _answer),
)
