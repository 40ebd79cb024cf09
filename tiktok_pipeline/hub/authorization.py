"""OAuth transactions: to TikTok and back, in one browser, within ten minutes, once.

A transaction is found by the state that TikTok gives back, and only with the cookie of the browser that began it:
a state that is merely valid could have been begun by somebody else, whose TikTok account would then be connected
to this store, or this person's to theirs. State and cookie are 256 random bits each; the database has hashes. It
also decides about time, so that the clocks of portals do not matter.

A code is exchanged once and never again: TikTok takes it once. When the process dies in between, TikTok holds a
grant that nobody here knows; `orphaned_grants` finds those.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import psycopg
from psycopg.rows import DictRow

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.accounts import (
    NEEDED_SCOPES,
    AccountDisabled,
    ConnectedElsewhere,
    WrongAccount,
    checked_code,
    save_connection,
)
from tiktok_pipeline.hub.links import hashed
from tiktok_pipeline.hub.stores import require_store
from tiktok_pipeline.hub.transactions import Begun, BegunAgain, Consumed, OrphanedGrant, Outcome, Result
from tiktok_pipeline.hub.words import DISCONNECTED
from tiktok_pipeline.tiktok.errors import TikTokError
from tiktok_pipeline.tiktok.oauth import OAuthClient, TokenGrant
from tiktok_pipeline.vault import SecretToken, TokenVault
from tiktok_pipeline.vault.claim import patiently
from tiktok_pipeline.vault.sealing import Place
from tiktok_pipeline.warehouse.connection import AWAY, Warehouse, run

SECONDS = 600
LINK = "link"  # the actor of a transaction that a connect link began

Pkce = Literal["off", "hex", "base64url"]

log = logging.getLogger(__name__)


class Authorizations:
    """The OAuth transactions of one portal. `warehouse` needs no right to the vault."""

    def __init__(
        self,
        warehouse: Warehouse,
        vault: TokenVault,
        oauth: OAuthClient,
        *,
        authorize_url: str,
        redirect_uri: str,
        pkce: Pkce,
        environment: str,
    ) -> None:
        self._warehouse = warehouse
        self._vault = vault
        self._oauth = oauth
        self._authorize_url = authorize_url
        self._redirect_uri = redirect_uri
        self._pkce = pkce
        self._environment = environment

    def begin(
        self,
        cursor: psycopg.Cursor[DictRow],
        store_code: str,
        account_id: int | None = None,
        *,
        actor: str,
        link_id: int | None = None,
    ) -> Begun:
        """A new transaction, in the caller's database transaction. The store must exist.

        Of a link one transaction is open at a time: those that it began before end.
        """
        state, binding = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        run(cursor, "hub/forget_authorizations")
        if link_id is not None:
            run(cursor, "hub/end_other_authorizations", {"link_id": link_id})
        [begun] = run(
            cursor,
            "hub/begin_authorization",
            {
                "state_hash": hashed(state),
                "binding_hash": hashed(binding),
                "store_code": store_code,
                "account_id": account_id,
                "actor": actor,
                "link_id": link_id,
                "client_key": self._oauth.client_key,
                "redirect_uri": self._redirect_uri,
                "scopes": ",".join(NEEDED_SCOPES),
                "seconds": SECONDS,
            },
        )
        challenge = None if self._pkce == "off" else self._new_challenge(cursor, begun["id"], self._pkce)
        address = self._oauth.authorize_url(
            self._authorize_url, self._redirect_uri, NEEDED_SCOPES, state, code_challenge=challenge
        )
        return Begun(address, binding)

    def begin_again(
        self, cursor: psycopg.Cursor[DictRow], browser: str, *, state: str | None, binding: str | None
    ) -> BegunAgain | None:
        """A new transaction in place of one that a link began; None when this browser may not begin again.

        It may when it is the one in which the link's button was pressed, or when TikTok sent the person here with
        the `state` of a transaction that is still open (its app opens a browser of its own). The link then
        belongs to this browser, whose person has not seen yet which store it is for. `browser` is the cookie
        that links are bound to.
        """
        values = {
            "browser_hash": hashed(browser),
            "state_hash": hashed(state) if state else None,
            "binding_hash": hashed(binding) if binding else None,
            "disconnected": DISCONNECTED,
        }
        again = run(cursor, "hub/begin_again", values)
        if not again:
            return None
        [link] = again
        begun = self.begin(
            cursor, link["store_code"], link["account_id"], actor=LINK, link_id=link["link_id"]
        )
        return BegunAgain(begun, link["store_name"], link["moved"])

    def consume(
        self, state: str, binding: str, operator: str | None, *, outcome: Outcome | None = None
    ) -> Consumed | None:
        """The transaction that `state` belongs to, once; None for every reason to refuse it.

        `operator` is the session of the operator who is logged in in this browser, None when nobody is. `outcome`
        ends the transaction at once.
        """
        consumed = self._warehouse.execute(
            "hub/consume_authorization",
            {
                "state_hash": hashed(state),
                "binding_hash": hashed(binding),
                "actors": [LINK, operator] if operator else [LINK],
                "client_key": self._oauth.client_key,
                "outcome": outcome,
            },
        )
        return Consumed(**consumed[0]) if consumed else None

    def finish(self, consumed: Consumed, code: str, scopes: Sequence[str] = ()) -> Outcome:
        """Exchange `code`, connect the account, and note what became of it.

        `scopes` is what the callback says was granted; the token answer's word goes before. The save waits a minute
        for a database that is away; then the error goes on to the caller, and the transaction stays open to be found
        as orphaned.
        """
        try:
            grant = self._oauth.exchange(
                checked_code(code), consumed.redirect_uri, self._opened_verifier(consumed)
            )
            if not grant.scopes:
                # Said nowhere means as asked (RFC 6749, 5.1). The callback cannot add what was not asked for.
                asked = consumed.scopes.split(",")
                granted = tuple(scope for scope in asked if not scopes or scope in scopes)
                grant = replace(grant, scopes=granted)
            return patiently(lambda: self._save(consumed, grant))
        except AWAY:
            raise
        except AccountDisabled as refused:
            return self._failed(consumed, "disabled", refused)
        except _LinkSpent as refused:
            return self._failed(consumed, "spent", refused)
        except WrongAccount as refused:
            return self._failed(consumed, "wrong_account", refused)
        except ConnectedElsewhere as refused:
            return self._failed(consumed, "conflict", refused, refused.account_id)
        except (TikTokError, PipelineError) as refused:
            return self._failed(consumed, "failed", refused)

    def result(self, binding: str, browser: str | None) -> Result | None:
        """What became of the transaction that the browser with the cookie `binding` began; None when unknown."""
        values = {"binding_hash": hashed(binding), "browser_hash": hashed(browser) if browser else None}
        rows = self._warehouse.execute("hub/authorization_result", values)
        return Result(**rows[0]) if rows else None

    def _save(self, consumed: Consumed, grant: TokenGrant) -> Outcome:
        with self._vault.warehouse.transaction() as cursor:
            require_store(cursor, consumed.store_code)
            account_id = _hold_link(cursor, consumed)
            so_far = _hold(cursor, consumed)
            if so_far in ("connected", "reduced"):
                return so_far  # by an earlier attempt, whose commit nobody confirmed
            if so_far == "disabled":
                raise AccountDisabled(
                    f"store {consumed.store_code}: disabled meanwhile. Nothing was changed."
                )
            account = save_connection(
                cursor,
                self._vault,
                grant,
                store_code=consumed.store_code,
                client_key=self._oauth.client_key,
                account_id=account_id,
                by_link=consumed.link_id is not None,
            )
            outcome: Outcome = "reduced" if account.missing_scopes else "connected"
            run(cursor, "hub/finish_authorization", _finished(consumed, outcome, account.id))
        return outcome

    def _failed(
        self, consumed: Consumed, outcome: Outcome, reason: Exception, met_account_id: int | None = None
    ) -> Outcome:
        log.warning("store %s: not connected (%s): %s", consumed.store_code, outcome, reason)
        noted = _finished(consumed, outcome, met_account_id)
        patiently(lambda: self._warehouse.execute("hub/finish_authorization", noted))
        return outcome

    def _new_challenge(self, cursor: psycopg.Cursor[DictRow], transaction_id: int, pkce: Pkce) -> str:
        verifier = secrets.token_urlsafe(48)  # 64 characters; 43 to 128 are allowed
        sealed = self._vault.sealer.seal(SecretToken(verifier), self._place(transaction_id))
        run(cursor, "hub/keep_verifier", {"id": transaction_id, "code_verifier": sealed})
        return challenge_of(verifier, pkce)

    def _opened_verifier(self, consumed: Consumed) -> str | None:
        if consumed.code_verifier is None:
            return None
        return self._vault.sealer.unseal(consumed.code_verifier, self._place(consumed.id)).reveal()

    def _place(self, transaction_id: int) -> Place:
        return Place(self._environment, transaction_id, "code_verifier", 1)


def challenge_of(verifier: str, pkce: Pkce) -> str:
    """PKCE's S256 challenge: in TikTok's desktop flow hexadecimal, in RFC 7636 base64url without padding."""
    digest = hashlib.sha256(verifier.encode("ascii"))
    if pkce == "hex":
        return digest.hexdigest()
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def orphaned_grants(cursor: psycopg.Cursor[DictRow]) -> list[OrphanedGrant]:
    """Grants that were lost because a process died, or lost the database, between the exchange and the save.

    Each is returned once, when the caller's transaction commits: whoever asks tells the operators, and the store
    to connect again.
    """
    return [OrphanedGrant(**row) for row in run(cursor, "hub/orphaned_grants")]


class _LinkSpent(PipelineError):
    """The link connected an account while this transaction was under way."""


def _hold_link(cursor: psycopg.Cursor[DictRow], consumed: Consumed) -> int | None:
    """The only account that may be connected. Raises _LinkSpent."""
    held = run(cursor, "hub/hold_link", {"link_id": consumed.link_id}) if consumed.link_id else []
    if not held:
        return consumed.account_id
    [link] = held
    if link["is_spent"] and _hold(cursor, consumed) not in ("connected", "reduced"):
        raise _LinkSpent(
            f"store {consumed.store_code}: its link had done its work already. Nothing was changed."
        )
    return link["account_id"] or consumed.account_id


def _hold(cursor: psycopg.Cursor[DictRow], consumed: Consumed) -> Outcome | None:
    """What has become of the transaction so far. Raises PipelineError when it is gone."""
    held = run(cursor, "hub/hold_authorization", {"id": consumed.id})
    if not held:
        raise PipelineError(
            f"store {consumed.store_code}: its account was deleted meanwhile. Nothing was changed."
        )
    outcome: Outcome | None = held[0]["outcome"]
    return outcome


def _finished(consumed: Consumed, outcome: Outcome, met_account_id: int | None) -> dict[str, Any]:
    return {"id": consumed.id, "outcome": outcome, "met_account_id": met_account_id}
