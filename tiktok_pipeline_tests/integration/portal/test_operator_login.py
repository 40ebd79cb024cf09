"""Only the operator gets in, few guesses are allowed, and a login ends when it should."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
import requests
from argon2 import PasswordHasher
from pydantic import SecretStr

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import UTC, rows
from tiktok_pipeline_tests.integration.portal.conftest import (
    PASSWORD,
    Operator,
    Portal,
    csrf_in,
    running_portal,
)

TOTP_SECRET = pyotp.random_base32()
NOW = dt.datetime(2026, 5, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh(portal: Portal) -> None:
    portal.forget_attempts()
    portal.clock.set(dt.datetime.now(UTC))


@pytest.fixture(scope="module")
def second_factor(
    portal_warehouse: Warehouse, portal_sandbox: SandboxProcess, portal_folder: Path
) -> Iterator[Portal]:
    """A portal on the same database that asks for a one-time code, too."""
    with running_portal(
        portal_warehouse, portal_sandbox, portal_folder, operator_totp_secret=SecretStr(TOTP_SECRET)
    ) as portal:
        yield portal


def without_numbers(page: requests.Response) -> str:
    """A page without what is new on each: its token."""
    return re.sub(r"[0-9a-f]{64}", "", page.text)


def test_the_right_password_opens_the_overview(portal: Portal) -> None:
    operator = portal.operator()
    assert (operator.answer.status_code, operator.answer.headers["Location"]) == (303, "/")
    assert "Log out" in operator.get("/").text


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + "x", "é" * 5000, "\x00"])
def test_a_wrong_password_opens_nothing(portal: Portal, password: str) -> None:
    operator = portal.operator(password)
    assert operator.answer.status_code == 403
    assert "operator" not in operator.browser.cookies
    assert operator.get("/").headers["Location"] == "/login"


def test_the_sixth_attempt_within_a_minute_waits_and_a_minute_later_it_may(portal: Portal) -> None:
    portal.clock.set(NOW)
    assert [portal.operator("wrong").answer.status_code for _ in range(5)] == [403] * 5
    portal.clock.set(NOW + dt.timedelta(seconds=20))
    sixth = portal.operator().answer
    assert sixth.status_code == 429
    assert 30 <= int(sixth.headers["Retry-After"]) <= 41
    portal.clock.set(NOW + dt.timedelta(seconds=62))
    assert portal.operator().answer.status_code == 303


def test_another_address_has_attempts_of_its_own_until_all_together_are_too_many(portal: Portal) -> None:
    def try_from(address: str) -> int:
        operator = Operator(portal.url)
        return operator.log_in("wrong", headers={"X-Forwarded-For": f"6.6.6.6, {address}"}).status_code

    assert [try_from("203.0.113.1") for _ in range(6)] == [403] * 5 + [429]
    assert try_from("203.0.113.2") == 403
    # An IPv6 caller has a whole /64 to choose addresses from: they are one.
    assert [try_from(f"2001:db8::{n}") for n in range(1, 7)] == [403] * 5 + [429]
    answers = [try_from(f"198.51.100.{n}") for n in range(1, 12)]
    assert answers == [403] * 9 + [429] * 2  # twenty of all


def test_a_known_device_logs_in_while_others_use_up_all_attempts(portal: Portal) -> None:
    known = portal.operator()
    known.post("/logout", {"csrf": csrf_in(known.get("/"))})
    for n in range(21):
        Operator(portal.url).log_in("wrong", headers={"X-Forwarded-For": f"203.0.113.{n}"})
    assert (
        Operator(portal.url).log_in(PASSWORD, headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 429
    )
    assert known.log_in(PASSWORD).status_code == 303
    # It may not guess either, and what was made up is not known.
    known.browser.cookies.pop("operator")
    assert [known.log_in("wrong").status_code for _ in range(6)] == [403] * 5 + [429]
    made_up = Operator(portal.url)
    made_up.browser.cookies.set("known_device", "x.y", domain="127.0.0.1")
    assert made_up.log_in(PASSWORD, headers={"X-Forwarded-For": "198.51.100.8"}).status_code == 429


def test_a_new_second_factor_ends_all_sessions(portal: Portal, second_factor: Portal) -> None:
    cookies = portal.operator().browser.cookies.get_dict()
    assert portal.get("/", cookies=cookies).status_code == 200
    assert second_factor.get("/", cookies=cookies).status_code == 303


def test_attempts_are_counted_over_processes(portal: Portal, second_factor: Portal) -> None:
    for _ in range(3):
        portal.operator("wrong")
    for _ in range(2):
        second_factor.operator("wrong")
    assert portal.operator().answer.status_code == 429


def test_the_second_factor_is_needed_and_a_code_is_good_once(second_factor: Portal) -> None:
    second_factor.clock.set(NOW)
    code = pyotp.TOTP(TOTP_SECRET).at(NOW)
    assert second_factor.operator(code="").answer.status_code == 403
    assert second_factor.operator("wrong", code).answer.status_code == 403  # which does not spend the code
    assert second_factor.operator(code=f"{code[:3]} {code[3:]}").answer.status_code == 303
    assert second_factor.operator(code=code).answer.status_code == 403
    second_factor.forget_attempts()
    second_factor.clock.set(NOW + dt.timedelta(seconds=95))
    assert second_factor.operator(code=code).answer.status_code == 403


def test_a_code_of_the_neighbouring_half_minute_is_taken_and_no_older_one(second_factor: Portal) -> None:
    second_factor.clock.set(NOW)
    codes = pyotp.TOTP(TOTP_SECRET)
    assert second_factor.operator(code=codes.at(NOW - dt.timedelta(seconds=60))).answer.status_code == 403
    assert second_factor.operator(code=codes.at(NOW - dt.timedelta(seconds=30))).answer.status_code == 303


def test_every_refusal_looks_the_same(second_factor: Portal) -> None:
    second_factor.clock.set(NOW)
    code = pyotp.TOTP(TOTP_SECRET).at(NOW)
    refusals = [
        second_factor.operator("wrong", code).answer,
        second_factor.operator(PASSWORD, "000000").answer,
        second_factor.operator("wrong", "000000").answer,
        second_factor.operator("", "").answer,
    ]
    assert len({(answer.status_code, without_numbers(answer)) for answer in refusals}) == 1


def test_a_session_ends_after_twelve_hours(portal: Portal) -> None:
    operator = portal.operator()
    portal.clock.set(dt.datetime.now(UTC) + dt.timedelta(hours=11, minutes=59))
    assert operator.get("/").status_code == 200
    portal.clock.set(dt.datetime.now(UTC) + dt.timedelta(hours=12, minutes=1))
    assert operator.get("/").status_code == 303


def test_after_logout_even_a_copy_of_the_cookie_is_worth_nothing(portal: Portal) -> None:
    operator = portal.operator()
    copy = operator.browser.cookies.get_dict()
    assert portal.get("/", cookies=copy).status_code == 200
    assert operator.send("/logout").headers["Location"] == "/login"
    assert portal.get("/", cookies=copy).status_code == 303


def test_a_new_password_ends_all_sessions(
    portal: Portal,
    portal_warehouse: Warehouse,
    portal_sandbox: SandboxProcess,
    portal_folder: Path,
) -> None:
    operator = portal.operator()
    cookies = operator.browser.cookies.get_dict()
    changed = SecretStr(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("a new password"))
    same = portal.settings.operator_password_hash
    with running_portal(
        portal_warehouse, portal_sandbox, portal_folder, operator_password_hash=same
    ) as restarted:
        assert restarted.get("/", cookies=cookies).status_code == 200
    with running_portal(
        portal_warehouse, portal_sandbox, portal_folder, operator_password_hash=changed
    ) as restarted:
        assert restarted.get("/", cookies=cookies).status_code == 303
        assert restarted.operator("a new password").answer.status_code == 303


def test_a_cookie_that_was_made_up_or_altered_is_no_session(portal: Portal) -> None:
    operator = portal.operator()
    cookie = operator.browser.cookies["operator"]
    body, _, signature = cookie.rpartition(".")
    swapped = ("A" if body[2] != "A" else "B").join((body[:2], body[3:]))
    for forged in ("", "x", f"{swapped}.{signature}", f"{body}.{'A' * len(signature)}", body, cookie + "A"):
        assert portal.get("/", cookies={"operator": forged}).status_code == 303, forged
    stored = rows(portal.warehouse, "select encode(session_hash, 'hex') as hash from ops.operator_session")
    assert all(portal.get("/", cookies={"operator": row["hash"]}).status_code == 303 for row in stored)


def test_the_cookie_is_kept_from_scripts_and_other_sites(
    portal: Portal,
    portal_warehouse: Warehouse,
    portal_sandbox: SandboxProcess,
    portal_folder: Path,
) -> None:
    known, given = sorted(portal.operator().answer.raw.headers.getlist("Set-Cookie"))
    assert given.startswith("operator=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=43200"} <= set(given.split("; "))
    assert known.startswith("known_device=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=15552000"} <= set(known.split("; "))
    with running_portal(
        portal_warehouse, portal_sandbox, portal_folder, portal_url="https://stores.example.com"
    ) as secure:
        headers = {"Host": "stores.example.com"}
        form_page = secure.get("/login", headers=headers)
        before = form_page.headers["Set-Cookie"].partition(";")[0]
        assert {"Secure", "HttpOnly", "SameSite=strict"} <= set(form_page.headers["Set-Cookie"].split("; "))
        answer = secure.post(
            "/login",
            data={"csrf": csrf_in(form_page), "password": PASSWORD},
            headers={**headers, "Cookie": before},
        )
        assert answer.status_code == 303
        given = answer.headers["Set-Cookie"]
        assert given.startswith("__Host-operator=")
        assert "Domain" not in given
        assert {"Secure", "HttpOnly", "Path=/"} <= set(given.split("; "))


def test_a_login_form_of_another_browser_is_refused(portal: Portal) -> None:
    stolen = csrf_in(portal.get("/login"))
    assert Operator(portal.url).post("/login", {"csrf": stolen, "password": PASSWORD}).status_code == 403
    browser = Operator(portal.url)
    browser.get("/login")
    assert browser.post("/login", {"csrf": stolen, "password": PASSWORD}).status_code == 403
    assert browser.post("/login", {"password": PASSWORD}).status_code == 403
