"""An API with a day of two stores behind it, as the sandbox served it, and services that call."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tiktok_pipeline.history.rebuild import derived_tables
from tiktok_pipeline.hub.services import add_service
from tiktok_pipeline.portal.api.tokens import Tokens
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.integration.portal.conftest import Portal

MINE, OTHER = "store_000", "store_001"


@dataclass
class Api:
    """The API of a portal; `own` and `others` are the accounts of the two stores."""

    portal: Portal
    day: dt.date
    own: int
    others: int
    services: dict[str, tuple[str, str]]

    def token(self, service: str = "reader", **form: str) -> requests.Response:
        """The answer of the token endpoint."""
        name, secret = self.services[service]
        return self.portal.post(
            "/api/v1/token",
            data={"grant_type": "client_credentials", "client_id": name, "client_secret": secret, **form},
        )

    def get(self, path: str, service: str | None = "reader", **headers: str) -> requests.Response:
        """The answer to a service with a token of its own; without one, to nobody."""
        if service is not None:
            headers |= self.authorization(service)
        return self.portal.get(f"/api/v1{path}", headers=headers)

    def post(
        self, path: str, service: str | None, body: dict[str, Any] | None = None, **headers: str
    ) -> requests.Response:
        """The answer to JSON that a service sends; to nobody's without one."""
        said = {**(self.authorization(service) if service is not None else {}), **headers}
        return self.portal.post(f"/api/v1{path}", json=body, headers=said)

    def authorization(self, service: str) -> dict[str, str]:
        """The header with a token of a service."""
        return {"Authorization": f"Bearer {self.token_of(service)}"}

    def data(self, path: str, service: str = "reader") -> Any:
        """What a good answer holds."""
        answer = self.get(path, service)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def changed(self) -> None:
        """Let what is kept be no longer current, as when a report is derived."""
        [row] = rows(self.portal.warehouse, "select ops.data_changed() as version")
        deadline = time.monotonic() + 10
        while self.portal.context.data.now < row["version"]:
            assert time.monotonic() < deadline, "the portal did not learn of the change"
            time.sleep(0.005)

    def of(self, portal: Portal) -> Api:
        """The same data and services, asked at another portal."""
        return dataclasses.replace(self, portal=portal)

    def token_of(self, service: str) -> str:
        """A token of a service, made as the endpoint makes it, without its limit of attempts."""
        name, _ = self.services[service]
        scopes, stores = SERVICES[service]
        context = self.portal.context
        return Tokens(context.secret, context.settings.portal_url).issue(name, scopes, stores)


SERVICES: dict[str, tuple[tuple[Any, ...], tuple[str, ...] | None]] = {
    "reader": (("read",), None),
    "scoped": (("read",), (MINE,)),
    "syncer": (("sync",), None),
    "scoped_syncer": (("sync",), (MINE,)),
    "administrator": (("read", "sync", "admin"), None),
}


@pytest.fixture(scope="module")
def api(portal: Portal) -> Api:
    pipeline = Pipeline(portal.warehouse, portal.sandbox, portal.settings.keys_file)
    own, others = pipeline.connect(2)
    for endpoint in ("user_info", "video_list"):
        pipeline.capture(endpoint)
    day = pipeline.ledger().today()
    for table in derived_tables(portal.warehouse):
        derive(portal.warehouse, table, day - dt.timedelta(days=1), day)
    services = {
        name: (name, add_service(portal.warehouse, name, scopes, stores))
        for name, (scopes, stores) in SERVICES.items()
    }
    return Api(portal, day, own, others, services)
