"""A week that every test of the digest can ask for."""

from __future__ import annotations

import pytest

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock
from tiktok_pipeline_tests.integration.digest.week import Week


@pytest.fixture
def week(warehouse: Warehouse, clock: DatabaseClock) -> Week:
    """The week, captured and derived."""
    made = Week(warehouse, clock)
    made.fill()
    return made
