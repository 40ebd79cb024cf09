"""Every environment variable, declared once: name, default, unit, meaning.

Values come from the environment, from a `.env` file in the current folder and from the folder that SECRETS_DIR names,
which has a file for each value, as containers get secrets (`database_url`, …). The first that has a value wins.
A value that is wrong, or missing where a command needs it, is one line that names the variable.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tiktok_pipeline.alerts.routes import Channel, channels_of, digest_channels_of, quiet_hours
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.events.targets import queues_of, webhooks_of
from tiktok_pipeline.events.webhook import key_of

SECRETS_DIR = "SECRETS_DIR"
SETTLED = "TIKTOK_PIPELINE_SETTLED"  # in the environment of our own children: it is all there is, .env or not
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
OWN_MACHINE = ("localhost", "127.0.0.1")
LONGEST_REDIRECT_URI = 511  # TikTok: under 512 characters, absolute, https, no query, no fragment


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
    celery_broker_url: SecretStr | None = Field(
        None,
        description="RabbitMQ, through which runs reach workers; absent: runs are executed beside the code server",
    )
    tiktok_client_key: str | None = Field(None, description="the TikTok app's client key")
    tiktok_client_secret: SecretStr | None = Field(None, description="the TikTok app's client secret")
    tiktok_redirect_uri: str | None = Field(None, description="exactly as registered with the app")
    tiktok_api_base_url: str = "https://open.tiktokapis.com"
    tiktok_authorize_url: str = "https://www.tiktok.com/v2/auth/authorize/"
    tiktok_pkce: Literal["off", "hex", "base64url"] = Field(
        "off", description="off for TikTok's web flow, hex for its desktop flow, base64url as RFC 7636 has it"
    )
    tiktok_requests_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="TikTok's limit per endpoint in any sliding 60 seconds"
    )
    on_demand_share: int = Field(
        0, ge=0, le=90, description="percent of that limit that captures leave free for calls on demand"
    )
    capture_window_minutes: int = Field(
        60,
        ge=1,
        le=1440,
        description="how long the daily capture may take; a forecast warns when it takes longer",
    )
    encryption_keys_file: Path | None = Field(
        None, description="the key ring; absent: DATA_DIR/encryption_keys.json"
    )
    vault_database_url: SecretStr | None = Field(
        None, description="the same database as a role that may open the vault; absent: as DATABASE_URL"
    )
    portal_url: str = Field(
        "http://127.0.0.1:8000", description="where people reach the portal; stands in every connect link"
    )
    portal_secret_file: Path | None = Field(
        None, description="signs links and sessions; absent: DATA_DIR/portal_secret, made at first use"
    )
    operator_password_hash: SecretStr | None = Field(
        None, description="of the portal's operator login; made by tiktok-pipeline portal hash-password"
    )
    operator_totp_secret: SecretStr | None = Field(
        None, description="base32; when set, the login also asks for a time-based code"
    )
    connect_link_days: int = Field(14, ge=1, le=90, description="how long a connect link is good, days")
    redis_url: SecretStr | None = Field(
        None,
        description="Redis: keeps the API's answers for all portals, and gets events as a stream; absent: neither",
    )
    api_requests_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="how often one service may ask the API in a minute"
    )
    stale_after_hours: int = Field(
        26,
        ge=1,
        le=168,
        description="data older than this is captured on demand when a service with the scope sync reads it, hours",
    )
    sync_requests_per_hour: int = Field(
        600,
        ge=1,
        le=1_000_000,
        description="requests to TikTok that one service may cause on demand in an hour",
    )
    dagster_url: str | None = Field(
        None,
        description="where operators reach the Dagster UI, for links to the logs of runs; absent: no links",
    )
    admin_networks: str | None = Field(
        None,
        description="networks (CIDR) that the API's administration is open to, commas between; absent: all",
    )
    cors_origins: str | None = Field(
        None, description="origins whose pages may ask the API from a browser, commas between; absent: none"
    )
    api_docs: bool | None = Field(
        None, description="whether /api/v1/docs shows the API; absent: not in production"
    )
    alert_urls: SecretStr | None = Field(
        None, description="where messages to people go: addresses as apprise writes them, each with its route"
    )
    digest_urls: SecretStr | None = Field(
        None, description="where the daily digest goes, written as ALERT_URLS; absent: it is not sent"
    )
    alert_quiet_hours: str | None = Field(
        None, description="22-07, in the reporting time zone: only errors are sent then; absent: none"
    )
    heartbeat_url: SecretStr | None = Field(
        None,
        description="asked on every good tick of the sensor incidents; who does not hear from us raises the alarm",
    )
    daemon_silent_minutes: int = Field(
        10,
        ge=3,
        le=1440,
        description="how long Dagster's daemon may be silent before people are told, minutes",
    )
    capture_deadline: str = Field(
        "06:00", description="by when a day is to be captured, in the reporting time zone"
    )
    capture_deadline_percent: int = Field(
        99, ge=1, le=100, description="how much of the day's captures must be there by then, percent"
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="what /metrics of the portal wants to see; absent: there is none"
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="where traces go, an OpenTelemetry collector; absent: there are none"
    )
    rabbitmq_url: SecretStr | None = Field(None, description="RabbitMQ, which gets the events; absent: none")
    rabbitmq_queues: str | None = Field(
        None, description="the queues to be there, each with the event types it gets: crm=account.*,erp"
    )
    event_webhooks: SecretStr | None = Field(None, description="addresses that events are posted to")
    event_webhook_secret: SecretStr | None = Field(
        None,
        validate_default=True,
        description="signs what is posted; made by tiktok-pipeline events secret",
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
    video_gone_after: int = Field(
        3, ge=1, le=365, description="complete captures without a video after which it counts as gone"
    )
    pages_keep_days: int | None = Field(
        None,
        ge=31,
        le=36_500,
        description="pages older than this many days may be archived; absent: kept for ever",
    )
    pages_archive: str | None = Field(
        None, description="where archived pages go: a folder, or an address that fsspec knows"
    )
    event_log_keep_days: int = Field(
        30, ge=7, le=3_650, description="how long Dagster's unimportant events are kept, days"
    )
    migration_lock_seconds: int = Field(
        2,
        ge=1,
        le=60,
        description="how long db migrate waits for a table that another session holds, before it lets others pass "
        "and tries again, seconds",
    )
    migration_statement_minutes: int = Field(
        60, ge=1, le=1440, description="how long one statement of db migrate may take, minutes"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = Field("text", description="lines for people, or JSON for machines")

    @field_validator("reporting_timezone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{name}' is not an IANA time zone such as Asia/Jakarta") from None
        return name

    @field_validator("start_date")
    @classmethod
    def _not_in_the_future(cls, day: dt.date, others: ValidationInfo) -> dt.date:
        # By this machine's clock, for once: it is said before there is a database to ask.
        zone = others.data.get("reporting_timezone")
        if zone and day > (today := dt.datetime.now(ZoneInfo(zone)).date()):
            raise ValueError(f"{day} is in the future; today is {today} ({zone})")
        return day

    @field_validator(
        "tiktok_api_base_url",
        "tiktok_authorize_url",
        "portal_url",
        "dagster_url",
        "otel_exporter_otlp_endpoint",
    )
    @classmethod
    def _http_address(cls, url: str | None) -> str | None:
        if url is not None and not _is_http(url):
            raise ValueError("must look like https://host or http://host")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.match(r"(rediss?|unix)://[^\s]", url.get_secret_value()):
            raise ValueError("must look like redis://host:6379/0, rediss://… or unix:///path")
        return url

    @field_validator("admin_networks")
    @classmethod
    def _cidr(cls, given: str | None) -> str | None:
        for network in _listed(given):
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(f"'{network}' is not a network such as 10.0.0.0/8") from None
        return given

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: str | None) -> str | None:
        for origin in _listed(given):
            if not _is_http(origin) or urlsplit(origin)._replace(scheme="", netloc="").geturl():
                raise ValueError(f"'{origin}' is not an origin such as https://app.example.com")
        return given

    @field_validator("pages_archive")
    @classmethod
    def _without_password(cls, address: str | None) -> str | None:
        return address if address is None else archive_address(address)

    @field_validator("alert_urls")
    @classmethod
    def _channels(cls, urls: SecretStr | None) -> SecretStr | None:
        if urls is not None:
            channels_of(urls.get_secret_value())
        return urls

    @field_validator("digest_urls")
    @classmethod
    def _digest_channels(cls, urls: SecretStr | None) -> SecretStr | None:
        if urls is not None:
            digest_channels_of(urls.get_secret_value())
        return urls

    @field_validator("alert_quiet_hours")
    @classmethod
    def _hours(cls, hours: str | None) -> str | None:
        if hours is not None:
            quiet_hours(hours)
        return hours

    @field_validator("celery_broker_url")
    @classmethod
    def _broker(cls, url: SecretStr | None) -> SecretStr | None:
        # Only RabbitMQ: with Redis, a run that takes long is delivered again and runs twice.
        if url is not None and urlsplit(url.get_secret_value()).scheme not in ("amqp", "amqps", "pyamqp"):
            raise ValueError("must look like amqp://user:password@host:5672/vhost")
        return url

    @field_validator("heartbeat_url")
    @classmethod
    def _heartbeat(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_http(url.get_secret_value()):
            raise ValueError("must look like https://host/path or http://host/path")
        return url

    @field_validator("rabbitmq_url")
    @classmethod
    def _broker_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_address(url.get_secret_value(), ("amqp", "amqps")):
            raise ValueError("must look like amqp://user:password@host:port/name")
        return url

    @field_validator("rabbitmq_queues")
    @classmethod
    def _queues(cls, text: str | None) -> str | None:
        queues_of(text or "")
        return text

    @field_validator("event_webhooks")
    @classmethod
    def _webhooks(cls, urls: SecretStr | None) -> SecretStr | None:
        if urls is not None and not all(_is_http(url) for url in webhooks_of(urls.get_secret_value())):
            raise ValueError("must be addresses such as https://host/path, with commas between them")
        return urls

    @field_validator("event_webhook_secret")
    @classmethod
    def _webhook_secret(cls, secret: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if secret is None and others.data.get("event_webhooks"):
            raise ValueError("not set, and EVENT_WEBHOOKS is. `tiktok-pipeline events secret` makes one")
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret

    @field_validator("capture_deadline")
    @classmethod
    def _time_of_day(cls, text: str) -> str:
        if not TIME_OF_DAY.fullmatch(text):
            raise ValueError(f"'{text}' is not a time of day such as 06:00")
        return text

    @field_validator("tiktok_redirect_uri")
    @classmethod
    def _registrable(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        if not _is_http(uri) or "?" in uri or "#" in uri:
            raise ValueError("must look like https://host/path, without ? and #")
        if urlsplit(uri).scheme != "https" and urlsplit(uri).hostname not in OWN_MACHINE:
            raise ValueError("must begin with https:// (http:// is for localhost and 127.0.0.1 only)")
        if len(uri) > LONGEST_REDIRECT_URI:
            raise ValueError(f"{len(uri)} characters long; TikTok takes at most {LONGEST_REDIRECT_URI}")
        return uri

    @field_validator("database_url", "dagster_postgres_url", "vault_database_url")
    @classmethod
    def _postgresql_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        try:
            parsed = make_url(url.get_secret_value())
        except (
            ArgumentError,
            ValueError,
        ):  # ValueError: a port that is no number; its text could be a password
            parsed = None
        if parsed is None or parsed.get_backend_name() != "postgresql" or not parsed.database:
            raise ValueError("must look like postgresql://user:password@host:5432/database")
        for option in parsed.query:
            try:
                make_conninfo(**{option: ""})
            except psycopg.ProgrammingError:
                raise ValueError(f"PostgreSQL knows no connection option '{option}'") from None
        return url

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone: a day begins and ends in it."""
        return ZoneInfo(self.reporting_timezone)

    @property
    def capture_grace(self) -> dt.timedelta:
        """How long after midnight captures under way may go on."""
        return dt.timedelta(hours=self.capture_grace_hours)

    @property
    def administration(self) -> list[IPv4Network | IPv6Network]:
        """The networks that the API's administration is open to; empty: all."""
        return [ip_network(network) for network in _listed(self.admin_networks)]

    @property
    def origins(self) -> list[str]:
        """The origins whose pages may ask the API from a browser."""
        return _listed(self.cors_origins)

    @property
    def shows_api_docs(self) -> bool:
        """Whether the API's documentation is served as a page."""
        return self.environment != "production" if self.api_docs is None else self.api_docs

    @property
    def portal_secret_path(self) -> Path:
        """Where the secret that signs links and sessions is, given or by default."""
        return (self.portal_secret_file or self.data_dir / "portal_secret").expanduser()

    @property
    def channels(self) -> list[Channel]:
        """Where messages to people go, digests among them; empty when neither ALERT_URLS nor DIGEST_URLS is set."""
        alerts = channels_of(self.alert_urls.get_secret_value()) if self.alert_urls else []
        return alerts + self.digest_channels

    @property
    def digest_channels(self) -> list[Channel]:
        """Where digests go; empty when DIGEST_URLS is not set."""
        return digest_channels_of(self.digest_urls.get_secret_value()) if self.digest_urls else []

    @property
    def quiet(self) -> tuple[dt.time, dt.time] | None:
        """From when until when only errors are sent."""
        return quiet_hours(self.alert_quiet_hours) if self.alert_quiet_hours else None

    @property
    def deadline(self) -> dt.time:
        """By when a day is to be captured, in the reporting time zone."""
        return dt.time.fromisoformat(self.capture_deadline)

    @property
    def keys_file(self) -> Path:
        """Where the key ring is, given or by default."""
        return (self.encryption_keys_file or self.data_dir / "encryption_keys.json").expanduser()

    @property
    def spool_folder(self) -> Path:
        """Where refreshed tokens lie, sealed, until the database has them."""
        return self.data_dir.expanduser() / "spool"

    def require(self, *names: str) -> None:
        """Raise SettingsError that names the variables among `names` that are not set."""
        missing = [name.upper() for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(
                f"{', '.join(missing)}: not set. Put {'it' if len(missing) == 1 else 'them'} "
                "into the environment or into .env (see .env.example)."
            )

    def require_key_ring(self) -> None:
        """Raise SettingsError when ENCRYPTION_KEYS_FILE is given and there is no such file."""
        if self.encryption_keys_file is not None and not self.keys_file.is_file():
            raise SettingsError(
                f"ENCRYPTION_KEYS_FILE: there is no file {self.keys_file}. Put the key ring there, "
                "or leave the variable out and one is made in DATA_DIR."
            )


def load_settings() -> Settings:
    """Settings from the environment and `.env`; SettingsError in one line when a value is wrong."""
    try:
        if os.environ.get(SETTLED):
            return Settings(_env_file=None)  # type: ignore[call-arg, unused-ignore]
        return Settings(_secrets_dir=_secrets_dir())  # type: ignore[call-arg, unused-ignore]
    except ValidationError as error:
        raise SettingsError("; ".join(_in_words(problem) for problem in error.errors())) from None


def _secrets_dir() -> Path | None:
    given = os.environ.get(SECRETS_DIR)
    if not given:
        return None
    if not Path(given).is_dir():
        raise SettingsError(
            f"{SECRETS_DIR}: there is no folder {given}. Mount the secrets there, or leave it out."
        )
    return Path(given)


def archive_address(given: str) -> str:
    """The folder or address of an archive, a local path made absolute; ValueError when it holds a login.

    It is written into the log of what was archived, where no password belongs.
    """
    if "://" not in given:
        return str(Path(given).expanduser().resolve())
    if "@" in urlsplit(given).netloc:
        raise ValueError("must hold no login: fsspec takes that from the environment or its configuration")
    return given.rstrip("/")


def _in_words(problem: Mapping[str, Any]) -> str:
    variable = ".".join(str(part) for part in problem["loc"]).upper()
    return f"{variable}: {str(problem['msg']).removeprefix('Value error, ')}."


def _listed(given: str | None) -> list[str]:
    return [one.strip() for one in (given or "").split(",") if one.strip()]


def _is_http(url: str) -> bool:
    return _is_address(url, ("http", "https"))


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        return False
