"""What every handler of the portal works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.portal.changes import DataVersion
from tiktok_pipeline.runtime.credentials import connect_links, oauth_client, open_vault
from tiktok_pipeline.runtime.portal_secret import portal_secret
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse


@dataclass(frozen=True)
class PortalContext:
    """Settings, database, vault, TikTok, links, the version of the data. `secret` signs sessions and links."""

    settings: Settings
    warehouse: Warehouse
    vault: TokenVault
    oauth: OAuthClient
    links: ConnectLinks
    data: DataVersion
    secret: bytes = field(repr=False)


@contextmanager
def open_portal(warehouse: Warehouse, settings: Settings) -> Iterator[PortalContext]:
    """What a portal with these settings works with. Raises SettingsError and KeyRingError: it fails closed."""
    with open_vault(warehouse, settings) as vault, vault.sealer.looking(), DataVersion(warehouse) as data:
        yield PortalContext(
            settings=settings,
            warehouse=warehouse,
            vault=vault,
            oauth=oauth_client(settings, RequestCounts(warehouse)),
            links=connect_links(warehouse, settings),
            data=data,
            secret=portal_secret(warehouse, settings),
        )


def portal_context(request: Request) -> PortalContext:
    """The context of the application that answers `request`; handlers take it by `Depends(portal_context)`."""
    context: PortalContext = request.app.state.context
    return context


Context = Annotated[PortalContext, Depends(portal_context)]
