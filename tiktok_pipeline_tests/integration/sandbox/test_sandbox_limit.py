import time

from tiktok_pipeline_tests.integration.sandbox.calling import App


def test_one_request_too_many_is_refused_without_retry_after(app: App) -> None:
    tokens = [app.connected(index) for index in (1, 2)]
    app.sandbox.configure(limit=6, window_seconds=60)
    statuses = [app.info(tokens[n % 2]).status_code for n in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    answer = app.info(tokens[0])
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert "retry-after" not in answer.headers


def test_each_endpoint_and_each_app_has_a_limit_of_its_own(app: App) -> None:
    token = app.connected(1)
    code = app.sandbox.authorize(1, client_key="other-key")
    other = app.exchange(code, client_key="other-key", client_secret="other-secret").json()["access_token"]
    app.sandbox.configure(limit=1, window_seconds=60)
    assert app.info(token).status_code == 200
    assert app.info(token).status_code == 429
    assert app.page(token).status_code == 200
    assert app.query(token, {"filters": {"video_ids": ["1"]}}).status_code == 200
    assert app.info(other).status_code == 200


def test_the_window_slides(app: App) -> None:
    token = app.connected(1)
    app.sandbox.configure(limit=2, window_seconds=0.6)
    started = time.monotonic()
    assert app.info(token).status_code == 200
    time.sleep(0.3)
    assert app.info(token).status_code == 200
    assert app.info(token).status_code == 429
    time.sleep(max(0.0, started + 0.65 - time.monotonic()))
    assert app.info(token).status_code == 200  # the first has left the window, the second not yet
    assert app.info(token).status_code == 429


def test_oauth_has_no_limit(app: App) -> None:
    app.sandbox.configure(limit=1)
    assert [app.refresh("x").status_code for _ in range(5)] == [200] * 5


def test_retry_after_can_be_switched_on(app: App) -> None:
    token = app.connected(1)
    app.sandbox.configure(limit=1, retry_after="7")
    app.info(token)
    assert app.info(token).headers["retry-after"] == "7"


def test_the_fullest_window_counts_what_was_refused_too(app: App) -> None:
    token = app.connected(1)
    app.sandbox.configure(limit=3)
    for _ in range(5):
        app.info(token)
    seen = app.sandbox.requests()["endpoints"]["user/info"]
    assert (seen["count"], seen["max_in_window"], seen["rate_limited"]) == (5, 5, 2)
    assert seen["statuses"] == {"200": 3, "429": 2}
