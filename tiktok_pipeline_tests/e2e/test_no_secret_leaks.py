"""The leak hunt: every secret is a marked one, everything that can go wrong does, and then none of them is found.

Looked through: every table of our database and of Dagster's, every file of the data folder (its logs and Dagster's
home among them), what every command said, and every answer of the portal. A cookie may stand in the header that sets
it. A connect link opens the way to a store's account, so it counts as a secret too: it may stand in the bodies of
`ops.outbox`, in the answer of whoever asked for it (the page after the button, `store link`, the CSV of
`reconnect --all`, `alerts list`), and nowhere else.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import signal
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import quote, quote_plus

import dagster as dg
import psycopg
import pyotp
import pytest
import requests
from sqlalchemy.engine import make_url

from tiktok_pipeline.defs.resources import ConnectLinksResource, WarehouseResource
from tiktok_pipeline.defs.sensors.reconnect import reconnect
from tiktok_pipeline.portal.operator.password import password_hash
from tiktok_pipeline.runtime.database import libpq_url
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.vault.ringfile import make_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.e2e.leaks import files, forms, leaks, tables
from tiktok_pipeline_tests.integration.cli.conftest import Answer, clean_environment, command, run_command
from tiktok_pipeline_tests.integration.portal.conftest import Operator, Portal
from tiktok_pipeline_tests.integration.portal.phone import Phone, state_of, wait_until

LINK = re.compile(r'value="(http://[^"]*/connect/[^"]*)"')
CODES = {"grant_type": "authorization_code", "times": 1}


def marked(name: str) -> str:
    """A secret that is nowhere else, with signs that encodings change."""
    return f"{name}/{secrets.token_urlsafe(18)}+%&=?"


@dataclass
class Hunt:
    """The installation, its secrets by name, and the places where they are looked for."""

    folder: Path
    sandbox: SandboxProcess
    database_url: str
    secrets: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, bytes] = field(default_factory=dict)
    cookies: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=dict)  # by commands
    answers: dict[str, bytes] = field(default_factory=dict)  # by the portal
    asked: set[str] = field(default_factory=set)  # places that were asked for a link
    cookie_headers: bytes = b""

    def __post_init__(self) -> None:
        keys, portal_secret = self.folder / "given" / "keys.json", self.folder / "given" / "portal_secret"
        make_key_ring(keys)
        portal_secret.touch(0o600)
        portal_secret.write_text(self.new("portal secret"))
        self.password, self.totp = self.new("operator password"), pyotp.random_base32()
        hashed = password_hash(self.password)
        port = free_port()
        self.url, self.data = f"http://127.0.0.1:{port}", self.folder / "data"
        self.settings = {
            "DATA_DIR": str(self.data),
            "DATABASE_URL": self.database_url,
            "ENCRYPTION_KEYS_FILE": str(keys),
            "ENVIRONMENT": "test",
            "LOG_LEVEL": "DEBUG",
            "OPERATOR_PASSWORD_HASH": hashed,
            "OPERATOR_TOTP_SECRET": self.totp,
            "PORTAL_SECRET_FILE": str(portal_secret),
            "PORTAL_URL": self.url,
            "TIKTOK_API_BASE_URL": self.sandbox.base_url,
            "TIKTOK_AUTHORIZE_URL": f"{self.sandbox.base_url}/v2/auth/authorize/",
            "TIKTOK_CLIENT_KEY": self.sandbox.client_key,
            "TIKTOK_CLIENT_SECRET": self.sandbox.client_secret,
            "TIKTOK_PKCE": "hex",
            "TIKTOK_REDIRECT_URI": f"{self.url}/auth/callback",
        }
        self.secrets |= {
            "client secret": self.sandbox.client_secret.encode(),
            "password hash": hashed.encode(),
            "totp secret": self.totp.encode(),
        }
        self.learn_keys()

    def new(self, name: str) -> str:
        """A new secret of this name."""
        self.secrets[name] = marked("hunted").encode()
        return self.secrets[name].decode()

    def learn_keys(self) -> None:
        """Remember every key of the ring as it is now."""
        ring = json.loads(Path(self.settings["ENCRYPTION_KEYS_FILE"]).read_text())
        self.secrets |= {f"key {name}": base64.b64decode(key) for name, key in ring["keys"].items()}

    def link(self, url: str) -> str:
        """The link, remembered: the whole of its text, and its random part."""
        text = url.rpartition("/")[2]
        self.links[f"link {len(self.links)}"] = text.encode()
        self.links[f"link {len(self.links)}"] = text.partition(".")[0].encode()
        return url

    def remember(self, answer: requests.Response, *_: object, **__: object) -> None:
        """Keep an answer of the portal, and the cookies it sets."""
        if not answer.url.startswith(self.url):
            return
        place = f"answer {len(self.answers)}: {answer.request.method} {answer.status_code}"
        if (answer.request.path_url or "").endswith("/link"):
            self.asked.add(place)
        for cookie in answer.cookies:
            if cookie.value:
                self.cookies[f"cookie {cookie.name} {len(self.cookies)}"] = cookie.value.strip('"').encode()
        shown = [f"{name}: {value}" for name, value in answer.headers.items() if name.lower() != "set-cookie"]
        self.cookie_headers += answer.headers.get("set-cookie", "").encode()
        self.answers[place] = "\n".join(shown).encode() + answer.content

    def phone(self) -> Phone:
        """A store's manager, whose answers are kept."""
        phone = Phone(cast(Portal, SimpleNamespace(url=self.url)))
        phone.session.hooks["response"] = [self.remember]
        return phone

    def at_tiktok(self, phone: Phone, link: str) -> str:
        """Press a link's button; the address at TikTok."""
        address = phone.start(link)
        self.states[f"state {len(self.states)}"] = state_of(address).encode()
        return address

    def connects(self, link: str, account: int, decision: str = "allow") -> str:
        """Go the whole way; the text of the page at its end."""
        phone = self.phone()
        return phone.come_back(phone.decide(self.at_tiktok(phone, link), account, decision=decision)).text

    def says(self, *words: str, asked_for_links: bool = False, **settings: str) -> Answer:
        """Run a command."""
        answer = run_command(self.folder, *words, **{**self.settings, **settings})
        place = f"{' '.join(words[:2])} ({len(self.said)})"
        self.said[f"stdout of {place}"] = answer.stdout.encode()
        self.said[f"stderr of {place}"] = answer.stderr.encode()
        if asked_for_links:
            self.asked.add(f"stdout of {place}")
        return answer

    def found(self, dagster_url: str) -> list[str]:
        """Every leak there is."""
        issued = {f"TikTok's {number}": text.encode() for number, text in enumerate(self.sandbox.secrets())}
        dagsters = {f"Dagster's {name}": content for name, content in tables(dagster_url).items()}
        snapshots = {"snapshots of runs": dagsters["Dagster's public.snapshots"]}
        assert leaks({"name of an op": b"capture__video_list"}, snapshots)  # compressed, and looked into
        places = {
            **tables(self.database_url),
            **dagsters,
            **files(self.data),
            **self.said,
        }
        assert len(issued) > 30
        assert any("!" not in text for text in self.sandbox.secrets())  # PKCE verifiers are among them
        assert len(places) > 80
        assert len(self.answers) > 60
        everywhere = {**places, **self.answers}
        silent = {place: content for place, content in everywhere.items() if place not in self.asked}
        silent["ops.outbox"] = outbox_without_bodies(self.database_url)
        return [
            *leaks({**self.secrets, **issued}, {**everywhere, "cookies": self.cookie_headers}),
            *leaks(self.links, {**silent, "cookies": self.cookie_headers}),
            *leaks(self.cookies, everywhere),
            *leaks(
                self.states, {**places, "cookies": self.cookie_headers}
            ),  # TikTok and the browser get them
        ]


@pytest.fixture
def hunt(database_url: str, tmp_path: Path) -> Iterator[Hunt]:
    secret = marked("client")
    (tmp_path / "given").mkdir()
    with SandboxProcess(accounts=10, videos=3, client_secret=secret) as sandbox:
        password = secrets.token_urlsafe(18)
        url = make_url(database_url)
        if not url.password:  # the server asks for none, so it takes any
            url = url.set(password=password)
        hunt = Hunt(tmp_path, sandbox, url.render_as_string(hide_password=False))
        hunt.secrets["database password"] = (url.password or "").encode()
        yield hunt
        name = f"{url.database}_dagster"
        with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)'.encode())


@pytest.fixture
def portal(hunt: Hunt) -> Iterator[subprocess.Popen[bytes]]:
    """The portal as a process of its own, which logs into the data folder."""
    logs = hunt.data / "logs"
    logs.mkdir(parents=True)
    with (logs / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            command("portal", "--port", hunt.url.rpartition(":")[2]),
            env=clean_environment(**hunt.settings), cwd=hunt.folder, stdout=log, stderr=log,
        )  # fmt: skip
        wait_until(lambda: process.poll() is not None or _answers(hunt.url))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_no_secret_is_anywhere_after_everything_went_wrong(
    hunt: Hunt, portal: subprocess.Popen[bytes], warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    assert portal.poll() is None
    operator = log_in(hunt)

    def link(store: str, account: int | None = None) -> str:
        path = f"/stores/{store}/link" if account is None else f"/stores/{store}/accounts/{account}/link"
        found = LINK.search(operator.send(path).text)
        assert found
        return hunt.link(found[1])

    for number in range(8):
        store = f"store_{number}"
        form = {"code": store, "name": f"Store {number}", "pic": "Ayu", "contact": "ayu@example.com"}
        assert operator.send("/add-store", **form).status_code == 303
        if number < 7:
            assert "<h1>Connected</h1>" in hunt.connects(link(store), number)
    ids = {
        row["store_code"]: row["id"]
        for row in rows(warehouse, "select store_code, id from hub.store_accounts")
    }
    assert len(ids) == 7

    connecting_fails(hunt, warehouse, link, ids)
    webhooks_come(hunt)
    capturing_fails(hunt, warehouse, ids)
    vault_is_looked_at(hunt)
    people_are_told(hunt, caplog)
    accounts_go(hunt, ids)
    assert operator.send("/logout").status_code == 303
    portal.send_signal(signal.SIGTERM)
    portal.wait(30)
    hunt.said["this process's log"] = caplog.text.encode()

    url = make_url(hunt.database_url)
    dagster_url = url.set(database=f"{url.database}_dagster").render_as_string(hide_password=False)
    found = hunt.found(dagster_url)
    assert not found, "\n".join(found)


def outbox_without_bodies(database_url: str) -> bytes:
    """The messages but for what people read, which holds their links."""
    with psycopg.connect(libpq_url(database_url)) as connection:
        found = connection.execute("select (to_jsonb(o) - 'body')::text from ops.outbox o").fetchall()
    assert found
    return "\n".join(row[0] for row in found).encode()


def log_in(hunt: Hunt) -> Operator:
    """Log in, after a wrong password and a wrong code."""
    operator = Operator(hunt.url)
    operator.browser.hooks["response"] = [hunt.remember]
    code = pyotp.TOTP(hunt.totp).now()
    assert operator.log_in(hunt.new("mistyped password"), code).status_code == 403
    assert operator.log_in(hunt.password, "000000").status_code == 403
    assert operator.log_in(hunt.password, code).status_code == 303
    return operator


def connecting_fails(hunt: Hunt, warehouse: Warehouse, link: object, ids: dict[str, int]) -> None:
    """Everything that can end a person's way to TikTok and back."""
    sandbox = hunt.sandbox
    assert callable(link)
    assert "You did not allow it" in hunt.connects(link("store_7"), 7, decision="deny")
    assert "That was another TikTok account" in hunt.connects(link("store_1", ids["store_1"]), 8)
    assert "belongs to another store" in hunt.connects(link("store_7"), 0)
    for echo in (
        sandbox.client_secret,
        quote(sandbox.client_secret, safe=""),
        quote_plus(sandbox.client_secret),
    ):
        sandbox.set_faults(oauth_error={**CODES, "error": "invalid_request", "description": f"bad: {echo}"})
        assert "It did not work this time" in hunt.connects(link("store_7"), 7)
    for wrong in (
        {"remove": ["open_id"]},
        {"replace": {"expires_in": "soon"}},
        {"replace": {"refresh_token": 7}},
        {"replace": {"access_token": f"{hunt.new('token that is none')}\n"}},
    ):
        sandbox.set_faults(token_answer={**wrong, "times": 1})
        assert "It did not work this time" in hunt.connects(link("store_7"), 7)
    for kind in ("truncated_json", "html_error", "drop"):
        sandbox.set_faults(**{kind: {"endpoint": "oauth/token", "times": 1}})
        assert "It did not work this time" in hunt.connects(link("store_7"), 7)
    sandbox.clear_faults()

    phone, other = hunt.phone(), hunt.phone()
    callback = phone.decide(hunt.at_tiktok(phone, link("store_7")), 7)
    assert "do that once more" in other.come_back(callback).text
    rows(
        warehouse, "alter table vault.token rename to token_away"
    )  # the database fails with the tokens in hand
    assert phone.get(callback).status_code == 500
    rows(warehouse, "alter table vault.token_away rename to token")
    made_up = hunt.new("made-up code")
    hunt.phone().get(f"/auth/callback?code={quote(made_up)}&state={quote(made_up)}")
    hunt.phone().get(f"/connect/{quote(made_up, safe='')}")


def webhooks_come(hunt: Hunt) -> None:
    """TikTok says that account 3 is gone; others say things that are not signed."""
    url = f"{hunt.url}/webhooks/tiktok"
    for kind in ("valid", "wrong", "old"):
        hunt.answers[f"webhook {kind}"] = json.dumps(
            hunt.sandbox.webhook(url, 3, signature=kind)["answers"]
        ).encode()
    hunt.phone().session.post(url, data=b"{", headers={"TikTok-Signature": f"t=1,s={'0' * 64}"}, timeout=30)


def capturing_fails(hunt: Hunt, warehouse: Warehouse, ids: dict[str, int]) -> None:
    """The daily job with accounts whose tokens are good, refreshed, withdrawn, tampered with, and malformed."""
    sandbox = hunt.sandbox
    for account in (0, 4, 5):
        sandbox.expire(account)
    sandbox.revoke(1)
    sandbox.set_faults(
        token_answer={"accounts": [4], "remove": ["refresh_token"]},
        oauth_error={
            "accounts": [5], "error": "invalid_request", "description": f"bad: {quote(sandbox.client_secret, safe='')}",
        },
        error_code={"accounts": [6], "code": "invalid_params", "status": 400},
    )  # fmt: skip
    rows(
        warehouse,
        "update vault.token set access_token = set_byte(access_token, 40, get_byte(access_token, 40) # 1)"
        " where account_id = %s",
        ids["store_2"],
    )
    done = hunt.says("run")
    assert done.returncode == 1, done
    sandbox.clear_faults()
    failed = rows(warehouse, "select distinct account_id from capture.account_day where state = 'failed'")
    assert len(failed) >= 4, done.stdout
    assert ids["store_0"] not in {row["account_id"] for row in failed}
    assert "the seal is broken" in done.stdout


def vault_is_looked_at(hunt: Hunt) -> None:
    """Keys come and go, with a row that does not open."""
    hunt.says("doctor")
    away = make_url(hunt.database_url).set(host="127.0.0.1", port=1, query={})
    for words in (("doctor",), ("account", "list")):
        answer = hunt.says(*words, DATABASE_URL=away.render_as_string(hide_password=False))
        assert answer.returncode == 1, answer
    assert hunt.says("vault", "status").returncode == 1
    assert hunt.says("vault", "new-key").returncode == 0
    hunt.learn_keys()
    assert "were sealed anew" in hunt.says("vault", "rotate").stdout
    hunt.learn_keys()


def people_are_told(hunt: Hunt, caplog: pytest.LogCaptureFixture) -> None:
    """The sensor writes messages with links, and operators ask for lists and links."""
    caplog.set_level(logging.DEBUG)
    from tiktok_pipeline.definitions import defs

    resources = {
        "warehouse": WarehouseResource(database_url=hunt.database_url),
        "links": ConnectLinksResource(
            portal_url=hunt.url,
            data_dir=str(hunt.data),
            secret_file=hunt.settings["PORTAL_SECRET_FILE"],
            days=14,
        ),
    }
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(
            instance=instance, resources=resources, repository_def=defs().get_repository_def()
        ) as context,
    ):
        hunt.said["tick of the sensor"] = repr(reconnect(context)).encode()
    told = hunt.says("alerts", "list", asked_for_links=True).stdout
    written = hunt.says("reconnect", "--all", asked_for_links=True).stdout
    for text in (told, written):
        addresses = re.findall(rf"{re.escape(hunt.url)}/connect/[\w.-]+", text)
        assert addresses
        for address in addresses:
            hunt.link(address)
    hunt.link(hunt.says("store", "link", "store_0", asked_for_links=True).stdout.split()[-1])
    for words in (("account", "list"), ("store", "list"), ("failed", "list")):
        assert hunt.says(*words).returncode == 0


def accounts_go(hunt: Hunt, ids: dict[str, int]) -> None:
    """Accounts are connected by code, and disconnected."""
    code = hunt.sandbox.authorize(0, redirect_uri=hunt.settings["TIKTOK_REDIRECT_URI"])
    good = hunt.says("account", "add", "store_0", "--auth-code", code, TIKTOK_PKCE="off")
    assert good.returncode == 0, good
    assert hunt.says("account", "add", "store_0", "--auth-code", code, TIKTOK_PKCE="off").returncode == 1
    assert hunt.says("account", "disconnect", str(ids["store_0"])).returncode == 0
    hunt.says("account", "disconnect", str(ids["store_2"]))


def test_the_hunt_finds_a_canary_in_every_form_and_every_hiding_place(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows(warehouse, "create table canary (form text, t text, b bytea, z bytea, j jsonb)")
    canaries = {form: marked("canary").encode() for form in forms(marked("any").encode())}
    for form, canary in canaries.items():
        hidden = _hidden(canary, form)
        inserted = (
            form,
            hidden.decode(),
            b"x" + hidden,
            zlib.compress(b"x" + hidden),
            json.dumps({"k": hidden.decode()}),
        )
        rows(warehouse, "insert into canary values (%s, %s, %s, %s, %s)", *inserted)
        (tmp_path / f"{form}.log").write_bytes(b"before " + hidden + b" after")
    url = warehouse.url.render_as_string(hide_password=False)
    places = {
        **{f"column {column}": _column(url, column) for column in "tbzj"},
        **{path.rpartition("/")[2]: content for path, content in files(tmp_path).items()},
    }
    assert b"canary" not in places["column z"]
    for form, canary in canaries.items():
        found = leaks({"canary": canary}, places)
        for place in ("column t", "column b", "column z", "column j", f"{form}.log"):
            assert any(leak.endswith(f" in {place}") for leak in found), f"{form} in {place}"
    assert tables(url)["public.canary"]
    assert leaks({"another": marked("canary").encode()}, {**places, **tables(url)}) == []


def _hidden(canary: bytes, form: str) -> bytes:
    """A canary in this form, between other text that was encoded with it."""
    if not form.startswith("base64"):
        return forms(canary)[form]
    encode = base64.urlsafe_b64encode if form.startswith("base64url") else base64.b64encode
    before = int(form.partition(", ")[2].partition(" ")[0])
    return encode(b"." * before + canary + b" and more")


def _column(url: str, column: str) -> bytes:
    """One column of the canaries, as COPY writes it."""
    statement = f"copy (select {column} from canary) to stdout".encode()
    with psycopg.connect(libpq_url(url)) as connection, connection.cursor().copy(statement) as copied:
        return b"".join(bytes(part) for part in copied)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=1).ok
    except requests.RequestException:
        return False
