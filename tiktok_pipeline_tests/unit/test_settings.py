"""A wrong setting is refused in one line that names its variable, and never shows a secret."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import annotated_types
import pytest

from tiktok_pipeline.demo.settings import demo_settings
from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.settings import Settings, SettingsError, load_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Settings from exactly these variables: `load(START_DATE="2025-01-01")`."""
    monkeypatch.chdir(tmp_path)  # no .env here
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("REPORTING_TIMEZONE", "Mars/Olympus", "IANA"),
        ("START_DATE", "yesterday", "date"),
        ("ENVIRONMENT", "prod", "production"),
        ("CAPTURE_WORKERS", "0", "1"),
        ("CAPTURE_WORKERS", "17", "16"),
        ("DATABASE_URL", "mysql://somewhere/else", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://host", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://me:hun@host:ter2/db", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://me:hunter2@host/db?foo=1", "connection option 'foo'"),
        ("DAGSTER_POSTGRES_URL", "nonsense", "must look like postgresql://"),
        ("TIKTOK_API_BASE_URL", "ftp://tiktok", "must look like https://"),
        ("TIKTOK_API_BASE_URL", "https://", "must look like https://"),
        ("TIKTOK_API_BASE_URL", "https://host:port", "must look like https://"),
        ("TIKTOK_AUTHORIZE_URL", "https:///v2/auth", "must look like https://"),
        ("ALERT_URLS", "slack://a/b/c,boss=slack://hunter2", "number 2: before = stands info"),
        ("REDIS_URL", "http://hunter2@host", "must look like redis://"),
        ("RABBITMQ_URL", "redis://hunter2@host", "must look like amqp://"),
        ("RABBITMQ_QUEUES", "crm=account.*,my queue!", "'queue!' is no queue such as crm"),
        ("EVENT_WEBHOOKS", "https://a.example/hunter2,ftp://b.example", "must be addresses such as https://"),
        ("EVENT_WEBHOOK_SECRET", "hunter2", "must be whsec_ and 24 to 64 bytes"),
        ("EVENT_WEBHOOK_SECRET", "whsec_hunter2", "must be whsec_ and 24 to 64 bytes"),
        ("ALERT_QUIET_HOURS", "late", "must look like 22-07"),
        ("TIKTOK_REDIRECT_URI", "/connected", "must look like https://"),
        ("TIKTOK_REDIRECT_URI", "https:///connected", "must look like https://"),
        ("TIKTOK_REDIRECT_URI", "https://a.example/c?d=e", "without ?"),
        ("TIKTOK_REDIRECT_URI", "https://a.example/c#d", "without ?"),
        ("TIKTOK_REDIRECT_URI", "http://a.example/connected", "must begin with https://"),
        ("TIKTOK_REDIRECT_URI", "https://a.example/" + "c" * 494, "512 characters"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(
    load: Load, variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(**{variable: value})
    message = str(refusal.value)
    assert message.startswith(f"{variable}: ")
    assert says in message
    assert "\n" not in message
    assert not any(part in message for part in ("hunter2", "ter2", "invalid literal"))


def test_webhooks_want_a_secret(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"^EVENT_WEBHOOK_SECRET: not set, and EVENT_WEBHOOKS is"):
        load(EVENT_WEBHOOKS="https://a.example/hunter2")


@pytest.mark.parametrize(
    "uri",
    [
        "https://hub.example.com/connected",
        "http://localhost/connected",
        "http://127.0.0.1:8000/connected",
        "https://a.example/" + "c" * 493,
    ],
)
def test_a_redirect_uri_that_tiktok_would_register_is_taken(load: Load, uri: str) -> None:
    assert load(TIKTOK_REDIRECT_URI=uri).tiktok_redirect_uri == uri


@pytest.mark.parametrize("query", ["host=/run/postgresql", "sslmode=require&application_name=x"])
def test_what_postgresql_knows_may_stand_in_its_address(load: Load, query: str) -> None:
    assert load(DATABASE_URL=f"postgresql://me@/db?{query}").database_url


def test_the_start_date_is_not_in_the_future_of_the_reporting_time_zone(load: Load) -> None:
    zone = "Pacific/Kiritimati"  # where the day begins first
    today = dt.datetime.now(load(REPORTING_TIMEZONE=zone).zone).date()
    assert load(START_DATE=str(today)).start_date == today
    with pytest.raises(SettingsError, match=r"^START_DATE: .* is in the future; today is .*Kiritimati"):
        load(START_DATE=str(today + dt.timedelta(days=1)))


def test_a_key_ring_that_is_asked_for_must_exist(load: Load, tmp_path: Path) -> None:
    load().require_key_ring()  # the default one is made when it is needed
    ring = tmp_path / "ring.json"
    settings = load(ENCRYPTION_KEYS_FILE=str(ring))
    with pytest.raises(SettingsError, match=r"^ENCRYPTION_KEYS_FILE: .*ring\.json"):
        settings.require_key_ring()
    ring.touch()
    settings.require_key_ring()


def test_a_demo_takes_nothing_but_the_log_level_from_its_surroundings(load: Load, tmp_path: Path) -> None:
    given = load(
        DATABASE_URL="postgresql://me@production/tiktok",
        DAGSTER_POSTGRES_URL="postgresql://me@production/dagster",
        TIKTOK_CLIENT_KEY="key",
        TIKTOK_CLIENT_SECRET="secret",
        TIKTOK_REDIRECT_URI="https://hub.example.com/connected",
        TIKTOK_API_BASE_URL="https://api.example.com",
        TIKTOK_AUTHORIZE_URL="https://www.example.com/authorize",
        TIKTOK_REQUESTS_PER_MINUTE="1",
        ENCRYPTION_KEYS_FILE="/run/secrets/ring.json",
        ENVIRONMENT="production",
        REPORTING_TIMEZONE="Asia/Jakarta",
        START_DATE="2024-01-01",
        CAPTURE_GRACE_HOURS="0",
        CAPTURE_WORKERS="1",
        LOG_LEVEL="DEBUG",
    )
    demo = demo_settings(given, tmp_path)
    changed = {name for name, value in demo if value != Settings.model_fields[name].default}
    assert changed == {"data_dir", "tiktok_redirect_uri", "log_level"}
    assert (demo.data_dir, demo.log_level) == (tmp_path, "DEBUG")


def test_the_example_file_names_every_setting_with_its_default_and_its_range() -> None:
    text = project_file(".env.example").read_text(encoding="utf-8")
    example = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert set(example) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default is not None:
            assert example[name.upper()] == str(field.default)
        lowest, highest = _range(field.metadata)
        assert (
            lowest is None
            or f"{lowest} to {highest}" in text.partition(f"\n#{name.upper()}=")[0].splitlines()[-1]
        ), name


def _range(metadata: list[Any]) -> tuple[object, object]:
    lowest = next((one.ge for one in metadata if isinstance(one, annotated_types.Ge)), None)
    highest = next((one.le for one in metadata if isinstance(one, annotated_types.Le)), None)
    return lowest, highest
