"""Connecting with no more rights than the roles `portal` and `vault` have."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from tiktok_pipeline.hub.accounts import list_accounts
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.roles import apply_roles
from tiktok_pipeline_tests.building import add_store, rows
from tiktok_pipeline_tests.integration.portal.conftest import running_portal
from tiktok_pipeline_tests.integration.portal.phone import Phone


def acting_as(role: str, url: URL) -> str:
    return url.update_query_dict({"options": f"-c role={role}"}).render_as_string(hide_password=False)


def test_a_store_is_connected_and_reconnected_by_the_portals_and_the_vaults_roles(
    warehouse: Warehouse, portal_sandbox: SandboxProcess, tmp_path: Path
) -> None:
    apply_roles(warehouse)
    store = add_store(warehouse)
    for_portal = Warehouse(acting_as("portal", warehouse.url))
    told = {"vault_database_url": SecretStr(acting_as("vault", warehouse.url)), "tiktok_pkce": "hex"}
    with running_portal(for_portal, portal_sandbox, tmp_path, **told) as portal:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(for_portal, "select 1 from vault.token")
        phone = Phone(portal)
        page = phone.connect(
            portal.context.links.make(store, made_by="operator").url, scopes=["user.info.basic"]
        )
        assert "Not everything" in page.text
        address = phone.press(page).headers["location"]
        assert "nothing more to do" in phone.come_back(phone.decide(address)).text
        [account] = list_accounts(warehouse)
        link = portal.context.links.make(store, account.id, made_by="operator").url
        assert "another TikTok account" in Phone(portal).connect(link, account=1).text
    for_portal.close()
