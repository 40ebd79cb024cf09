import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tiktok_pipeline_tests.integration.sandbox.calling import REDIRECT, App

ASKED = {
    "client_key": "sandbox-client-key",
    "scope": "user.info.basic,user.info.stats,video.list",
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "state": "a state & more=",
}


class Form(HTMLParser):
    """The fields a browser would send from the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.options: list[str] = []
        self.tags: list[str] = []
        self._in_account = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "form":
            self.action = values["action"]
        if tag == "option":
            self.options.append(values["value"])
            if "selected" in values:
                self.fields.append(("account", values["value"]))
        if tag == "input" and "name" in values and (values["type"] == "hidden" or "checked" in values):
            self.fields.append((values["name"], values["value"]))


def shown(app: App, **changes: str) -> requests.Response:
    return app.http.get(
        app.url("auth/authorize/"), params={**ASKED, **changes}, allow_redirects=False, timeout=10
    )


def decided(app: App, fields: list[tuple[str, str]]) -> requests.Response:
    return app.http.post(app.url("auth/authorize/"), data=fields, allow_redirects=False, timeout=10)


def redirected(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302
    location = answer.headers["location"]
    assert location.startswith(REDIRECT + "?")
    return {
        name: values[0] for name, values in parse_qs(urlsplit(location).query, strict_parsing=True).items()
    }


def test_the_page_shows_accounts_and_scopes_without_script_and_fits_a_phone(app: App) -> None:
    answer = shown(app)
    form = Form(answer.text)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert 'name="viewport"' in answer.text
    assert "script" not in form.tags
    assert len(form.options) == 12
    assert [value for name, value in form.fields if name == "scopes"] == ASKED["scope"].split(",")


def test_the_form_sent_as_it_stands_grants_everything_that_was_asked(app: App) -> None:
    form = Form(shown(app, account="5").text)
    answer = decided(app, [*form.fields, ("decision", "allow")])
    back = redirected(answer)
    assert back["state"] == ASKED["state"]
    assert back["scopes"] == ASKED["scope"]
    assert "%2A" in answer.headers["location"]
    assert "%21" in answer.headers["location"]
    tokens = app.exchange(back["code"]).json()
    assert tokens["open_id"] == app.sandbox.accounts()[5]["open_id"]
    assert tokens["scope"] == ASKED["scope"]


def test_a_box_left_empty_is_a_scope_not_granted(app: App) -> None:
    form = Form(shown(app).text)
    fields = [field for field in form.fields if field != ("scopes", "video.list")]
    back = redirected(decided(app, [*fields, ("decision", "allow")]))
    assert back["scopes"] == "user.info.basic,user.info.stats"


def test_declining_returns_an_error_and_the_state(app: App) -> None:
    form = Form(shown(app).text)
    back = redirected(decided(app, [*form.fields, ("decision", "deny")]))
    assert back["error"] == "access_denied"
    assert back["error_description"]
    assert back["state"] == ASKED["state"]
    assert "code" not in back


def test_a_machine_may_post_without_the_page(app: App) -> None:
    open_id = app.sandbox.accounts()[1]["open_id"]
    back = redirected(decided(app, [*ASKED.items(), ("account", open_id), ("decision", "allow")]))
    assert app.exchange(back["code"]).json()["open_id"] == open_id


def test_the_account_may_stand_in_the_address(app: App) -> None:
    answer = app.http.post(
        app.url("auth/authorize/"),
        params={**ASKED, "account": "3"},
        data={"decision": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    tokens = app.exchange(redirected(answer)["code"]).json()
    assert tokens["open_id"] == app.sandbox.accounts()[3]["open_id"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_key": "nobody"}, "client_key"),
        ({"client_key": ""}, "client_key"),
        ({"state": ""}, "state"),
        ({"redirect_uri": "http://example.org/callback"}, "redirect_uri"),
        ({"redirect_uri": "https://example.org/callback?next=1"}, "redirect_uri"),
        ({"redirect_uri": "https://example.org/callback#here"}, "redirect_uri"),
        ({"redirect_uri": "https://localhost@evil.example"}, "redirect_uri"),
        ({"redirect_uri": "/callback"}, "redirect_uri"),
        ({"redirect_uri": "https://example.org/" + "x" * 512}, "redirect_uri"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
        ({"redirect_uri": "https://[bad"}, "redirect_uri"),
        ({"account": "99"}, "account"),
    ],
)
def test_what_cannot_be_trusted_gets_a_page_and_no_redirect(
    app: App, changes: dict[str, str], told: str
) -> None:
    answer = shown(app, **changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert told in answer.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "user.info.basic,video.upload"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "user.info.basic video.list"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge": "a" * 64, "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_other_mistakes_are_told_to_the_app(app: App, changes: dict[str, str], error: str) -> None:
    back = redirected(shown(app, **changes))
    assert (back["error"], back["state"]) == (error, ASKED["state"])


@pytest.mark.parametrize(
    "redirect_uri", ["http://127.0.0.1:8000/x", "http://localhost/", "https://shop.example/connect/callback"]
)
def test_addresses_of_this_machine_and_https_are_registered(app: App, redirect_uri: str) -> None:
    assert shown(app, redirect_uri=redirect_uri).status_code == 200


def test_what_is_shown_is_escaped(app: App) -> None:
    page = shown(app, state='"><script>alert(1)</script>').text
    assert "<script>" not in page
    assert dict(Form(page).fields)["state"] == '"><script>alert(1)</script>'


def test_a_challenge_goes_from_the_page_to_the_token_endpoint(app: App) -> None:
    form = Form(shown(app, code_challenge="0" * 64, code_challenge_method="S256").text)
    code = redirected(decided(app, [*form.fields, ("decision", "allow")]))["code"]
    assert app.exchange(code).json()["error_description"] == "Code verifier or code challenge is invalid."


def test_a_browser_that_granted_before_is_sent_back_silently_unless_told_otherwise(app: App) -> None:
    form = Form(shown(app, account="4").text)
    back = redirected(decided(app, [*form.fields, ("decision", "allow")]))
    app.exchange(back["code"])
    silent = redirected(shown(app, account="7", disable_auto_auth="0"))
    tokens = app.exchange(silent["code"]).json()
    assert tokens["open_id"] == app.sandbox.accounts()[4]["open_id"]  # not the seventh: TikTok's trap
    assert shown(app, disable_auto_auth="1").status_code == 200
    assert re.search(r'value="0" selected', shown(app, disable_auto_auth="1").text)


def test_a_post_without_an_account_is_asked_for_one(app: App) -> None:
    answer = decided(app, [*ASKED.items(), ("decision", "allow")])
    assert answer.status_code == 400
    assert "choose the account" in answer.text
