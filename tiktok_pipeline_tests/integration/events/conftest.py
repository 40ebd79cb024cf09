"""Real brokers, and a webhook that keeps what it gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tiktok_pipeline_tests.brokers import RabbitServer, RedisServer
from tiktok_pipeline_tests.integration.events.hook import Hook


@pytest.fixture(scope="session")
def _redis_process() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(_redis_process: RedisServer) -> RedisServer:
    _redis_process.start()
    _redis_process.client().flushall()
    return _redis_process


@pytest.fixture(scope="session")
def _rabbit_process() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture
def rabbit(_rabbit_process: RabbitServer) -> RabbitServer:
    _rabbit_process.start()
    _rabbit_process.forget()
    return _rabbit_process


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook
