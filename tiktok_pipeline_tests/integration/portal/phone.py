"""A person with a phone: opens a link, presses the button, decides at TikTok, and comes back."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests

from tiktok_pipeline_tests.integration.portal.conftest import Portal

TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
STATE = re.compile(r'name="state" value="([^"]*)"')


class Phone:
    """One browser with its cookies. Redirects are not followed, unless a method says so."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, address: str, **headers: str) -> requests.Response:
        """The page at `address`, a path of the portal or a whole address."""
        whole = address if address.startswith("http") else self.portal.url + address
        return self.session.get(
            whole,
            timeout=30,
            allow_redirects=False,
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        )

    def press(self, page: requests.Response, path: str | None = None) -> requests.Response:
        """What comes after pressing the button of `page`."""
        token, state = TOKEN.search(page.text), STATE.search(page.text)
        assert token, page.text
        target = re.search(r'<form method="post" action="([^"]*)"', page.text)
        assert target
        address = self.portal.url + target[1] if target[1] else page.url
        form = {"token": token[1]} | ({"state": state[1]} if state else {})
        return self.session.post(address, data=form, timeout=30, allow_redirects=False)

    def start_here(self, refused: requests.Response) -> str:
        """Start again where TikTok's app has brought the person; the address at TikTok."""
        page = self.press(refused)
        assert page.status_code == 200, page.text
        target = re.search(r'<a class="button large" href="([^"]*)"', page.text)
        assert target
        return html.unescape(target[1])

    def start(self, link: str) -> str:
        """Open a link and press its button; the address at TikTok."""
        answer = self.press(self.get(path_of(link)))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def decide(
        self, address: str, account: int = 0, scopes: Sequence[str] | None = None, decision: str = "allow"
    ) -> str:
        """Decide at TikTok, reached by `address`; the callback's address, not yet opened."""
        form = [*parse_qsl(urlsplit(address).query), ("account", str(account)), ("decision", decision)]
        form += [("scopes", ",".join(scopes))] if scopes is not None else []
        answer = requests.post(address.partition("?")[0], data=form, timeout=30, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        back = answer.headers["location"]
        return self.portal.url + urlsplit(back).path + "?" + urlsplit(back).query

    def come_back(self, callback: str) -> requests.Response:
        """The page that a person sees after coming back; redirects within the portal are followed."""
        answer = self.get(callback)
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/")
            answer = self.get(answer.headers["location"])
        return answer

    def connect(
        self, link: str, account: int = 0, scopes: Sequence[str] | None = None, decision: str = "allow"
    ) -> requests.Response:
        """The whole way; the page at its end."""
        return self.come_back(self.decide(self.start(link), account, scopes, decision))


def path_of(url: str) -> str:
    """The path of a link, whose host is the portal's."""
    return urlsplit(url).path


def state_of(address: str) -> str:
    """The state in an address at TikTok or of the callback."""
    [state] = parse_qs(urlsplit(address).query)["state"]
    return state


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
