"""`POST /v2/oauth/token/` and `POST /v2/oauth/revoke/`."""

from typing import Any

from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.envelope import OAuthError, Reply, to_json
from tiktok_pipeline.sandbox.oauth import Issued
from tiktok_pipeline.sandbox.state import Sandbox

_MALFORMED = "The request parameters are malformed."


def token(sandbox: Sandbox, call: Call) -> Reply:
    """Answer a token request: flat JSON, whatever the grant. Raises OAuthError."""
    form = _form(call)
    client_key = _authenticated_client(sandbox, form)
    grant_type = form.get("grant_type", "")
    if grant_type == "client_credentials":
        answer = {"access_token": sandbox.tokens.client_token(), "expires_in": 7200, "token_type": "Bearer"}
        return _flat(sandbox, answer)
    if grant_type == "authorization_code":
        code, redirect_uri = form.get("code"), form.get("redirect_uri")
        if not code or not redirect_uri:
            raise OAuthError("invalid_request", _MALFORMED)
        call.account = sandbox.tokens.account_of_code(code)
        _refuse_by_fault(sandbox, call, grant_type)
        issued = sandbox.tokens.exchange(
            code, client_key, redirect_uri, form.get("code_verifier"), sandbox.settings.lifetimes
        )
        return _flat(sandbox, _token_answer(sandbox, call, issued))
    if grant_type == "refresh_token":
        refresh_token = form.get("refresh_token")
        if not refresh_token:
            raise OAuthError("invalid_request", _MALFORMED)
        call.account = sandbox.tokens.account_of_refresh_token(refresh_token)
        _refuse_by_fault(sandbox, call, grant_type)
        issued = sandbox.tokens.refresh(
            refresh_token,
            client_key,
            rotate=sandbox.settings.rotates_refresh_tokens,
            access_seconds=sandbox.settings.lifetimes[0],
        )
        return _flat(sandbox, _token_answer(sandbox, call, issued))
    if not grant_type:
        raise OAuthError("invalid_request", _MALFORMED)
    raise OAuthError("unsupported_grant_type", "Grant type is not supported.")


def revoke(sandbox: Sandbox, call: Call) -> Reply:
    """Answer a revocation: `{}`, and the app is disconnected from the account. Raises OAuthError."""
    form = _form(call)
    client_key = _authenticated_client(sandbox, form)
    access_token = form.get("token")
    if not access_token:
        raise OAuthError("invalid_request", _MALFORMED)
    grant = sandbox.tokens.access(access_token)
    call.account = grant.account if grant else None
    sandbox.tokens.revoke_access(access_token, client_key)
    return _flat(sandbox, {})


def account_of_form(sandbox: Sandbox, call: Call) -> int | None:
    """Return whose code or token a request to an OAuth endpoint holds, None when it cannot be told."""
    form = call.form()
    if "refresh_token" in form:
        return sandbox.tokens.account_of_refresh_token(form["refresh_token"])
    if "code" in form:
        return sandbox.tokens.account_of_code(form["code"])
    grant = sandbox.tokens.access(form.get("token", ""))
    return grant.account if grant else None


def _form(call: Call) -> dict[str, str]:
    if call.content_type() != "application/x-www-form-urlencoded":
        raise OAuthError(
            "invalid_request", "Only `application/x-www-form-urlencoded` is accepted as Content-Type."
        )
    return call.form()


def _authenticated_client(sandbox: Sandbox, form: dict[str, str]) -> str:
    """Return the client key of a form whose secret is right."""
    client_key, secret = form.get("client_key"), form.get("client_secret")
    if not client_key:
        raise OAuthError("invalid_request", "Client key is missed in request.")
    if not secret:
        raise OAuthError("invalid_request", "Client secret is missed in request.")
    if sandbox.settings.clients.get(client_key) != secret:
        raise OAuthError("invalid_client", "Client key or secret is incorrect.")
    return client_key


def _refuse_by_fault(sandbox: Sandbox, call: Call, grant_type: str) -> None:
    """Raise the OAuthError that a fault asks for; the token stays as it was."""
    for rule in sandbox.faults.candidates("oauth_error"):
        if rule.grant_type in (None, grant_type) and sandbox.faults.fires(rule, call.endpoint, call.account):
            raise OAuthError(rule.error, rule.description, status=rule.status)
    if sandbox.faults.pick("invalid_client", call.endpoint, call.account):
        raise OAuthError("invalid_client", "Client key or secret is incorrect.")
    if grant_type == "refresh_token" and sandbox.faults.pick(
        "dead_refresh_token", call.endpoint, call.account
    ):
        raise OAuthError("invalid_grant", "Refresh token is invalid or expired.")


def _token_answer(sandbox: Sandbox, call: Call, issued: Issued) -> dict[str, Any]:
    grant = issued.grant
    answer: dict[str, Any] = {
        "access_token": issued.access_token,
        "expires_in": issued.expires_in,
        "open_id": sandbox.open_id(grant.account, grant.client_key),
        "refresh_expires_in": issued.refresh_expires_in,
        "refresh_token": grant.refresh_token,
        "scope": ",".join(grant.scopes),
        "token_type": "Bearer",
    }
    for rule in sandbox.faults.picked("token_answer", call.endpoint, grant.account):
        answer.update(rule.replace)
        for name in rule.remove:
            answer.pop(name, None)
    return answer


def _flat(sandbox: Sandbox, answer: dict[str, Any]) -> Reply:
    return Reply(200, to_json(answer), log_id=sandbox.log_id())
