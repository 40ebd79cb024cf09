"""The settings' secrets as the objects that use them."""

from __future__ import annotations

from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse


def open_vault(warehouse: Warehouse, settings: Settings) -> TokenVault:
    """The vault; a first key ring is made in DATA_DIR, but never where ENCRYPTION_KEYS_FILE points."""
    made_here = settings.encryption_keys_file is None
    return TokenVault.open(warehouse, settings.keys_file, settings.environment, create=made_here)


def oauth_client(settings: Settings) -> OAuthClient:
    """TikTok's token endpoint for our app. Raises SettingsError when the app is not set."""
    settings.require("tiktok_client_key", "tiktok_client_secret")
    assert settings.tiktok_client_key is not None
    assert settings.tiktok_client_secret is not None
    secret = SecretToken(settings.tiktok_client_secret.get_secret_value())
    return OAuthClient(settings.tiktok_api_base_url, settings.tiktok_client_key, secret)


def redirect_uri(settings: Settings) -> str:
    """TIKTOK_REDIRECT_URI. Raises SettingsError when it is not set."""
    settings.require("tiktok_redirect_uri")
    assert settings.tiktok_redirect_uri is not None
    return settings.tiktok_redirect_uri
