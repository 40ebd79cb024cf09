"""The client of calling services against a real portal behind addresses that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tiktok_pipeline_client.api.client import ApiError, PipelineClient, Unreachable
from tiktok_pipeline_client.api.timeouts import timeout_for
from tiktok_pipeline_tests.integration.portal.api.conftest import MINE, OTHER, Api
from tiktok_pipeline_tests.integration.portal.api.faulty import Faulty

QUICK = {"*": (1.0, 1.0)}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def __init__(self) -> None:
        self.slept: list[float] = []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(api: Api) -> Iterator[tuple[Faulty, Faulty]]:
    """Two addresses of the portal."""
    api.portal.forget_attempts()
    with Faulty(api.portal.url) as first, Faulty(api.portal.url) as second:
        yield first, second


@pytest.fixture
def client(api: Api, both: tuple[Faulty, Faulty], clock: Clock) -> PipelineClient:
    return made(api, both, clock)


def made(
    api: Api, at: tuple[Faulty, ...], clock: Clock, service: str = "reader", **more: Any
) -> PipelineClient:
    name, secret = api.services[service]
    return PipelineClient(
        [one.url for one in at], name, secret, timeouts=QUICK, clock=clock, sleep=clock.sleep, **more
    )


def paths(of: Faulty) -> list[str]:
    return [path for _, path, _ in of.asked]


def test_it_reads_with_a_token_that_it_keeps(
    client: PipelineClient, both: tuple[Faulty, Faulty], clock: Clock
) -> None:
    stores = client.get("/stores")
    assert [store["store_code"] if "store_code" in store else store["code"] for store in stores.data] == [
        MINE,
        OTHER,
    ]
    assert stores.about["gaps"] >= 0
    assert stores.age is None or stores.age >= 0
    client.get("/stores", limit=1)
    asked = paths(both[0]) + paths(both[1])
    assert asked.count("/api/v1/token") == 1
    clock.now += 300
    client.get("/stores")
    assert (paths(both[0]) + paths(both[1])).count("/api/v1/token") == 2, "a token is renewed before it ends"


def test_all_pages_are_read(client: PipelineClient) -> None:
    assert len(list(client.pages("/stores", limit=1))) == 2


def test_what_did_not_change_is_not_sent_again(client: PipelineClient, api: Api) -> None:
    first = client.get(f"/accounts/{api.own}")
    again = client.get(f"/accounts/{api.own}")
    assert again.body == first.body
    assert again.etag == first.etag is not None


def test_instances_are_asked_in_turn(client: PipelineClient, both: tuple[Faulty, Faulty]) -> None:
    for _ in range(6):
        client.get("/stores")
    assert [paths(one).count("/api/v1/stores") for one in both] == [3, 3]


@pytest.mark.parametrize("mode", ["drop", "hang", "502", "503", "504"])
def test_an_instance_that_fails_is_left_for_another_and_let_alone(
    client: PipelineClient, both: tuple[Faulty, Faulty], clock: Clock, mode: str
) -> None:
    broken, good = both
    broken.mode = mode
    for _ in range(8):
        assert not client.get("/stores").is_stale
    assert [one.state for one in client.instances.all] == ["open", "closed"]
    asked = len(broken.asked)
    assert asked == 3, "after three failures in a row nobody asks it"
    clock.now += 16
    client.get("/stores")
    client.get("/stores")
    assert paths(broken)[asked:] == ["/health"], "its health is asked for first, by one"
    assert client.instances.all[0].state == "open"
    broken.mode = "fine"
    clock.now += 16
    for _ in range(4):
        client.get("/stores")
    assert [one.state for one in client.instances.all] == ["closed", "closed"]
    assert good.asked


def test_every_attempt_has_the_same_request_id(client: PipelineClient, both: tuple[Faulty, Faulty]) -> None:
    client.get("/stores")
    for one in both:
        one.asked.clear()
        one.next_is("503")
    client.get("/stores")
    ids = [said for one in both for _, _, said in one.asked]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0]


def test_a_limit_is_waited_for_and_opens_no_breaker(
    client: PipelineClient, both: tuple[Faulty, Faulty], clock: Clock
) -> None:
    client.get("/stores")
    clock.slept.clear()
    both[1].next_is("429")
    client.get("/stores")
    assert len(clock.slept) == 1
    assert clock.slept[0] >= 1, "as long as Retry-After says"
    assert [one.state for one in client.instances.all] == ["closed", "closed"]


def test_when_nobody_answers_the_last_good_answer_stands_in(
    client: PipelineClient, both: tuple[Faulty, Faulty], api: Api
) -> None:
    good = client.get("/stores")
    for one in both:
        one.mode = "drop"
    stale = client.get("/stores")
    assert stale.is_stale
    assert (stale.body, stale.kept_at) == (good.body, good.kept_at)
    with pytest.raises(Unreachable) as nothing:
        client.get(f"/accounts/{api.own}")
    assert api.services["reader"][1] not in str(nothing.value)
    for one in both:
        one.mode = "fine"


def test_a_token_that_ended_early_is_renewed_once(
    client: PipelineClient, both: tuple[Faulty, Faulty]
) -> None:
    client.get("/stores")
    assert client._token
    client._token = ("no.such.token", client._token[1])
    assert not client.get("/stores").is_stale
    assert (paths(both[0]) + paths(both[1])).count("/api/v1/token") == 2


def test_what_the_api_refuses_is_said_and_not_tried_again(
    client: PipelineClient, both: tuple[Faulty, Faulty], api: Api, clock: Clock
) -> None:
    client.get("/stores")
    before = len(both[0].asked) + len(both[1].asked)
    with pytest.raises(ApiError) as refused:
        client.get("/stores/no_such_store")
    assert refused.value.status == 404
    assert refused.value.request_id
    assert len(both[0].asked) + len(both[1].asked) == before + 1
    name = api.services["reader"][0]
    with pytest.raises(ApiError) as stranger:
        PipelineClient(both[0].url, name, "canary-secret", clock=clock, sleep=clock.sleep).get("/stores")
    assert stranger.value.status == 401
    assert "canary" not in str(stranger.value)


@pytest.mark.parametrize(("key", "times"), [(None, 1), ("one-order", 4)])
def test_only_what_is_safe_is_tried_again(
    client: PipelineClient, both: tuple[Faulty, Faulty], key: str | None, times: int
) -> None:
    client.get("/stores")
    for one in both:
        one.asked.clear()
        one.mode = "drop"
    client.instances.all[0]._most = client.instances.all[1]._most = 10
    with pytest.raises(Unreachable):
        client.post("/admin/sync", {"module": "all"}, idempotency_key=key)
    assert len(both[0].asked) + len(both[1].asked) == times


def test_time_outs_are_a_table() -> None:
    assert timeout_for("/token") == (2, 5)
    assert timeout_for("/stores/jakarta_01/daily") == (2, 20)
    assert timeout_for("/stores") == (2, 10)
    assert timeout_for("/stores", QUICK) == (1.0, 1.0)


def test_no_instance_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="give the address of a portal"):
        PipelineClient([], "crm", "secret")
