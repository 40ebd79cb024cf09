"""Connect links: signed, expiring, good in one browser, and known by their hash only."""

import datetime as dt
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.links import ConnectLinks, FoundLink
from tiktok_pipeline.runtime.portal_secret import portal_secret
from tiktok_pipeline.settings import Settings, SettingsError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_account, add_store, rows

SECRET = b"s" * 48
URL = "https://stores.example.com"


@pytest.fixture
def links(warehouse: Warehouse) -> ConnectLinks:
    add_store(warehouse)
    return ConnectLinks(warehouse, SECRET, URL, 14)


def text_of(url: str) -> str:
    assert url.startswith(f"{URL}/connect/")
    return url.rpartition("/")[2]


def use(warehouse: Warehouse, links: ConnectLinks, text: str, browser: str = "phone") -> FoundLink | None:
    with warehouse.transaction() as cursor:
        return links.use(cursor, text, browser)


def test_a_link_leads_to_its_store_and_its_text_is_kept_nowhere(
    links: ConnectLinks, warehouse: Warehouse
) -> None:
    made = links.make("jakarta_01", made_by="cli")
    text = text_of(made.url)
    found = links.look(text)
    assert (found.state, found.store_code, found.store_name, found.account_id) == (
        "usable",
        "jakarta_01",
        "Jakarta_01",
        None,
    )
    assert dt.timedelta(days=13, hours=23) < made.expires_at - dt.datetime.now(dt.UTC) < dt.timedelta(days=14)
    [row] = rows(warehouse, "select connect_link::text as everything from ops.connect_link")
    assert text.partition(".")[0] not in row["everything"]
    assert text not in repr(made)


def test_looking_at_a_link_does_not_use_it_up(links: ConnectLinks) -> None:
    text = text_of(links.make("jakarta_01", made_by="cli").url)
    assert {links.look(text, browser).state for browser in (None, "phone", "preview")} == {"usable"}


def test_a_used_link_is_good_in_its_own_browser_only(links: ConnectLinks, warehouse: Warehouse) -> None:
    text = text_of(links.make("jakarta_01", made_by="cli").url)
    first = use(warehouse, links, text)
    assert first is not None
    assert (first.state, first.store_code) == ("usable", "jakarta_01")
    assert use(warehouse, links, text, "another") is None
    assert links.look(text, "another").state == links.look(text).state == "used"
    assert links.look(text, "phone").state == "usable"
    assert use(warehouse, links, text) == first


def test_of_many_browsers_at_once_exactly_one_gets_the_link(
    links: ConnectLinks, warehouse: Warehouse
) -> None:
    text = text_of(links.make("jakarta_01", made_by="cli").url)
    with ThreadPoolExecutor(10) as threads:
        got = list(threads.map(lambda number: use(warehouse, links, text, f"phone {number}"), range(30)))
    assert sum(found is not None for found in got) == 1


def test_a_link_expires_by_the_database_s_clock(
    links: ConnectLinks, warehouse: Warehouse, clock: DatabaseClock
) -> None:
    made = links.make("jakarta_01", made_by="cli")
    text = text_of(made.url)
    clock.set(made.expires_at - dt.timedelta(seconds=5))
    assert links.look(text).state == "usable"
    clock.set(made.expires_at)
    assert links.look(text).state == "expired"
    assert use(warehouse, links, text) is None


def test_a_link_that_was_not_signed_here_is_unknown(links: ConnectLinks, warehouse: Warehouse) -> None:
    text = text_of(links.make("jakarta_01", made_by="cli").url)
    elsewhere = ConnectLinks(warehouse, b"t" * 48, URL, 14)
    known, _, signature = text.partition(".")
    wrong = [
        known,
        f"{known}.",
        f"{known}x.{signature}",
        text[:-1],
        text + "A",
        "",
        ".",
        "x" * 10_000,
        "é",
        "\ud800",
    ]
    for forged in wrong:
        assert links.look(forged) == FoundLink("unknown"), forged
        assert use(warehouse, links, forged) is None
    assert elsewhere.look(text) == FoundLink("unknown")
    assert use(warehouse, elsewhere, text) is None


def test_links_for_many_accounts_come_in_order_and_are_bound_to_them(
    links: ConnectLinks, warehouse: Warehouse
) -> None:
    ids = [add_account(warehouse, f"-00{number}", store=f"store_{number}") for number in range(3)]
    wanted = [ids[2], ids[0], 999_999, ids[1]]
    made = links.make_for_accounts(wanted, made_by="sensor")
    assert [(link.account_id, link.store_code) for link in made] == [
        (ids[2], "store_2"),
        (ids[0], "store_0"),
        (ids[1], "store_1"),
    ]
    assert [links.look(text_of(link.url)).account_id for link in made] == [ids[2], ids[0], ids[1]]
    assert links.make_for_accounts([], made_by="sensor") == []


def test_a_link_needs_a_store_and_an_account_of_that_store(links: ConnectLinks, warehouse: Warehouse) -> None:
    account_id = add_account(warehouse, store="bali_02")
    assert links.make("bali_02", account_id, made_by="cli").account_id == account_id
    with pytest.raises(PipelineError, match="there is none"):
        links.make("nowhere", made_by="cli")
    with pytest.raises(PipelineError, match="store jakarta_01 has none of that number"):
        links.make("jakarta_01", account_id, made_by="cli")


def test_deleting_a_store_or_an_account_takes_its_links_along(
    links: ConnectLinks, warehouse: Warehouse
) -> None:
    account_id = add_account(warehouse, store="bali_02")
    links.make("jakarta_01", made_by="cli")
    links.make("bali_02", account_id, made_by="cli")
    rows(warehouse, "delete from hub.store_accounts")
    assert rows(warehouse, "select store_code from ops.connect_link") == [{"store_code": "jakarta_01"}]
    rows(warehouse, "delete from hub.stores")
    assert rows(warehouse, "select store_code from ops.connect_link") == []


def test_links_that_expired_a_month_ago_are_forgotten(links: ConnectLinks, warehouse: Warehouse) -> None:
    for _ in range(3):
        links.make("jakarta_01", made_by="cli")
    rows(warehouse, "update ops.connect_link set expires_at = ops.now() - interval '31 days' where id > 1")
    links.make("jakarta_01", made_by="cli")
    assert [row["id"] for row in rows(warehouse, "select id from ops.connect_link order by id")] == [1, 4]


def test_the_secret_is_made_once_for_its_owner_only(warehouse: Warehouse, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")  # type: ignore[call-arg, unused-ignore]
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: portal_secret(warehouse, settings), range(8)))
    assert len(made) == 1
    assert len(made.pop()) >= 32
    assert stat.S_IMODE(settings.portal_secret_path.stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == ["portal_secret"]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0, "No such file"),
        (b"short", 0o600, "5 characters"),
        (b"x" * 32, 0o604, "others may read"),
        (b"x" * 32, 0o620, "others may read or change"),
    ],
)
def test_a_given_secret_that_is_not_fit_is_refused(
    warehouse: Warehouse, tmp_path: Path, content: bytes | None, mode: int, said: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    settings = Settings(_env_file=None, portal_secret_file=path)  # type: ignore[call-arg, unused-ignore]
    with pytest.raises(SettingsError, match=said):
        portal_secret(warehouse, settings)
    assert path.exists() is (content is not None)


def test_a_given_secret_may_be_read_through_a_group(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x" * 32 + b"\n")
    path.chmod(0o440)
    settings = Settings(_env_file=None, portal_secret_file=path)  # type: ignore[call-arg, unused-ignore]
    assert portal_secret(warehouse, settings) == b"x" * 32


def test_a_link_is_not_forgotten_before_its_transaction(links: ConnectLinks, warehouse: Warehouse) -> None:
    links.make("jakarta_01", made_by="cli")
    rows(
        warehouse,
        """
        insert into ops.oauth_transaction (
            state_hash, binding_hash, store_code, actor, link_id, client_key, redirect_uri, scopes, expires_at
        )
        select sha256('s'), sha256('b'), store_code, 'link', id, 'key', 'https://x', 'video.list', ops.now()
        from ops.connect_link
        """,
    )
    rows(warehouse, "update ops.connect_link set expires_at = ops.now() - interval '31 days'")
    with warehouse.transaction() as cursor:
        cursor.execute("select 1 from ops.oauth_transaction for update")
        links.make("jakarta_01", made_by="sensor")  # waits for nobody
    assert len(rows(warehouse, "select id from ops.connect_link")) == 2
    rows(warehouse, "delete from ops.oauth_transaction")
    links.make("jakarta_01", made_by="cli")
    assert [row["id"] for row in rows(warehouse, "select id from ops.connect_link order by id")] == [2, 3]
