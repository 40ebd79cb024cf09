"""Every environment variable, declared once: name, default, unit, meaning.

Values come from the environment and from a `.env` file in the current folder; the environment wins.
A value that is wrong, or missing where a command needs it, is one line that names the variable.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tiktok_pipeline.errors import PipelineError

LOGGED_PACKAGES = "tiktok_pipeline"


class SettingsError(PipelineError):
    """A setting is missing or wrong; the message names its variable."""


class Settings(BaseSettings):
    """The pipeline's settings. Field `database_url` is the variable `DATABASE_URL`, and so on."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer; absent: an embedded server under DATA_DIR"
    )
    dagster_postgres_url: SecretStr | None = Field(
        None, description="Dagster's own database; absent: beside ours, named <database>_dagster"
    )
    tiktok_client_key: str | None = Field(None, description="the TikTok app's client key")
    tiktok_client_secret: SecretStr | None = Field(None, description="the TikTok app's client secret")
    tiktok_redirect_uri: str | None = Field(None, description="exactly as registered with the app")
    tiktok_api_base_url: str = "https://open.tiktokapis.com"
    tiktok_authorize_url: str = "https://www.tiktok.com/v2/auth/authorize/"
    tiktok_requests_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="TikTok's limit per endpoint in any sliding 60 seconds"
    )
    encryption_keys_file: Path | None = Field(
        None, description="the key ring; absent: DATA_DIR/encryption_keys.json"
    )
    environment: Literal["development", "test", "staging", "production"] = "development"
    data_dir: Path = Path("data")
    reporting_timezone: str = Field("UTC", description="an IANA name; decides which day it is")
    start_date: dt.date = Field(dt.date(2025, 1, 1), description="the first partition")
    capture_grace_hours: int = Field(
        6, ge=0, le=12, description="how long a capture under way at midnight may go on, hours"
    )
    capture_workers: int = Field(
        8, ge=1, le=16, description="threads that talk to TikTok in one run; each may hold a connection"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("reporting_timezone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{name}' is not an IANA time zone such as Asia/Jakarta") from None
        return name

    @field_validator("tiktok_api_base_url", "tiktok_authorize_url")
    @classmethod
    def _http_address(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        return url

    @field_validator("database_url", "dagster_postgres_url")
    @classmethod
    def _postgresql_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        try:
            parsed = make_url(url.get_secret_value())
        except ArgumentError:
            parsed = None
        if parsed is None or parsed.get_backend_name() != "postgresql" or not parsed.database:
            raise ValueError("must look like postgresql://user:password@host:5432/database")
        return url

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone: a day begins and ends in it."""
        return ZoneInfo(self.reporting_timezone)

    @property
    def keys_file(self) -> Path:
        """Where the key ring is, given or by default."""
        return self.encryption_keys_file or self.data_dir / "encryption_keys.json"

    def require(self, *names: str) -> None:
        """Raise SettingsError that names the variables among `names` that are not set."""
        missing = [name.upper() for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(
                f"{', '.join(missing)}: not set. Put {'it' if len(missing) == 1 else 'them'} "
                "into the environment or into .env (see .env.example)."
            )


def load_settings() -> Settings:
    """Settings from the environment and `.env`; SettingsError in one line when a value is wrong."""
    try:
        return Settings()  # type: ignore[call-arg, unused-ignore]  # the environment gives the values
    except ValidationError as error:
        raise SettingsError("; ".join(_in_words(problem) for problem in error.errors())) from None


def configure_logging(level: str) -> None:
    """Send the package's log lines of `level` and above to stderr, with the time of this machine."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger(LOGGED_PACKAGES).setLevel(level)


def _in_words(problem: Mapping[str, Any]) -> str:
    variable = ".".join(str(part) for part in problem["loc"]).upper()
    return f"{variable}: {str(problem['msg']).removeprefix('Value error, ')}."
