"""A digest's sentences and numbers, the same in every format. What is foreign in them is for the formats to escape."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from tiktok_pipeline.digest.content import BrokenAccount, Digest, Gap, LeftOut, Unknown
from tiktok_pipeline.hub.words import one_line

LONGEST_CAPTION = 80
REASONS = {
    "missed": "not captured",
    "not_derived": "captured, but not in the reports",
    "provider_down": "TikTok did not answer",
    "needs_reconnect": "must be reconnected",
    "scope_missing": "not granted by the account",
    "quota_exhausted": "out of quota",
    "malformed": "TikTok's answer was broken",
}
STATUS = {"NEED_RECONNECT": "must be reconnected", "ERROR": "captures keep failing"}
WHAT = {"user_info": "profile", "video_list": "videos"}
COUNTERS = {
    "follower_count": "followers",
    "likes_count": "likes",
    "view_count": "views",
    "comment_count": "comments",
    "share_count": "shares",
}


def signed(number: int | None) -> str:
    """A change: +1,234, −56, 0; – when it is not known."""
    if number is None:
        return "–"
    return f"{number:+,}".replace("-", "−") if number else "0"


def counted(number: int | None) -> str:
    """A count: 1,234; – when it is not known."""
    return "–" if number is None else f"{number:,}"


def many(number: int, one: str, more: str | None = None) -> str:
    """1 video, 2 videos, 1,000 videos."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def date(day: dt.date) -> str:
    """Tuesday, 10 March 2026."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def caption(text: str | None) -> str:
    """A video's caption as a short line."""
    line = one_line(text or "")
    if not line:
        return "(no caption)"
    return line if len(line) <= LONGEST_CAPTION else line[: LONGEST_CAPTION - 1].rstrip() + "…"


def over(span_days: int | None) -> str:
    """The mark of a change over a gap; empty when it is of one day."""
    return f"over {span_days} days" if span_days and span_days > 1 else ""


def whose(digest: Digest) -> str:
    """The store's name, or that it is about all stores."""
    return digest.store_name if digest.store_name is not None else "all stores"


def title(digest: Digest) -> str:
    """Whose digest of which day."""
    return f"What changed on {date(digest.day)}: {whose(digest)}"


def subject(digest: Digest) -> str:
    """For a mail: the two numbers that people look for first."""
    state = "" if digest.is_complete else " (incomplete)" if digest.is_over else " (not over yet)"
    totals = digest.totals
    return (
        f"TikTok of {whose(digest)} on {digest.day}{state}: "
        f"{signed(totals.followers_changed)} followers, {signed(totals.views)} views"
    )


def state(digest: Digest) -> str:
    """The first line of every digest: whether its numbers are all there, and can still change."""
    missing = []
    if digest.profiles_missing:
        missing.append(f"the profile of {digest.profiles_missing:,} of {many(digest.accounts, 'account')}")
    if digest.lists_missing:
        missing.append(f"the videos of {many(digest.lists_missing, 'account')}")
    out = len(digest.left_out)
    left_out = (
        f" {out:,} account-day{' is' if out == 1 else 's are'} in quarantine and left out." if out else ""
    )
    if digest.unknown:
        left_out = f" Unknown: {_joined([_counter(one) for one in digest.unknown])}.{left_out}"
    if not digest.is_over:
        lacking = f" Still missing: {' and '.join(missing)}." if missing else ""
        return f"This day is not over: its numbers can still change.{lacking}{left_out}"
    if missing or left_out:
        lacking = f" Missing: {' and '.join(missing)}." if missing else ""
        return f"This day is incomplete.{lacking}{left_out}"
    if not digest.accounts:
        return "No account was to be observed on this day."
    if digest.accounts == 1:
        return "Complete: the account was observed."
    return f"Complete: all {digest.accounts:,} accounts were observed."


def notes(digest: Digest) -> list[str]:
    """How far the numbers can be compared with the day before."""
    totals, said = digest.totals, []
    if totals.profiles and not totals.profiles_compared:
        said.append("The first day: there is nothing before it to compare with.")
    elif first := totals.profiles - totals.profiles_compared:
        were = (
            "was observed for the first time and counts"
            if first == 1
            else "were observed for the first time and count"
        )
        said.append(f"{many(first, 'account')} {were} in no change.")
    if totals.profiles_over_gap:
        said.append(
            f"Followers and likes of {many(totals.profiles_over_gap, 'account')} changed over a gap of up to "
            f"{totals.profiles_span_days} days; all of it counts on this day."
        )
    if totals.videos_over_gap:
        said.append(
            f"Views of {many(totals.videos_over_gap, 'video')} changed over a gap of up to "
            f"{totals.videos_span_days} days; all of it counts on this day."
        )
    if digest.unknown:
        said.append(
            "What is unknown counts, with all that changed meanwhile, on the day on which it is known again."
        )
    return said


def _counter(unknown: Unknown) -> str:
    whose = "account" if unknown.counter in ("follower_count", "likes_count") else "video"
    return f"{COUNTERS[unknown.counter]} of {many(unknown.lacking, whose)}"


def _joined(parts: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def lists(digest: Digest) -> list[tuple[str, list[str]]]:
    """What is wrong, a heading and its lines each; empty on a good day."""
    every = [
        ("Without data", without_data(digest)),
        ("Unknown, and in no number of this day", unknown(digest)),
        ("In quarantine, left out", left_out(digest)),
        ("Broken", broken(digest)),
    ]
    return [(heading, lines) for heading, lines in every if lines]


def without_data(digest: Digest) -> list[str]:
    """What is missing of how many accounts, why, and a few of them."""
    return [_gap(digest, found) for found in digest.gaps]


def _gap(digest: Digest, found: Gap) -> str:
    why = REASONS.get(found.reason, found.reason.replace("_", " ")) if found.reason else "not there yet"
    some = [
        f"{one.name} ({one.store_code}"
        + (f", since {one.since})" if one.since and one.since < digest.day else ")")
        for one in found.examples
    ]
    rest = found.accounts - len(some)
    more = f" and {rest:,} more" if rest else ""
    return f"{WHAT[found.endpoint]} of {many(found.accounts, 'account')}, {why}: {', '.join(some)}{more}"


def unknown(digest: Digest) -> list[str]:
    """Which counters the answers lack, of whom, and what the total lacks for it."""
    return [_unknown(one) for one in digest.unknown]


def _unknown(one: Unknown) -> str:
    some = [
        f"{account.name} ({account.store_code}"
        + (f", {many(account.lacking, 'video')})" if one.lacking > one.accounts else ")")
        for account in one.examples
    ]
    rest = one.accounts - len(some)
    more = f" and {many(rest, 'more account')}" if rest else ""
    last = f"; {one.last_known:,} when they were last known" if one.last_known is not None else ""
    return f"{_counter(one)}: {', '.join(some)}{more}{last}"


def left_out(digest: Digest) -> list[str]:
    """What is in quarantine, and why."""
    return [_left_out(one) for one in digest.left_out]


def _left_out(one: LeftOut) -> str:
    return f"{WHAT[one.endpoint]} of {one.name} ({one.store_code}): {one.why}"


def broken(digest: Digest) -> list[str]:
    """Accounts that need a person; for the company also what else is broken now."""
    said = [_broken(digest, one) for one in digest.broken]
    if digest.broken_found > len(digest.broken):
        said.append(f"and {many(digest.broken_found - len(digest.broken), 'more account')}")
    for one in digest.also_broken:
        example = f", e.g. {one.example}" if one.example else ""
        said.append(f"{one.what}: {one.count:,}{example}. What helps: {one.what_to_do}")
    return said


def _broken(digest: Digest, one: BrokenAccount) -> str:
    zone = ZoneInfo(digest.calendar.zone)
    since = f" since {one.since.astimezone(zone):%Y-%m-%d}" if one.since else ""
    return f"{one.name} ({one.store_code}): {STATUS[one.status]}{since}" + (f": {one.why}" if one.why else "")
