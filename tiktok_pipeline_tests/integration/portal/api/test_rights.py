"""Who may read what over the API: tokens for secrets, scopes, and stores that others do not even know of."""

from __future__ import annotations

import pytest
import requests

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.services import add_service, list_services, revoke_service, rotate_service
from tiktok_pipeline_tests.integration.portal.api.conftest import MINE, OTHER, Api

CREDENTIALS = {"grant_type": "client_credentials"}


def test_a_service_gets_a_token_for_its_secret_and_reads_with_it(api: Api) -> None:
    answer = api.token()
    assert answer.status_code == 200
    said = answer.json()
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 300, "read")
    assert answer.headers["Cache-Control"] == "no-store"
    read = api.portal.get("/api/v1/stores", headers={"Authorization": f"Bearer {said['access_token']}"})
    assert read.status_code == 200
    basic = api.portal.post("/api/v1/token", data=CREDENTIALS, auth=api.services["reader"])
    assert basic.status_code == 200


def test_a_token_may_be_asked_for_with_less(api: Api) -> None:
    said = api.token("administrator", scope="read").json()
    assert said["scope"] == "read"
    refused = api.token("reader", scope="admin")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_a_wrong_secret_gets_nothing_and_not_for_long(api: Api) -> None:
    api.portal.forget_attempts()
    form = {**CREDENTIALS, "client_id": "reader", "client_secret": "guess"}
    answers = [api.portal.post("/api/v1/token", data=form) for _ in range(12)]
    assert {answer.status_code for answer in answers[:10]} == {401}
    assert answers[0].json()["error"] == "invalid_client"
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    api.portal.forget_attempts()


def test_an_old_secret_is_good_for_the_overlap_and_a_revoked_service_gets_nothing(api: Api) -> None:
    warehouse = api.portal.warehouse
    old = add_service(warehouse, "rotated", ["read"])

    def status(secret: str) -> int:
        form = {**CREDENTIALS, "client_id": "rotated", "client_secret": secret}
        return api.portal.post("/api/v1/token", data=form).status_code

    new = rotate_service(warehouse, "rotated", overlap_minutes=5)
    assert (status(old), status(new)) == (200, 200)
    newest = rotate_service(warehouse, "rotated", overlap_minutes=0)
    assert (status(old), status(new), status(newest)) == (401, 401, 200)
    revoke_service(warehouse, "rotated")
    assert status(newest) == 401
    api.portal.forget_attempts()
    [rotated] = [one for one in list_services(warehouse) if one.name == "rotated"]
    assert rotated.revoked_at is not None
    with pytest.raises(PipelineError, match="revoked"):
        rotate_service(warehouse, "rotated", 0)
    with pytest.raises(PipelineError, match="exists already"):
        add_service(warehouse, "rotated", ["read"])


@pytest.mark.parametrize(
    ("scopes", "stores", "words"),
    [(["root"], None, "root"), ([], None, "missing"), (["read"], ["no_such"], "no_such")],
)
def test_a_service_that_cannot_be_is_refused(
    api: Api, scopes: list[str], stores: list[str] | None, words: str
) -> None:
    with pytest.raises(PipelineError, match=words):
        add_service(api.portal.warehouse, "impossible", scopes, stores)
    assert "impossible" not in {one.name for one in list_services(api.portal.warehouse)}


def every_path(api: Api) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Every readable path of the OpenAPI document: its values of the caller's store, and of the other's."""
    video = {
        account: api.data(f"/accounts/{account}/videos", "administrator")[0]["video_id"]
        for account in (api.own, api.others)
    }
    mine = {"code": MINE, "account": str(api.own), "video": video[api.own]}
    other = {"code": OTHER, "account": str(api.others), "video": video[api.others]}
    document = api.portal.get("/api/v1/openapi.json").json()
    readable = [path for path, methods in document["paths"].items() if "get" in methods]
    return {path: (mine, other) for path in readable if path not in PUBLIC and not administers(path)}


PUBLIC = {"/health", "/ready"}


def administers(path: str) -> bool:
    """Whether a path is for administrators."""
    return path.startswith("/admin/") or path == "/health/detailed"


MISSING = {"code": "no_such_store", "account": "987654321", "video": "1"}


def test_every_path_shows_a_scoped_caller_its_own_and_hides_that_others_exist(api: Api) -> None:
    paths = every_path(api)
    assert len(paths) >= 6
    for path, (mine, other) in paths.items():
        assert api.get(path.format(**mine), "scoped").status_code == 200, path
        if "{" not in path:
            continue
        others, missing = (api.get(path.format(**values), "scoped") for values in (other, MISSING))
        assert (others.status_code, missing.status_code) == (404, 404), path
        assert _but_id(others.json()) == _but_id(missing.json()), path


def test_every_path_of_the_administration_is_closed_to_readers_and_to_nobody_at_all(api: Api) -> None:
    document = api.portal.get("/api/v1/openapi.json").json()
    found = [
        (path.format(job_id="00000000-0000-0000-0000-000000000000"), method)
        for path, methods in document["paths"].items()
        for method in methods
        if administers(path)
    ]
    assert len(found) >= 12
    for path, method in found:
        url = f"{api.portal.url}/api/v1{path}"
        reader = requests.request(method, url, headers=api.authorization("reader"), json={}, timeout=30)
        nobody = requests.request(method, url, json={}, timeout=30)
        assert (reader.status_code, nobody.status_code) == (403, 401), (method, path)


def test_lists_hold_nothing_of_other_stores(api: Api) -> None:
    assert [store["store_code"] for store in api.data("/stores", "scoped")] == [MINE]
    assert api.get(f"/gaps?store={OTHER}", "scoped").status_code == 404


def test_every_path_needs_a_token_with_its_scope(api: Api) -> None:
    for path, (mine, _) in every_path(api).items():
        nobody = api.get(path.format(**mine), None)
        assert nobody.status_code == 401, path
        assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
        lacking = api.get(path.format(**mine), "syncer")
        assert lacking.status_code == 403, path
        assert 'scope="read"' in lacking.headers["WWW-Authenticate"]


def test_errors_of_the_guard_are_problems_too(api: Api) -> None:
    answer = api.portal.get("/api/v1/stores", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert api.portal.get("/elsewhere").headers["Content-Type"].startswith("text/html")
    assert api.get("/no/such/path").json()["status"] == 404


def _but_id(problem: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in problem.items() if name != "request_id"}
