"""Asking TikTok on behalf of one account: its token, and one renewal when TikTok refuses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tiktok_pipeline.capture.ledger import AccountDay
from tiktok_pipeline.hub.accounts import mark_need_reconnect
from tiktok_pipeline.tiktok.answers import Answer
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import AuthError
from tiktok_pipeline.tiktok.oauth import OAuthClient
from tiktok_pipeline.vault import AccessToken, TokenVault


class AccountRequests:
    """The requests of a capture, each with a valid token of the account it is for."""

    def __init__(self, client: TikTokClient, oauth: OAuthClient, vault: TokenVault) -> None:
        self.client = client
        self.oauth = oauth
        self.vault = vault

    def page_of(self, unit: AccountDay) -> Answer:
        """The next page of `unit`.

        Raises TikTokError: AuthError means that a person must reconnect, TransientError also that the account's
        token cannot be refreshed just now.
        """
        if unit.endpoint == "user_info":
            return self._ask(
                unit.account_id, lambda access: self.client.user_info(access.token, access.scopes)
            )
        return self._ask(
            unit.account_id, lambda access: self.client.video_list(access.token, access.scopes, unit.cursor)
        )

    def videos_of(self, account_id: int, video_ids: Sequence[str]) -> Answer:
        """Those of the account's videos `video_ids`, at most 20, that TikTok still knows. Raises as `page_of`."""
        return self._ask(
            account_id, lambda access: self.client.video_query(access.token, access.scopes, video_ids)
        )

    def stop(self) -> None:
        """End every wait and every request under way; they fail. A refresh that was sent goes on and is saved."""
        self.client.close()
        self.vault.stop_waiting()

    def flag_for_reconnect(self, account_id: int, error: Exception, reason: str) -> bool:
        """Set the account to NEED_RECONNECT; whether that was done.

        A refused refresh has flagged its account itself, once it was confirmed; here are the other reasons: a
        fresh access token that is refused, no token at all. Not done when the pair that TikTok refused is no
        longer the stored one: somebody has reconnected the account meanwhile, and the refusal says nothing about
        the new pair.
        """
        refused = getattr(error, "token_version", None)
        with self.vault.warehouse.transaction() as cursor:
            if not self.vault.holds(cursor, account_id, refused):
                return False
            return mark_need_reconnect(cursor, account_id, reason)

    def _ask(self, account_id: int, request: Callable[[AccessToken], Answer]) -> Answer:
        access = self.vault.access_token(account_id, self.oauth.refresh)
        try:
            return request(access)
        except AuthError:
            # An access token may die before its time. A second refusal, with a fresh one, is final.
            access = self.vault.renew(account_id, access, self.oauth.refresh)
        try:
            return request(access)
        except AuthError as refused:
            refused.token_version = access.version
            raise
