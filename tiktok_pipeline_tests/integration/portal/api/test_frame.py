"""What stands around the API: health, limits, networks, origins, its own documentation."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from tiktok_pipeline.portal.api import limits
from tiktok_pipeline.settings import Settings
from tiktok_pipeline_tests.brokers import RedisServer
from tiktok_pipeline_tests.integration.portal.api.conftest import Api
from tiktok_pipeline_tests.integration.portal.api.test_cache import database_away, further_portal


def test_it_lives_and_is_ready_and_says_so_to_anybody(api: Api) -> None:
    assert api.get("/health", None).json() == {"status": "ok"}
    assert api.get("/ready", None).json() == {"status": "ready"}
    assert api.get("/health", None, Host="10.1.2.3").status_code == 200


def test_administrators_see_how_the_parts_stand(api: Api) -> None:
    with RedisServer() as server, further_portal(api, redis_url=SecretStr(server.url)) as (other, warehouse):
        said = other.get("/health/detailed", "administrator").json()
        assert (said["ready"], said["database"], said["redis"]) == (True, "ok", "ok")
        assert (said["jobs_waiting"], said["jobs_running"], said["last_closed_day"]) == (0, 0, None)
        tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        api.portal.clock.set(tomorrow)
        try:
            closed = other.get("/health/detailed", "administrator").json()["last_closed_day"]
        finally:
            api.portal.clock.set(dt.datetime.now(dt.UTC))
        assert (closed["account_days"], closed["captured"]) == (4, 4)
        server.kill()
        assert other.get("/health/detailed", "administrator").json()["redis"] == "away"
        with database_away(api, warehouse):
            away = other.get("/health/detailed", "administrator")
            assert (away.status_code, away.json()["database"]) == (503, "away")
            assert other.get("/ready", None).json() == {"status": "not ready"}
            assert other.get("/health", None).status_code == 200
    assert api.get("/health/detailed", "administrator").json()["redis"] == "not configured"
    assert api.get("/health/detailed", "reader").status_code == 403
    assert api.get("/health/detailed", None).status_code == 401


@pytest.fixture
def a_whole_minute() -> None:
    """Wait for the next period when this one is nearly over."""
    if time.time() % limits.PERIOD_SECONDS > limits.PERIOD_SECONDS - 8:
        time.sleep(8)


@pytest.mark.usefixtures("a_whole_minute")
def test_each_service_may_ask_so_often_in_a_minute_and_is_told_what_is_left(api: Api) -> None:
    with further_portal(api, api_requests_per_minute=3) as (other, _):
        left = [other.get("/stores").headers["RateLimit"].split(";")[1] for _ in range(3)]
        assert left == ["r=2", "r=1", "r=0"]
        refused = other.get("/stores")
        assert refused.status_code == 429
        assert refused.headers["RateLimit-Policy"] == '"service";q=3;w=60'
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert refused.json()["title"] == "Too Many Requests"
        assert other.get("/stores", "scoped").status_code == 200  # another service


@pytest.mark.usefixtures("a_whole_minute")
def test_with_redis_all_portals_count_together(api: Api) -> None:
    with RedisServer() as server:
        told: dict[str, Any] = {"api_requests_per_minute": 4, "redis_url": SecretStr(server.url)}
        with further_portal(api, **told) as (one, _), further_portal(api, **told) as (two, _):
            assert [each.get("/stores").status_code for each in (one, two, one, two)] == [200] * 4
            assert [each.get("/stores").status_code for each in (one, two)] == [429] * 2


def test_the_administration_is_open_to_its_networks_only(api: Api) -> None:
    path, who = "/health/detailed", "administrator"
    with further_portal(api, admin_networks="10.0.0.0/8, 2001:db8::/32") as (other, _):
        refused = other.get(path, who)
        assert (refused.status_code, "network" in refused.json()["detail"]) == (403, True)
        for address, status in (
            ("10.9.8.7", 200),
            ("2001:db8::1", 200),
            ("::ffff:10.1.1.1", 200),
            ("11.0.0.1", 403),
            ("10.9.8.7, 11.0.0.1", 403),
            ("nonsense", 403),
        ):
            assert other.get(path, who, **{"X-Forwarded-For": address}).status_code == status, address
        assert other.get("/stores").status_code == 200
    with further_portal(api, admin_networks="127.0.0.0/8") as (other, _):
        assert other.get(path, who).status_code == 200


def test_pages_of_configured_origins_may_ask_and_of_no_others(api: Api) -> None:
    ours = "https://app.example.com"
    with further_portal(api, cors_origins=ours) as (other, _):
        allowed = other.get("/stores", Origin=ours, **{"Sec-Fetch-Site": "cross-site"})
        assert allowed.headers["Access-Control-Allow-Origin"] == ours
        assert "ETag" in allowed.headers["Access-Control-Expose-Headers"]
        assert (
            "Access-Control-Allow-Origin" not in other.get("/stores", Origin="https://evil.example").headers
        )
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "Authorization"}
        assert _preflight(other, ours, asked) == (200, ours)
        assert _preflight(other, "https://evil.example", asked)[0] == 403
        form = {"grant_type": "client_credentials"}
        url = "/api/v1/token"
        assert other.portal.post(url, data=form, headers={"Origin": ours}).status_code == 401
        assert (
            other.portal.post(url, data=form, headers={"Origin": "https://evil.example"}).status_code == 403
        )
        assert other.portal.post("/login", headers={"Origin": ours}).status_code == 403
    assert "Access-Control-Allow-Origin" not in api.get("/stores", Origin=ours).headers


def _preflight(api: Api, origin: str, headers: dict[str, str]) -> tuple[int, str | None]:
    answer = requests.options(
        f"{api.portal.url}/api/v1/stores", headers={"Origin": origin, **headers}, timeout=30
    )
    return answer.status_code, answer.headers.get("Access-Control-Allow-Origin")


def test_the_documentation_is_off_in_production_and_when_told(api: Api) -> None:
    with further_portal(api, api_docs=False) as (other, _):
        for path in ("/api/v1/docs", "/api/v1/docs/begin.js", "/api/v1/docs/swagger-ui.css", "/docs"):
            assert other.portal.get(path).status_code == 404
    assert not Settings(environment="production").shows_api_docs
    assert Settings(environment="production", api_docs=True).shows_api_docs
    assert api.portal.get("/api/v1/docs/favicon.png").status_code == 404
