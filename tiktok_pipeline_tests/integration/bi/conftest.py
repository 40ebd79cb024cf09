"""A month of reports, and a reader of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database
from tiktok_pipeline_tests.integration.bi.month import fill_month


@pytest.fixture(scope="package")
def month(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A database with the month of seven accounts."""
    with (
        database(server_url, "month", template=migrated_template) as url,
        SandboxProcess(accounts=8, videos=12, limit=0) as sandbox,
    ):
        warehouse = Warehouse(url)
        fill_month(warehouse, sandbox, tmp_path_factory.mktemp("month") / "keys.json")
        yield warehouse
        warehouse.close()


@pytest.fixture(scope="package")
def bi_reader(month: Warehouse) -> Iterator[str]:
    """Address of the month's database for a login in role bi_reader."""
    user = f"test_bi_{uuid.uuid4().hex[:8]}"
    rows(month, f'create role "{user}" login in role bi_reader')
    yield month.url.set(username=user).render_as_string(hide_password=False)
    rows(month, f'drop role "{user}"')
