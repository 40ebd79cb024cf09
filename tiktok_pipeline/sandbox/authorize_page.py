"""`/v2/auth/authorize/`: the page on which a person chooses an account, scopes, and grants or declines."""

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.envelope import HTML, Reply
from tiktok_pipeline.sandbox.settings import SandboxError
from tiktok_pipeline.sandbox.state import Sandbox

COOKIE = "sandbox_signed_in"

_SCOPE_TEXTS = {
    "user.info.basic": "Your profile: name and picture",
    "user.info.profile": "Your public profile: handle, bio, verification",
    "user.info.stats": "Your statistics: followers, likes, number of videos",
    "video.list": "Your public videos and their counters",
}
_CHALLENGE = re.compile(r"[A-Za-z0-9_\-]{43,128}")
_PASSED_ON = (
    "client_key", "scope", "response_type", "redirect_uri", "state",
    "code_challenge", "code_challenge_method",
)  # fmt: skip
_HEADERS = [
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
]


class _UntrustedError(Exception):
    """The request cannot be trusted with a redirect; a page tells the person."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A checked authorization request."""

    client_key: str
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    code_challenge: str | None

    def back(self, **answer: str) -> Reply:
        """Return the redirect to the app with an answer."""
        location = f"{self.redirect_uri}?{urlencode({**answer, 'state': self.state})}"
        return Reply(302, b"", HTML, [("location", location), *_HEADERS])


def authorize(sandbox: Sandbox, call: Call) -> Reply:
    """Answer the authorize address: GET shows the page, POST is the person's decision."""
    sent = call.form_pairs() if call.method == "POST" else []
    values = {**call.query(), **dict(sent)}
    try:
        asked = _asked(sandbox, values)
        if isinstance(asked, Reply):
            return asked
        if call.method == "POST":
            return _decided(sandbox, asked, values, [value for name, value in sent if name == "scopes"])
        if values.get("disable_auto_auth", "0") != "1" and (reply := _signed_in(sandbox, call, asked)):
            return reply
        return _page(sandbox, asked, values)
    except (_UntrustedError, SandboxError) as error:
        body = _document("Something went wrong", f"<h1>Something went wrong</h1><p>{escape(str(error))}</p>")
        return Reply(400, body, HTML, list(_HEADERS))


def _asked(sandbox: Sandbox, values: dict[str, str]) -> _Asked | Reply:
    """Return the checked request, or the redirect that says what is wrong with it."""
    client_key, redirect_uri = values.get("client_key", ""), values.get("redirect_uri", "")
    if client_key not in sandbox.settings.clients:
        raise _UntrustedError("client_key: this app is not known.")
    if not may_redirect_to(redirect_uri):
        raise _UntrustedError("redirect_uri: this address is not registered for the app.")
    if not values.get("state"):
        raise _UntrustedError("state: is missing.")
    scopes = tuple(dict.fromkeys(s.strip() for s in values.get("scope", "").split(",") if s.strip()))
    challenge = values.get("code_challenge") or None
    asked = _Asked(client_key, scopes, redirect_uri, values["state"], challenge)
    if values.get("response_type") != "code":
        return asked.back(error="unsupported_response_type", error_description="response_type must be code.")
    if not scopes or not set(scopes) <= set(sandbox.settings.app_scopes):
        return asked.back(error="invalid_scope", error_description="The app may not ask for these scopes.")
    method = values.get("code_challenge_method") or "S256"
    if challenge is not None and (method != "S256" or not _CHALLENGE.fullmatch(challenge)):
        return asked.back(error="invalid_request", error_description="code_challenge is malformed.")
    return asked


def may_redirect_to(redirect_uri: str) -> bool:
    """Return whether the sandbox takes an address as registered: http on this machine, https anywhere."""
    if not redirect_uri.isascii() or len(redirect_uri) >= 512 or "*" in redirect_uri:
        return False
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if (
        not host
        or parts.query
        or parts.fragment
        or "?" in redirect_uri
        or "#" in redirect_uri
        or parts.username
    ):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in {"localhost", "127.0.0.1"})


def _decided(sandbox: Sandbox, asked: _Asked, values: dict[str, str], ticked: list[str]) -> Reply:
    if values.get("decision", "allow") != "allow":
        return asked.back(error="access_denied", error_description="User denied the authorization request.")
    if not values.get("account"):
        raise _UntrustedError("account: choose the account that grants.")
    account = sandbox.index_of(values["account"])
    named = {scope.strip() for text in ticked for scope in text.split(",")} if ticked else set(asked.scopes)
    granted = tuple(scope for scope in asked.scopes if scope in named)
    return _granted(sandbox, asked, account, granted)


def _granted(sandbox: Sandbox, asked: _Asked, account: int, scopes: tuple[str, ...]) -> Reply:
    code = sandbox.tokens.issue_code(
        account, asked.client_key, scopes, asked.redirect_uri, asked.code_challenge
    )
    reply = asked.back(code=code, scopes=",".join(scopes))
    reply.headers.append(("set-cookie", f"{COOKIE}={account}; Path=/v2/auth/; HttpOnly; SameSite=Lax"))
    return reply


def _signed_in(sandbox: Sandbox, call: Call, asked: _Asked) -> Reply | None:
    """Return the silent grant of the account this browser used before, None when there is none."""
    match = re.search(rf"\b{COOKIE}=([0-9]{{1,9}})\b", call.header(b"cookie").decode("latin-1"))
    if match is None or int(match[1]) >= len(sandbox.world.accounts):
        return None
    account = int(match[1])
    if not sandbox.tokens.has_granted(account, asked.client_key, asked.scopes):
        return None
    return _granted(sandbox, asked, account, asked.scopes)


def _page(sandbox: Sandbox, asked: _Asked, values: dict[str, str]) -> Reply:
    chosen = sandbox.index_of(values["account"]) if values.get("account") else 0
    options = "".join(
        f'<option value="{account.index}"{" selected" if account.index == chosen else ""}>'
        f"{escape(account.display_name)} (@{escape(account.username)})</option>"
        for account in sandbox.world.accounts
    )
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(values[name])}">'
        for name in _PASSED_ON
        if values.get(name)
    )
    boxes = "".join(_scope_box(scope) for scope in asked.scopes)
    body = (
        f'<p class="brand">TikTok <small>sandbox</small></p><h1>Log in to {escape(asked.client_key)}</h1>'
        f'<form method="post" action="/v2/auth/authorize/">{hidden}'
        f'<label for="account">Account</label><select id="account" name="account">{options}</select>'
        f"<fieldset><legend>This app would like to see</legend>{boxes}</fieldset>"
        '<button name="decision" value="allow">Continue</button>'
        '<button name="decision" value="deny" class="quiet">Cancel</button></form>'
    )
    return Reply(200, _document("Log in", body), HTML, list(_HEADERS))


def _scope_box(scope: str) -> str:
    text = escape(_SCOPE_TEXTS.get(scope, scope))
    if scope == "user.info.basic":  # as with TikTok, this one cannot be withheld
        return (
            f'<label><input type="checkbox" checked disabled> {text}</label>'
            f'<input type="hidden" name="scopes" value="{scope}">'
        )
    return f'<label><input type="checkbox" name="scopes" value="{escape(scope)}" checked> {text}</label>'


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:24px;max-width:26rem}"
    "body{color:#161823;background:#fff}"
    "h1{font-size:1.4rem}.brand{font-weight:700}.brand small{color:#8a1538}"
    "label{display:block;padding:8px 0}fieldset{border:1px solid #ccc;border-radius:8px;margin:16px 0}"
    "select,button{width:100%;font:inherit;padding:12px;border-radius:8px;border:1px solid #999}"
    "select,button{box-sizing:border-box}"
    "button{background:#c4123f;color:#fff;border:0;margin-top:8px}.quiet{background:#eee;color:#161823}"
)


def _document(title: str, body: str) -> bytes:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} | TikTok sandbox</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    ).encode()
