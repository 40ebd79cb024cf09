"""What people are told about an account: to its store's person in charge in plain words, to operators in facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from tiktok_pipeline.alerts.outbox import OPERATORS, Message, Severity

HOW = (
    "Please open this link on your phone, tap the button, and log in to TikTok as the store's account:\n\n{url}\n\n"
    "The link works once, until {until}. Numbers of days without a connection cannot be fetched later."
)


@dataclass(frozen=True)
class About:
    """Whom a message is about. `account_id` and `account_name` are None when the store has no account yet."""

    store_code: str
    store_name: str
    pic_name: str
    pic_contact: str | None
    account_id: int | None = None
    account_name: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> About:
        """From a row that has these columns among others."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})

    def __str__(self) -> str:
        if self.account_id is None:
            return f"store {self.store_code}"
        return f"account {self.account_id} (store {self.store_code})"


@dataclass(frozen=True)
class Asking:
    """A request to reconnect: one link, told to the store's contact, if there is one, and to the operators."""

    key: str
    kind: str
    severity: Severity
    contact_subject: str
    contact_opening: str
    operators_subject: str
    operators_opening: str
    details: Mapping[str, Any]

    def messages(self, about: About, url: str, expires_at: dt.datetime, zone: ZoneInfo) -> list[Message]:
        """The rows for the outbox."""
        until = in_words(expires_at, zone)
        facts = {**self.details, "link_expires_at": expires_at.isoformat()}
        told = [
            Message(
                f"{self.key}:operators",
                self.kind,
                self.severity,
                OPERATORS,
                f"{about}: {self.operators_subject}",
                f"{about.account_name or about.store_name} ({about.store_name}): {self.operators_opening}\n"
                f"Person in charge: {about.pic_name}, {about.pic_contact or 'no contact known: pass the link on'}\n"
                f"Link to reconnect, until {until}: {url}",
                about.account_id,
                about.store_code,
                facts,
            )
        ]
        if about.pic_contact:
            greeting = f"Hello {about.pic_name},\n\n{self.contact_opening} "
            told.append(
                Message(
                    f"{self.key}:contact",
                    self.kind,
                    self.severity,
                    about.pic_contact,
                    self.contact_subject,
                    greeting + HOW.format(url=url, until=until),
                    about.account_id,
                    about.store_code,
                    facts,
                )
            )
        return told


def need_reconnect(about: About, change: Mapping[str, Any], zone: ZoneInfo) -> Asking:
    """A person must reconnect; `change` is the status change that says so."""
    since = in_words(change["changed_at"], zone)
    return Asking(
        key=f"reconnect:{about.account_id}:{change['change_id']}",
        kind="reconnect",
        severity="warning",
        contact_subject=f"Please reconnect the TikTok account of {about.store_name}",
        contact_opening=f"since {since} we can no longer read the numbers of {about.account_name} on TikTok.",
        operators_subject="must be reconnected",
        operators_opening=f"NEED_RECONNECT since {since}: {change['reason'] or 'no reason given'}",
        details={"change_id": change["change_id"], "since": change["changed_at"].isoformat()},
    )


def grant_ends(about: About, ends_at: dt.datetime, days: int, zone: ZoneInfo) -> Asking:
    """A grant ends within `days`; TikTok does not prolong it, only a person can give a new one."""
    end = in_words(ends_at, zone)
    return Asking(
        key=f"grant_end:{about.account_id}:{ends_at.astimezone(zone):%Y-%m-%d}:{days}",
        kind="grant_end",
        severity="warning" if days <= 7 else "info",
        contact_subject=f"TikTok of {about.store_name}: please renew the connection before {end}",
        contact_opening=f"TikTok lets us read the numbers of {about.account_name} until {end}, and no longer.",
        operators_subject=f"its grant ends within {_days(days)}",
        operators_opening=f"the grant ends {end}; refreshing does not prolong it, reconnecting does",
        details={"ends_at": ends_at.isoformat(), "days": days},
    )


def lost_grant(about: About, transaction: int | str, at: dt.datetime, zone: ZoneInfo) -> Asking:
    """Somebody agreed at TikTok, and we broke off before the tokens were saved."""
    return Asking(
        key=f"lost_grant:{transaction}",
        kind="lost_grant",
        severity="warning",
        contact_subject=f"Please connect the TikTok account of {about.store_name} once more",
        contact_opening=f"connecting to TikTok on {in_words(at, zone)} broke off on our side. We are sorry.",
        operators_subject="connecting broke off between TikTok's answer and our save",
        operators_opening=f"the code of {in_words(at, zone)} is spent and its tokens are lost; nothing was changed",
        details={"transaction": str(transaction)},
    )


def to_operators(
    about: About, change: Mapping[str, Any], kind: str, severity: Severity, subject: str, body: str
) -> Message:
    """A fact about a status change that asks nothing of the store."""
    return Message(
        f"{kind}:{about.account_id}:{change['change_id']}",
        kind,
        severity,
        OPERATORS,
        f"{about}: {subject}",
        f"{about.account_name} ({about.store_name}): {body}",
        account_id=about.account_id,
        store_code=about.store_code,
        details={"change_id": change["change_id"]},
    )


def in_words(at: dt.datetime, zone: ZoneInfo) -> str:
    """A time as people of `zone` read it."""
    return f"{at.astimezone(zone):%d %B %Y, %H:%M} ({zone.key})"


def _days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"
