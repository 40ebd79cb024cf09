"""The settings' secrets as the objects that use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.runtime.portal_secret import portal_secret
from tiktok_pipeline.settings import Settings, SettingsError
from tiktok_pipeline.tiktok.counts import RequestCounts
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse, psycopg3_url


@contextmanager
def open_vault(warehouse: Warehouse, settings: Settings) -> Iterator[TokenVault]:
    """The vault; a first key ring is made in DATA_DIR, but never where ENCRYPTION_KEYS_FILE points."""
    made_here = settings.encryption_keys_file is None
    url = settings.vault_database_url
    with vault_warehouse(warehouse, url.get_secret_value() if url else None) as own:
        yield TokenVault.open(
            own,
            settings.keys_file,
            settings.environment,
            create=made_here,
            spool_folder=settings.spool_folder,
        )


@contextmanager
def vault_warehouse(warehouse: Warehouse, vault_url: str | None) -> Iterator[Warehouse]:
    """Connections that may open the vault: those of `warehouse`, or others as the role of `vault_url`.

    Raises SettingsError when `vault_url` is another database than that of `warehouse`.
    """
    if vault_url is None or psycopg3_url(vault_url) == warehouse.url:
        yield warehouse
        return
    own = Warehouse(vault_url, application_name="tiktok_pipeline vault", named="VAULT_DATABASE_URL")
    try:
        if own.execute("runtime/which_database") != warehouse.execute("runtime/which_database"):
            raise SettingsError(
                "VAULT_DATABASE_URL: another database than DATABASE_URL. Only the user may differ."
            )
        yield own
    finally:
        own.close()


def oauth_client(settings: Settings, counts: RequestCounts | None = None) -> OAuthClient:
    """TikTok's token endpoint for our app. Raises SettingsError when the app is not set."""
    settings.require("tiktok_client_key", "tiktok_client_secret")
    assert settings.tiktok_client_key is not None
    assert settings.tiktok_client_secret is not None
    secret = SecretToken(settings.tiktok_client_secret.get_secret_value())
    return OAuthClient(settings.tiktok_api_base_url, settings.tiktok_client_key, secret, counts=counts)


def redirect_uri(settings: Settings) -> str:
    """TIKTOK_REDIRECT_URI. Raises SettingsError when it is not set."""
    settings.require("tiktok_redirect_uri")
    assert settings.tiktok_redirect_uri is not None
    return settings.tiktok_redirect_uri


def connect_links(warehouse: Warehouse, settings: Settings) -> ConnectLinks:
    """The connect links of this installation's portal. Raises SettingsError when its secret is not usable."""
    return ConnectLinks(
        warehouse, portal_secret(warehouse, settings), settings.portal_url, settings.connect_link_days
    )
