"""Opened tokens are kept for a moment and then let go."""

import datetime as dt

import pytest

from tiktok_pipeline.vault import AccessToken, SecretToken
from tiktok_pipeline.vault.opened import KEEP_SECONDS, OpenedTokens


class Elapsed:
    """A stopwatch that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def opened(elapsed: Elapsed) -> OpenedTokens:
    return OpenedTokens(elapsed)


def token(version: int = 1) -> AccessToken:
    return AccessToken(SecretToken("act.1"), version, frozenset(), dt.datetime(2026, 11, 21, tzinfo=dt.UTC))


def test_a_token_is_kept_as_long_as_it_may_be_used(opened: OpenedTokens, elapsed: Elapsed) -> None:
    kept = token()
    opened.keep(1, kept, seconds=10)
    elapsed.seconds += 9.9
    assert opened.get(1) is kept
    elapsed.seconds += 0.1
    assert opened.get(1) is None


def test_a_token_is_kept_for_a_minute_at_most(opened: OpenedTokens, elapsed: Elapsed) -> None:
    opened.keep(1, token(), seconds=7200)
    elapsed.seconds += KEEP_SECONDS
    assert opened.get(1) is None


def test_a_token_that_may_not_be_used_any_more_is_not_kept(opened: OpenedTokens) -> None:
    opened.keep(1, token(), seconds=-5)
    assert opened.get(1) is None


def test_accounts_do_not_share_tokens(opened: OpenedTokens) -> None:
    opened.keep(1, token(), seconds=10)
    assert opened.get(2) is None


def test_an_older_token_does_not_push_out_a_newer_one(opened: OpenedTokens) -> None:
    newer = token(version=2)
    opened.keep(1, newer, seconds=10)
    opened.keep(1, token(version=1), seconds=10)
    assert opened.get(1) is newer


def test_a_forgotten_token_is_gone(opened: OpenedTokens) -> None:
    opened.keep(1, token(), seconds=10)
    opened.forget(1)
    opened.forget(1)
    assert opened.get(1) is None


def test_tokens_that_ran_out_are_let_go_and_do_not_linger(opened: OpenedTokens, elapsed: Elapsed) -> None:
    for account_id in range(100):
        opened.keep(account_id, token(), seconds=10)
    elapsed.seconds += 11
    opened.keep(1000, token(), seconds=10)
    assert list(opened._held) == [1000]
