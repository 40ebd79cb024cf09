import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tiktok_pipeline.sandbox import SandboxError
from tiktok_pipeline.sandbox.objects import USER_FIELDS, VIDEO_FIELDS
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline_tests.integration.sandbox.calling import App


def test_health_is_ok(app: App) -> None:
    answer = app.http.get(f"{app.sandbox.base_url}/sandbox/health", timeout=10).json()
    assert answer["status"] == "ok"
    assert datetime.fromisoformat(answer["now"]).tzinfo is not None


def test_accounts_are_listed_with_what_they_have(app: App) -> None:
    accounts = app.sandbox.accounts()
    assert [account["index"] for account in accounts] == list(range(12))
    assert set(accounts[0]) == {"index", "open_id", "union_id", "display_name", "username", "video_count"}
    token = app.connected(3)
    assert app.info(token, "video_count").json()["data"]["user"]["video_count"] == accounts[3]["video_count"]
    assert len(app.videos(token)) == accounts[3]["video_count"]


def test_history_is_what_was_served_at_that_moment(app: App, big: int) -> None:
    app.sandbox.set_clock(now="2026-11-10T19:00:00Z")
    token = app.connected(big)
    videos = app.videos(token, fields=",".join(VIDEO_FIELDS))
    user = app.info(token, ",".join(USER_FIELDS)).json()["data"]["user"]
    app.sandbox.set_clock()
    past = app.sandbox.history(
        big, "2026-11-11", tz="Asia/Jakarta"
    )  # 02:00 there is 19:00 UTC the day before
    assert past["videos"] == videos
    del user["profile_deep_link"], past["user"]["profile_deep_link"]
    assert past["user"] == user


def test_history_takes_an_open_id_and_a_moment(app: App, big: int) -> None:
    open_id = app.sandbox.accounts()[big]["open_id"]
    by_day = app.sandbox.history(open_id, "2026-10-01")
    assert by_day == app.sandbox.history(big, at=datetime(2026, 10, 1, 2, tzinfo=UTC))
    assert by_day["user"]["open_id"] == open_id


def test_history_is_not_touched_by_faults(app: App, big: int) -> None:
    truth = app.sandbox.history(big, "2026-10-01")
    app.sandbox.set_faults(hidden_videos={"fraction": 1.0}, counters={"value": "null"}, internal_error=True)
    assert app.sandbox.history(big, "2026-10-01") == truth


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("account=99&day=2026-11-01", "no account '99'"),
        ("account=0", "needs a day"),
        ("account=0&day=yesterday", "yesterday"),
        ("account=0&day=2026-11-01&tz=Mars/Base", "Mars/Base"),
        ("account=0&at=2026-11-01T02:00:00", "no time zone"),
        ("day=2026-11-01", "account"),
    ],
)
def test_a_wrong_history_request_is_told_what_is_wrong(app: App, query: str, told: str) -> None:
    answer = app.http.get(f"{app.sandbox.base_url}/sandbox/history?{query}", timeout=10)
    assert answer.status_code == 422
    assert told in answer.json()["error"]


def test_the_clock_is_moved_by_an_offset_or_to_a_moment(sandbox: SandboxProcess) -> None:
    sandbox.set_clock(offset_seconds=-86_400)
    assert abs(sandbox.now() - datetime.now(tz=UTC) + timedelta(days=1)) < timedelta(seconds=5)
    sandbox.set_clock(now=datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert timedelta(0) <= sandbox.now() - datetime(2027, 3, 1, 12, tzinfo=UTC) < timedelta(seconds=5)
    sandbox.set_clock()
    assert abs(sandbox.now() - datetime.now(tz=UTC)) < timedelta(seconds=5)
    with pytest.raises(SandboxError, match="time zone"):
        sandbox.set_clock(now="2027-03-01T12:00:00")


def test_requests_are_counted_and_logged(app: App, big: int) -> None:
    token = app.connected(big)
    app.sandbox.reset_requests()
    cursor = app.page(token).json()["data"]["cursor"]
    app.page(token, {"cursor": cursor})
    app.info("act.wrong")
    report = app.sandbox.requests(log=True)
    assert report["total"] == 3
    assert report["endpoints"]["video/list"]["statuses"] == {"200": 2}
    assert report["endpoints"]["video/list"]["first"] < report["endpoints"]["video/list"]["last"]
    open_id = app.sandbox.accounts()[big]["open_id"]
    told = [
        (line["method"], line["endpoint"], line["open_id"], line["status"], line["cursor"])
        for line in report["log"]
    ]
    assert told == [
        ("POST", "video/list", open_id, 200, None),
        ("POST", "video/list", open_id, 200, cursor),
        ("GET", "user/info", None, 401, None),
    ]
    app.sandbox.reset_requests()
    assert app.sandbox.requests() == {"total": 0, "endpoints": {}}


def test_refreshes_are_logged_with_their_account(app: App) -> None:
    tokens = app.sandbox.connect(2)
    app.refresh(tokens["refresh_token"])
    line = app.sandbox.requests(log=True)["log"][-1]
    assert (line["endpoint"], line["open_id"], line["status"]) == ("oauth/token", tokens["open_id"], 200)


def test_faults_are_shown_replaced_added_to_and_ended(app: App, sandbox: SandboxProcess) -> None:
    def switched_on() -> dict[str, object]:
        whole = app.http.get(f"{sandbox.base_url}/sandbox/faults", timeout=10).json()
        return {kind: rules for kind, rules in whole.items() if rules}

    sandbox.set_faults(slow={"delay_ms": 1}, internal_error=True)
    assert set(switched_on()) == {"slow", "internal_error"}
    sandbox.add_faults(internal_error=False, html_error=[{"status": 502}, {"status": 504}])
    assert set(switched_on()) == {"slow", "html_error"}
    sandbox.set_faults(empty_body=True)
    assert set(switched_on()) == {"empty_body"}
    sandbox.clear_faults()
    assert switched_on() == {}


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"no_such_fault": True}, "no_such_fault"),
        ({"slow": {"delay": 5}}, "slow.0.delay"),
        ({"slow": {"endpoint": "video/lists"}}, "slow.0.endpoint"),
        ({"internal_error": {"probability": 2}}, "probability"),
        ({"internal_error": {"accounts": [99]}}, "no account '99'"),
    ],
)
def test_wrong_faults_are_refused_with_the_reason(
    sandbox: SandboxProcess, faults: dict[str, object], told: str
) -> None:
    with pytest.raises(SandboxError, match=told):
        sandbox.set_faults(**faults)


def test_settings_change_while_running_but_the_world_does_not(sandbox: SandboxProcess) -> None:
    sandbox.configure(limit=5)
    with pytest.raises(SandboxError, match="accounts cannot change"):
        sandbox.configure(accounts=5)
    with pytest.raises(SandboxError, match="token_regime"):
        sandbox.configure(token_regime="loose")


def test_expiring_kills_access_tokens_only(app: App) -> None:
    tokens = app.sandbox.connect(2)
    app.sandbox.expire(tokens["open_id"])
    assert app.info(tokens["access_token"]).status_code == 401
    assert app.info(app.refresh(tokens["refresh_token"]).json()["access_token"]).status_code == 200


def test_authorizing_checks_what_it_is_asked(sandbox: SandboxProcess) -> None:
    with pytest.raises(SandboxError, match="no account '12'"):
        sandbox.authorize(12)
    with pytest.raises(SandboxError, match=r"video\.upload"):
        sandbox.authorize(1, ["video.upload"])
    with pytest.raises(SandboxError, match="no app 'x'"):
        sandbox.authorize(1, client_key="x")


class Receiver(BaseHTTPRequestHandler):
    """Keeps what was posted to it."""

    got: list[tuple[bytes, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).got.append((body, self.headers["TikTok-Signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    Receiver.got = []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhook", Receiver.got
    server.shutdown()
    server.server_close()


def signed(body: bytes, header: str, secret: str = "sandbox-client-secret") -> tuple[bool, float]:
    """Return whether a signature is right, and how old it is."""
    moment, given = (part.partition("=")[2] for part in header.split(","))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return digest == given, time.time() - int(moment)


def test_a_webhook_says_that_the_authorization_is_gone(
    sandbox: SandboxProcess, receiver: tuple[str, list[tuple[bytes, str]]]
) -> None:
    url, got = receiver
    sent = sandbox.webhook(url, 3, reason=4, times=2)
    assert sent["answers"] == [{"status": 200}, {"status": 200}]
    assert got[0] == got[1]
    body, header = got[0]
    event = json.loads(body)
    assert event["event"] == "authorization.removed"
    assert event["client_key"] == "sandbox-client-key"
    assert event["user_openid"] == sandbox.accounts()[3]["open_id"]
    assert json.loads(event["content"]) == {"reason": 4}
    right, age = signed(body, header)
    assert right
    assert age < 10


def test_a_webhooks_signature_can_be_wrong_or_old(
    sandbox: SandboxProcess, receiver: tuple[str, list[tuple[bytes, str]]]
) -> None:
    url, got = receiver
    sandbox.webhook(url, 3, signature="wrong")
    sandbox.webhook(url, 3, signature="old")
    assert not signed(*got[0])[0]
    right, age = signed(*got[1])
    assert right
    assert age > 3600


def test_a_webhook_to_nobody_says_so(sandbox: SandboxProcess) -> None:
    answer = sandbox.webhook("http://127.0.0.1:9/", 3)["answers"][0]
    assert answer["status"] is None
    assert answer["error"]
