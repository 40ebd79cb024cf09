"""Connect links: what a store's person in charge gets, opens on a phone, and uses once.

The text of a link is a random id and its signature with the portal's secret; the database holds the id's hash
only. Opening a link changes nothing, so that a messenger's preview does not use it up. Its button does, and binds
the link to the browser in which it was pressed: there, and nowhere else, the person may start again until the
account is connected, because people close TikTok's page, forget a password, untick a box. Whoever finds the link
in a chat later cannot use it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from itsdangerous import BadSignature, Signer
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.words import DISCONNECTED
from tiktok_pipeline.warehouse.connection import Warehouse, run

LONGEST_TEXT = 200

LinkState = Literal["usable", "used", "expired", "disabled", "unknown"]


@dataclass(frozen=True)
class ConnectLink:
    """A new link. `url` is all that is needed to use it, so it does not show; `expires_at` is aware."""

    url: str = field(repr=False)
    store_code: str
    account_id: int | None
    expires_at: dt.datetime


@dataclass(frozen=True)
class FoundLink:
    """What a link's text stands for. All but `state` is None when the link is unknown.

    `account_id` is the only account it may reconnect, None when it may connect any. Disabled: that account was taken
    out of service, which only operators undo. `account_works`: it is captured, though it is to be reconnected.
    """

    state: LinkState
    id: int | None = None
    store_code: str | None = None
    store_name: str | None = None
    account_id: int | None = None
    account_name: str | None = None
    account_works: bool | None = None
    expires_at: dt.datetime | None = None


class ConnectLinks:
    """All connect links of one portal. `url` is PORTAL_URL, `days` how long a link is good."""

    def __init__(self, warehouse: Warehouse, secret: bytes, url: str, days: int) -> None:
        self._warehouse = warehouse
        self._signer = Signer(
            secret, salt="connect link", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._url = url.rstrip("/")
        self._days = days

    def make(self, store_code: str, account_id: int | None = None, *, made_by: str) -> ConnectLink:
        """A link to connect an account to the store, or to reconnect just the account `account_id`.

        Raises PipelineError when there is no such store or it has no such account.
        """
        if account_id is not None:
            with self._warehouse.transaction() as cursor:
                made = self._make_for_accounts(cursor, [account_id], store_code, made_by)
            if not made:
                raise PipelineError(
                    f"account {account_id}: store {store_code} has none of that number. "
                    "Look it up: tiktok-pipeline account list"
                )
            return made[0]
        with self._warehouse.transaction() as cursor:
            link = self.make_for_store_within(cursor, store_code, made_by=made_by)
        if link is None:
            raise PipelineError(
                f"store {store_code!r}: there is none. Add it first: tiktok-pipeline store add."
            )
        return link

    def make_for_accounts(self, account_ids: Sequence[int], *, made_by: str) -> list[ConnectLink]:
        """A reconnect link for each account, in the given order; an account that is gone gets none."""
        with self._warehouse.transaction() as cursor:
            return self._make_for_accounts(cursor, account_ids, None, made_by)

    def make_within(
        self, cursor: psycopg.Cursor[DictRow], account_ids: Sequence[int], *, made_by: str
    ) -> list[ConnectLink]:
        """As `make_for_accounts`, in the caller's transaction: a second connection could wait for what it holds."""
        return self._make_for_accounts(cursor, account_ids, None, made_by)

    def make_for_store_within(
        self, cursor: psycopg.Cursor[DictRow], store_code: str, *, made_by: str
    ) -> ConnectLink | None:
        """A link to connect any account to the store, in the caller's transaction; None when there is no such store."""
        text = secrets.token_urlsafe(16)
        run(cursor, "hub/forget_links")
        values = {"link_hash": hashed(text), "store_code": store_code, "made_by": made_by, "days": self._days}
        rows = run(cursor, "hub/make_store_link", values)
        return ConnectLink(self._address(text), store_code, None, rows[0]["expires_at"]) if rows else None

    def look(self, text: str, browser: str | None = None) -> FoundLink:
        """What the link is still good for in the browser with cookie `browser`. Changes nothing."""
        values = self._values(text, browser)
        rows = self._warehouse.execute("hub/look_at_link", values) if values else []
        return FoundLink(**rows[0]) if rows else FoundLink("unknown")

    def use(self, cursor: psycopg.Cursor[DictRow], text: str, browser: str) -> FoundLink | None:
        """The link, used up for every other browser than that with cookie `browser`; None when it is not usable."""
        values = self._values(text, browser)
        rows = run(cursor, "hub/use_link", values) if values else []
        return FoundLink(**rows[0]) if rows else None

    def _make_for_accounts(
        self,
        cursor: psycopg.Cursor[DictRow],
        account_ids: Sequence[int],
        store_code: str | None,
        made_by: str,
    ) -> list[ConnectLink]:
        texts = {account_id: secrets.token_urlsafe(16) for account_id in account_ids}
        run(cursor, "hub/forget_links")
        made = run(
            cursor,
            "hub/make_account_links",
            {
                "link_hashes": [hashed(text) for text in texts.values()],
                "account_ids": list(texts),
                "store_code": store_code,
                "made_by": made_by,
                "days": self._days,
            },
        )
        rows = {row["account_id"]: row for row in made}
        return [
            ConnectLink(
                self._address(text),
                rows[account_id]["store_code"],
                account_id,
                rows[account_id]["expires_at"],
            )
            for account_id, text in texts.items()
            if account_id in rows
        ]

    def _address(self, text: str) -> str:
        return f"{self._url}/connect/{self._signer.sign(text).decode()}"

    def _values(self, text: str, browser: str | None) -> dict[str, Any] | None:
        """What the database knows a link by; None for a text that was not made here."""
        try:
            signed = text.encode("ascii") if len(text) <= LONGEST_TEXT else b""
            known = self._signer.unsign(signed).decode()
        except (UnicodeError, BadSignature):
            return None
        return {
            "link_hash": hashed(known),
            "browser_hash": hashed(browser) if browser else None,
            "disconnected": DISCONNECTED,
        }


def hashed(secret: str) -> bytes:
    """What is kept of a random secret: its SHA-256. It needs no salt, as it cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()
