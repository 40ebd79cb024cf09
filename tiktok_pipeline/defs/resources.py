"""Settings become resources here. Secrets appear only as the names of their variables.

A run opens what a resource stands for, and closes it. Nothing is opened by loading the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field

from tiktok_pipeline.defs.partitions import settings
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.logs import configure_logging
from tiktok_pipeline.runtime.credentials import connect_links, vault_warehouse
from tiktok_pipeline.tiktok.circuit import Circuit
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse


class WarehouseResource(dg.ConfigurableResource):
    """The PostgreSQL that holds everything."""

    database_url: str = Field(repr=False)

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """A pool of connections, closed when the block ends."""
        configure_logging(settings.log_level, settings.log_format)
        warehouse = Warehouse(self.database_url)
        try:
            yield warehouse
        finally:
            warehouse.close()


class TokenVaultResource(dg.ConfigurableResource):
    """The sealed tokens of the connected accounts, and the key ring that opens them."""

    database_url: str = Field(repr=False)
    keys_file: str
    environment: str
    spool_folder: str

    @contextmanager
    def opened(self, warehouse: Warehouse) -> Iterator[TokenVault]:
        """The vault, over connections of its own when its role is another; fails on a missing or wrong key ring."""
        with vault_warehouse(warehouse, self.database_url) as own:
            yield TokenVault.open(
                own,
                Path(self.keys_file),
                self.environment,
                create=False,
                spool_folder=Path(self.spool_folder),
            )


class ConnectLinksResource(dg.ConfigurableResource):
    """The links with which people connect their accounts. What signs them is read from its file when needed."""

    portal_url: str
    data_dir: str
    secret_file: str | None
    days: int

    def over(self, warehouse: Warehouse) -> ConnectLinks:
        """The links held in `warehouse`; fails when the portal's secret is not usable."""
        given = {
            "portal_url": self.portal_url,
            "data_dir": Path(self.data_dir),
            "portal_secret_file": Path(self.secret_file) if self.secret_file else None,
            "connect_link_days": self.days,
        }
        return connect_links(warehouse, settings.model_copy(update=given))


class TikTokResource(dg.ConfigurableResource):
    """TikTok's Display API and OAuth, within the quota that all processes share."""

    base_url: str
    client_key: str
    client_secret: str = Field(repr=False)
    requests_per_minute: int

    @contextmanager
    def client(self, warehouse: Warehouse, *, on_demand: bool = False) -> Iterator[TikTokClient]:
        """A client within the quota and behind the circuit, held in `warehouse`.

        Scheduled work has its part of the quota; what a person waits for, `on_demand`, may use all of it.
        """
        share, limit = settings.on_demand_share, self.requests_per_minute
        quota = Quota(warehouse, self.client_key, limit, on_demand_share=share, on_demand=on_demand)
        client = TikTokClient(
            self.base_url,
            self.client_key,
            quota,
            Circuit(warehouse, self.client_key),
            counts=RequestCounts(warehouse),
        )
        try:
            yield client
        finally:
            client.close()

    def oauth(self, client: TikTokClient) -> OAuthClient:
        """The token endpoint; its requests are counted with those of `client`."""
        secret = SecretToken(self.client_secret)
        return OAuthClient(self.base_url, self.client_key, secret, counts=client.counts)


resources = dg.Definitions(
    resources={
        "warehouse": WarehouseResource(database_url=dg.EnvVar("DATABASE_URL")),
        "dagster_storage": WarehouseResource(database_url=dg.EnvVar("DAGSTER_POSTGRES_URL")),
        "token_vault": TokenVaultResource(
            database_url=dg.EnvVar("VAULT_DATABASE_URL" if settings.vault_database_url else "DATABASE_URL"),
            keys_file=str(settings.keys_file),
            environment=settings.environment,
            spool_folder=str(settings.spool_folder),
        ),
        "links": ConnectLinksResource(
            portal_url=settings.portal_url,
            data_dir=str(settings.data_dir),
            secret_file=str(settings.portal_secret_file) if settings.portal_secret_file else None,
            days=settings.connect_link_days,
        ),
        "tiktok": TikTokResource(
            base_url=settings.tiktok_api_base_url,
            client_key=dg.EnvVar("TIKTOK_CLIENT_KEY"),
            client_secret=dg.EnvVar("TIKTOK_CLIENT_SECRET"),
            requests_per_minute=settings.tiktok_requests_per_minute,
        ),
    }
)
