"""One value of a row, from text: every source gives text, so that there is one set of rules."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from tiktok_pipeline.hub.words import storable

LARGEST_COUNTER = 2**63 - 1
LARGEST_MEASURE = 2**31 - 1
FIRST_DAY = dt.date(1900, 1, 1)
# What programs write for "no value" where a number or a time is meant. A caption may well be the word null.
NOTHING = frozenset({"", "null", "none", "nan", "nat", "\\n"})
# pandas writes whole numbers of a column with holes as 12.0; up to 2^53 that is exact.
WHOLE = re.compile(r"([0-9]{1,19})(?:\.0+)?")
EXACT_AS_FLOAT = 2**53
NUMBER_NOT_WHOLE = re.compile(r"[+-]?[0-9]*[.,]?[0-9]+(?:[eE][+-]?[0-9]+)?")
ID = re.compile(r"[!-~]{1,100}")
BEGINS_WITH_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Refused(Exception):
    """A row that cannot be imported; the text says which column and why, without the value."""


def words(text: str | None) -> str | None:
    """Free text as PostgreSQL can keep it."""
    return None if text is None else storable(text)


def counter(text: str | None, column: str, largest: int = LARGEST_COUNTER) -> int | None:
    """A whole number from 0 to `largest`, or None when there is none."""
    if text is None or (text := text.strip()).lower() in NOTHING:
        return None
    whole = WHOLE.fullmatch(text)
    if whole:
        number = int(whole[1])
        if number <= largest and (whole[1] == text or number <= EXACT_AS_FLOAT):
            return number
    raise Refused(f"{column}: not a whole number from 0 to {largest}")


def truth(text: str | None, column: str) -> bool | None:
    """True, false, or None when it is not said."""
    if text is None or (text := text.strip().lower()) in NOTHING:
        return None
    if text in TRUTH:
        return TRUTH[text]
    raise Refused(f"{column}: neither true nor false")


def identifier(text: str | None, column: str) -> str:
    """An id, as text. One that went through a floating-point number (7.1e18) has lost digits and is refused."""
    text = (text or "").strip()
    if text.lower() in NOTHING:
        raise Refused(f"{column}: empty")
    if not text.isdigit() and NUMBER_NOT_WHOLE.fullmatch(text):
        raise Refused(f"{column}: a rounded number, its digits are lost; export ids as text")
    if not ID.fullmatch(text):
        raise Refused(f"{column}: not an id of 1 to 100 plain characters")
    return text


class Times:
    """Days and instants, in the reporting time zone `zone`, as of the database's `now`.

    `without_zone` says whether an instant without a zone was met; it counts as UTC.
    """

    def __init__(self, zone: ZoneInfo, now: dt.datetime) -> None:
        self.zone = zone
        self.now = now
        self.today = now.astimezone(zone).date()
        self.without_zone = False
        self._days: dict[str, dt.date] = {}

    def past_day(self, text: str | None, column: str) -> dt.date:
        """A day before today: YYYY-MM-DD, or a time.

        A time that is midnight as it stands is that date, whatever its zone; another is an instant of the day.
        """
        text = (text or "").strip()
        day = self._days.get(text)
        if day is None:
            day = self._days[text] = self._day(text, column)
        if day >= self.today:
            raise Refused(f"{column}: not a past day; today and the future are captured, not imported")
        if day < FIRST_DAY:
            raise Refused(f"{column}: before {FIRST_DAY}")
        return day

    def instant(self, text: str | None, column: str) -> dt.datetime | None:
        """An instant, aware, or None when there is none."""
        if text is None or (text := text.strip()).lower() in NOTHING:
            return None
        moment = _moment(text)
        if moment is None or not FIRST_DAY.year <= moment.year < dt.MAXYEAR:
            raise Refused(f"{column}: not a time such as 2025-01-31 02:00:00+00:00")
        return self._aware(moment)

    def past_instant(self, text: str | None, column: str) -> dt.datetime | None:
        """An instant that is not in the future, or None when there is none."""
        at = self.instant(text, column)
        if at is not None and at > self.now:
            raise Refused(f"{column}: in the future")
        return at

    def unix_seconds(self, text: str | None, column: str) -> int | None:
        """An instant as TikTok writes it: seconds since 1970, from a time or from such a number."""
        if text is not None and text.strip().isdigit():
            return counter(text, column)
        at = self.instant(text, column)
        if at is None:
            return None
        if at.timestamp() < 0:
            raise Refused(f"{column}: before 1970")
        return int(at.timestamp())

    def _day(self, text: str, column: str) -> dt.date:
        moment = _moment(text)
        if moment is None:
            raise Refused(f"{column}: not a date such as 2025-01-31")
        if moment.time() == dt.time():
            return moment.date()
        try:
            return self._aware(moment).astimezone(self.zone).date()
        except OverflowError:
            raise Refused(f"{column}: not a date such as 2025-01-31") from None

    def _aware(self, moment: dt.datetime) -> dt.datetime:
        if moment.tzinfo is None:
            self.without_zone = True
            return moment.replace(tzinfo=dt.UTC)
        return moment


def _moment(text: str) -> dt.datetime | None:
    """A time as it stands: ISO 8601 with the date in full, with or without a zone."""
    if not BEGINS_WITH_DATE.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
