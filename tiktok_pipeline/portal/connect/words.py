"""What the pages say, for a shop manager on a phone: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tiktok_pipeline.hub.transactions import Result

WITHOUT: Mapping[str, str] = {
    "user.info.basic": "the account's name and picture",
    "user.info.profile": "its handle, description and verified badge",
    "user.info.stats": "followers, following, likes and the number of videos",
    "video.list": "the videos, with their views, likes, comments and shares",
}


@dataclass(frozen=True)
class Words:
    """A page about something that did not work."""

    title: str
    text: str


def why_not(result: Result) -> Words:
    """What became of a transaction that connected nothing."""
    wanted = f"“{result.wanted_name}”" if result.wanted_name else "the account that is connected already"
    match result.outcome:
        case "declined":
            return Words(
                "You did not allow it",
                "Nothing was connected. If that was a mistake, start again and press “Continue” or “Authorize” at "
                "TikTok. If you are unsure, ask whoever sent you the link.",
            )
        case "wrong_account":
            return Words(
                "That was another TikTok account",
                f"This link reconnects {wanted}, but at TikTok you were logged in with a different account. "
                "Nothing was changed. Start again, and at TikTok choose “Switch account”.",
            )
        case "conflict":
            return Words(
                "This TikTok account belongs to another store",
                f"It is connected to {result.met_store_name or 'another store'} already, and an account belongs to "
                f"one store. Nothing was changed. Start again with the account of {result.store_name}. "
                "If it really moved, tell whoever sent you the link.",
            )
        case "disabled":
            return Words(
                "This account is out of service",
                "Whoever runs the reports has taken it out of them, and only they can put it back. Nothing was "
                "changed. If you think it is a mistake, tell whoever sent you the link.",
            )
        case "spent":
            return Words(
                "This link was used already",
                "It connected an account a moment ago, and a link connects one. Nothing more was changed.",
            )
        case "restarted":
            return Words("You went on in another browser", "Finish there. You can close this page.")
        case None if result.waits:
            return Words(
                "TikTok has not answered yet",
                "If TikTok's page is still open, go on there. If it is closed, start again.",
            )
        case None:
            return Words(
                "Still connecting",
                "This takes a few seconds. Open this page again in a moment. "
                "If it still says this after two minutes, start again.",
            )
        case _:
            return Words(
                "It did not work this time",
                "TikTok did not complete the connection, and nothing was changed. It is not your fault. "
                "Start again; if it fails again, wait half an hour.",
            )
