"""What holds for every route and every answer of the portal, whichever routes there will be."""

from __future__ import annotations

import dataclasses
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from tiktok_pipeline.portal.app import create_app
from tiktok_pipeline.portal.security import LARGEST_BODY
from tiktok_pipeline.portal.server import PortalThread
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal, csrf_in, running_portal

# Everything else needs an operator's login. A new route is behind it, or is named here on purpose.
PUBLIC_PAGES = {
    "/health",
    "/ready",
    "/metrics",  # for a token of its own
    "/static/style.css",
    "/login",
    "/connect/{text}",
    "/auth/login",
    "/auth/callback",
    "/auth/result",
    "/docs",
}
# Posted to without an operator's session, and refused without what stands in its place.
OWN_PROTECTION = {"/login": 403, "/connect/{text}": 403, "/auth/again": 403, "/webhooks/tiktok": 401}

JOB = "00000000-0000-0000-0000-000000000000"
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {targets}; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def routes(portal: Portal, *methods: str) -> list[str]:
    """The paths of all routes with one of these methods."""
    found = iter_route_contexts(create_app(portal.context).routes)
    return sorted(str(route.path) for route in found if set(route.methods or ()) & set(methods))


def filled(path: str, store_code: str, account_id: int) -> str:
    """A path with its parameters: those of a store that is there."""
    return path.format(store_code=store_code, account_id=account_id, text="x.y", day="2026-01-01", job_id=JOB)


@pytest.fixture(scope="module")
def operator(portal: Portal) -> Operator:
    portal.forget_attempts()
    return portal.operator()


@pytest.fixture
def store(portal: Portal) -> str:
    return portal.store()


@pytest.fixture
def account_id(portal: Portal, store: str) -> int:
    return add_account(portal.warehouse, f"-000{store}", store=store)


def state(portal: Portal) -> list[dict[str, object]]:
    """Everything that a form of the operator could change."""
    return [
        *rows(portal.warehouse, "select to_jsonb(s) as row from hub.stores as s order by store_code"),
        *rows(portal.warehouse, "select to_jsonb(a) as row from hub.store_accounts as a order by id"),
        *rows(portal.warehouse, "select count(*) as links from ops.connect_link"),
        *rows(portal.warehouse, "select count(*) as sessions from ops.operator_session"),
    ]


def has_exact_headers(answer: requests.Response, portal: Portal, path: str) -> None:
    for name, value in HEADERS.items():
        assert answer.headers.get(name) == value, (path, name)
    tiktok = "'self'"
    if path.startswith(("/connect/", "/auth/")):
        tiktok += f" https: {portal.sandbox.base_url}"
    assert answer.headers["Content-Security-Policy"] == POLICY.format(targets=tiktok), path
    assert len(answer.headers["X-Request-ID"]) == 16
    assert "server" not in {name.lower() for name in answer.headers}


def test_it_lives_and_is_ready(portal: Portal) -> None:
    assert (portal.get("/health").status_code, portal.get("/health").text) == (200, "ok\n")
    assert (portal.get("/ready").status_code, portal.get("/ready").text) == (200, "ready\n")


def test_it_is_not_ready_without_a_migration_or_its_keys_and_says_no_more(portal: Portal) -> None:
    removed = rows(
        portal.warehouse,
        "delete from _yoyo_migration where migration_id = '0010.portal' returning *",
    )
    try:
        assert (portal.get("/ready").status_code, portal.get("/ready").text) == (503, "not ready\n")
    finally:
        names = ", ".join(removed[0])
        marks = ", ".join(["%s"] * len(removed[0]))
        rows(
            portal.warehouse,
            f"insert into _yoyo_migration ({names}) values ({marks})",
            *removed[0].values(),
        )
    assert portal.get("/ready").status_code == 200
    hidden = portal.settings.keys_file.rename(portal.settings.keys_file.with_suffix(".hidden"))
    try:
        assert (portal.get("/ready").status_code, portal.get("/ready").text) == (503, "not ready\n")
    finally:
        hidden.rename(portal.settings.keys_file)


def test_no_page_but_the_public_ones_is_shown_without_a_login(
    portal: Portal, store: str, account_id: int
) -> None:
    pages = routes(portal, "GET", "HEAD")
    assert set(pages) >= PUBLIC_PAGES
    for path in pages:
        answer = portal.get(filled(path, store, account_id))
        if path not in PUBLIC_PAGES:
            assert (answer.status_code, answer.headers["Location"]) == (303, "/login"), path
        assert store not in answer.text, path


def test_no_form_does_anything_without_a_login(portal: Portal, store: str, account_id: int) -> None:
    before = state(portal)
    for path in routes(portal, "POST", "PUT", "PATCH", "DELETE"):
        answer = portal.post(filled(path, store, account_id), data={"confirmation": store, "code": "new"})
        assert answer.status_code == OWN_PROTECTION.get(path, 403), path
    assert state(portal) == before


def test_no_form_does_anything_without_the_token_of_its_session(
    portal: Portal, operator: Operator, store: str, account_id: int
) -> None:
    portal.forget_attempts()
    of_another_session = csrf_in(portal.operator().get("/"))
    assert of_another_session
    before = state(portal)
    for path in routes(portal, "POST", "PUT", "PATCH", "DELETE"):
        for token in ("", "0" * 64, "é", of_another_session):
            form = {"csrf": token, "confirmation": store, "name": "New", "pic": "New"}
            answer = operator.post(filled(path, store, account_id), form)
            assert answer.status_code == OWN_PROTECTION.get(path, 403), (path, token)
    assert state(portal) == before


def test_with_the_token_each_form_of_the_operator_is_taken(portal: Portal) -> None:
    # So that the two tests above do not pass because everything is refused.
    portal.forget_attempts()
    operator = portal.operator()
    for path in sorted(routes(portal, "POST"), key=lambda path: path == "/logout"):
        if path not in OWN_PROTECTION:
            store = portal.store()
            account_id = add_account(portal.warehouse, f"-000{store}", store=store)
            answer = operator.send(filled(path, store, account_id), confirmation="not typed")
            assert answer.status_code in (200, 303, 400), path
    assert operator.get("/").status_code == 303  # logged out


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused_even_with_a_token(
    portal: Portal, operator: Operator, store: str, headers: dict[str, str]
) -> None:
    form = {"csrf": csrf_in(operator.get("/"))}
    before = state(portal)
    assert operator.post(f"/stores/{store}/link", form, headers=headers).status_code == 403
    assert state(portal) == before
    own = {"Origin": portal.url, "Sec-Fetch-Site": "same-origin"}
    assert operator.post(f"/stores/{store}/link", form, headers=own).status_code == 200
    by_its_other_name = {"Origin": portal.url.replace("127.0.0.1", "localhost")}
    assert operator.post(f"/stores/{store}/link", form, headers=by_its_other_name).status_code == 200
    # What browsers say when the page sends no referrer.
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert operator.post(f"/stores/{store}/link", form, headers=own).status_code == 200


def test_every_page_and_every_refusal_has_exactly_the_headers(
    portal: Portal, operator: Operator, store: str, account_id: int
) -> None:
    for path in [filled(path, store, account_id) for path in routes(portal, "GET")]:
        has_exact_headers(portal.get(path), portal, path)
        has_exact_headers(operator.get(path), portal, path)
    for path in [filled(path, store, account_id) for path in routes(portal, "POST")]:
        has_exact_headers(portal.post(path), portal, path)
    for path, status in (("/nothing", 404), ("/login/", 404), ("/connect/", 404), ("/?page=x", 400)):
        answer = operator.get(path)
        assert answer.status_code == status, path
        has_exact_headers(answer, portal, path)
    wrong_method = requests.delete(f"{portal.url}/login", timeout=10)
    assert wrong_method.status_code == 405
    has_exact_headers(wrong_method, portal, "/login")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "a@b", "[::1", ""]
)
def test_another_host_name_is_refused(portal: Portal, host: str) -> None:
    answer = portal.get("/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text
    has_exact_headers(answer, portal, "/login")


def test_two_host_names_are_refused(portal: Portal) -> None:
    place = urlsplit(portal.url)
    request = b"GET /login HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(place.port or 0, request).startswith(b"HTTP/1.1 400 ")


def raw(port: int, request: bytes) -> bytes:
    """The whole answer to bytes as they are."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


def test_probes_are_answered_under_any_host_name(portal: Portal) -> None:
    assert portal.get("/health", headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_a_callers_id_of_a_request_is_kept_and_nothing_else_is(portal: Portal) -> None:
    given = "order-4711-abcdef"
    assert portal.get("/health", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    for odd in ("short", "with space and more", "x" * 65, "<script>alert(1)</script>"):
        made = portal.get("/health", headers={"X-Request-ID": odd}).headers["X-Request-ID"]
        assert made != odd
        assert len(made) == 16


def test_a_body_over_the_limit_is_refused_however_it_is_sent(portal: Portal) -> None:
    too_much = b"password=" + b"x" * LARGEST_BODY
    assert portal.post("/login", data=too_much).status_code == 413
    assert portal.post("/login", data=iter([too_much[:40_000], too_much[40_000:]])).status_code == 413
    fits = {"data": b"password=" + b"x" * (LARGEST_BODY - 100)}
    assert portal.post("/login", **fits).status_code != 413
    has_exact_headers(portal.post("/login", data=too_much), portal, "/login")


def test_a_failure_shows_a_request_id_and_nothing_of_what_failed(
    portal: Portal, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    rows(portal.warehouse, "alter table ops.operator_session rename to hidden")
    try:
        answer = operator.get("/")
    finally:
        rows(portal.warehouse, "alter table ops.hidden rename to operator_session")
    assert answer.status_code == 500
    has_exact_headers(answer, portal, "/")
    request_id = answer.headers["X-Request-ID"]
    assert request_id in answer.text
    assert "operator_session" not in answer.text
    assert "Traceback" not in answer.text
    assert f"request {request_id} failed" in caplog.text


def test_while_the_database_is_away_pages_say_so(portal: Portal, operator: Operator) -> None:
    away = Warehouse("postgresql://nobody@127.0.0.1:1/nowhere")
    context = dataclasses.replace(portal.context, warehouse=away)
    with PortalThread(context) as thread:
        url = f"http://127.0.0.1:{thread.port}"
        answer = requests.get(url, cookies=operator.browser.cookies.get_dict(), timeout=30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "nowhere" not in answer.text
        assert requests.get(f"{url}/ready", timeout=30).text == "not ready\n"
        assert requests.get(f"{url}/health", timeout=30).text == "ok\n"


def test_the_log_holds_neither_links_nor_queries(
    portal: Portal, operator: Operator, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        operator.get(f"/stores/{store}")
        portal.get("/connect/secret-link-text")
        portal.get("/auth/callback?code=secret-code&state=secret-state")
        portal.get("/secret-path?secret-query")
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("tiktok", "uvicorn"))
    )
    assert "GET /connect/{text} " in ours
    assert "GET /stores/{store_code} 200 " in ours
    assert "GET no route 404 " in ours
    assert "secret" not in ours


def test_it_describes_itself_to_nobody_but_its_api(operator: Operator) -> None:
    assert operator.get("/docs").headers["Location"] == "/api/v1/docs"
    for path in ("/redoc", "/openapi.json"):
        assert operator.get(path).status_code == 404


@pytest.fixture(scope="module")
def behind_https(
    portal_warehouse: Warehouse, portal_sandbox: SandboxProcess, portal_folder: Path
) -> Iterator[Portal]:
    with running_portal(
        portal_warehouse,
        portal_sandbox,
        portal_folder,
        portal_url="https://stores.example.com",
        operator_totp_secret=SecretStr("JBSWY3DPEHPK3PXP"),
    ) as portal:
        yield portal


def test_behind_https_browsers_are_told_to_stay_there(behind_https: Portal, portal: Portal) -> None:
    answer = behind_https.get("/login", headers={"Host": "stores.example.com"})
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in portal.get("/login").headers


def test_behind_https_this_machines_names_are_no_origin(behind_https: Portal) -> None:
    for origin in ("http://localhost", "https://localhost", "http://stores.example.com"):
        headers = {"Host": "stores.example.com", "Origin": origin}
        assert "not allowed" in behind_https.post("/login", headers=headers).text
    headers = {"Host": "stores.example.com", "Origin": "https://stores.example.com"}
    assert (
        behind_https.post("/connect/x", headers=headers).status_code == 403
    )  # by its own page, for lack of a cookie
    assert "not allowed" not in behind_https.post("/connect/x", headers=headers).text


def test_what_a_proxy_says_never_becomes_an_address(behind_https: Portal) -> None:
    forwarded = {
        "Host": "stores.example.com",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example",
    }
    answer = behind_https.get("/", headers=forwarded)
    assert answer.headers["Location"] == "/login"
    assert "evil" not in str(answer.headers) + answer.text
