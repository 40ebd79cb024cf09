"""Made-up stores that look like real ones, connected the real way."""

from __future__ import annotations

from collections.abc import Iterator

from tiktok_pipeline.hub.accounts import connect_account, list_accounts
from tiktok_pipeline.hub.links import ConnectLinks
from tiktok_pipeline.hub.stores import add_store, list_stores
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import TokenVault
from tiktok_pipeline.warehouse.connection import Warehouse

CITIES = (
    "Jakarta",
    "Bandung",
    "Surabaya",
    "Medan",
    "Semarang",
    "Denpasar",
    "Makassar",
    "Yogyakarta",
    "Malang",
)
TRADES = ("Batik", "Kopi", "Skincare", "Sneakers", "Hijab", "Gadget", "Snack")
PEOPLE = (
    "Ayu Lestari",
    "Budi Santoso",
    "Citra Dewi",
    "Dimas Pratama",
    "Eka Putri",
    "Fajar Nugroho",
    "Gita Sari",
)


FREE_ACCOUNT = (
    0  # the one that the sandbox's page offers first; it belongs to no store until a person connects it
)
STORE_TO_TRY = "demo_new_store"


def store_number(account_index: int) -> int:
    """Which store, from 1, an account belongs to: of five stores, the first has two accounts."""
    return (account_index - 1) * 5 // 6 + 1


def connect_stores(
    warehouse: Warehouse, vault: TokenVault, oauth: OAuthClient, sandbox: SandboxProcess, redirect_uri: str
) -> Iterator[tuple[int, str]]:
    """Connect every account of the sandbox but the free one to its store; its id and open_id, one after the other.

    Stores that are there already stay. The sandbox forgets its grants when it ends, so accounts are connected
    again each time, which keeps their ids; also the one that a person has connected, but none that was disabled.
    """
    known = {store.code for store in list_stores(warehouse)}
    connected_before = {account.open_id: account for account in list_accounts(warehouse)}
    if STORE_TO_TRY not in known:
        add_store(warehouse, STORE_TO_TRY, "Kedai Baru Jakarta", "Hana Wijaya", "hana@example.com")
    for account in sandbox.accounts():
        before = connected_before.get(account["open_id"])
        if (before is None and account["index"] == FREE_ACCOUNT) or (before and before.status == "DISABLED"):
            continue
        if before:
            code = before.store_code
        else:
            number = store_number(account["index"])
            code = f"demo_store_{number:03d}"
            if code not in known:
                _add(warehouse, code, number)
                known.add(code)
        connected = connect_account(
            warehouse,
            vault,
            oauth,
            store_code=code,
            auth_code=sandbox.authorize(account["index"], redirect_uri=redirect_uri),
            redirect_uri=redirect_uri,
            client_key=oauth.client_key,
        )
        yield connected.id, connected.open_id


def link_to_try(warehouse: Warehouse, links: ConnectLinks) -> str | None:
    """Address of a connect link of the store without an account; None when a person has connected one."""
    if any(account.store_code == STORE_TO_TRY for account in list_accounts(warehouse)):
        return None
    return links.make(STORE_TO_TRY, made_by="demo").url


def _add(warehouse: Warehouse, code: str, number: int) -> None:
    person = PEOPLE[number % len(PEOPLE)]
    name = f"{TRADES[number % len(TRADES)]} {CITIES[number % len(CITIES)]}"
    add_store(warehouse, code, name, person, f"{person.split()[0].lower()}@example.com")
