"""The forecast: how long the daily capture takes at the quota's speed, and until when it fits its window.

Pages are those that each account had when it was last captured, profiles included. What a run takes beyond that, when
TikTok is slow or down, no forecast knows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tiktok_pipeline.warehouse.connection import Warehouse

FORESEEN = dt.timedelta(days=365)
WARN_AHEAD = dt.timedelta(days=30)  # to ask TikTok for a larger quota takes weeks


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one TikTok app is asked for every day; each app has a quota of its own."""

    client_key: str
    accounts: int
    pages: int
    pages_a_day: float | None  # growth
    today: dt.date
    pages_a_minute: float
    window_minutes: int

    @property
    def minutes(self) -> float:
        """How long the capture takes."""
        return self.pages / self.pages_a_minute

    @property
    def fits(self) -> bool:
        """Whether that is within the window."""
        return self.minutes <= self.window_minutes

    @property
    def fits_until(self) -> dt.date | None:
        """The last day on which it fits if it grows on as it did; None: not within a year, or it does not fit now."""
        if not self.fits or self.pages_a_day is None or self.pages_a_day <= 0:
            return None
        days = (self.window_minutes * self.pages_a_minute - self.pages) / self.pages_a_day
        return self.today + dt.timedelta(days=int(days)) if days < FORESEEN.days else None

    @property
    def warning(self) -> str | None:
        """What to do before the capture stops fitting, when that is so now or within WARN_AHEAD; else None."""
        if self.fits and (self.fits_until is None or self.fits_until >= self.today + WARN_AHEAD):
            return None
        since = self.today if self.fits_until is None else self.fits_until + dt.timedelta(days=1)
        return (
            f"from {since} on, a day's capture does not fit CAPTURE_WINDOW_MINUTES ({self.window_minutes}). "
            "Widen the window, or ask TikTok for more requests per minute."
        )

    def __str__(self) -> str:
        verdict = "fits" if self.fits else "does not fit"
        if self.fits_until is not None:
            verdict += f" until {self.fits_until}, at the growth of the last 14 days"
        return (
            f"{self.pages:,} pages need {self.minutes:,.1f} min; window {self.window_minutes} min: {verdict}"
        )


def forecasts(
    warehouse: Warehouse, today: dt.date, *, pages_a_minute: float, window_minutes: int
) -> list[Forecast]:
    """The forecast of every app that has connected accounts."""
    return [
        Forecast(**row, today=today, pages_a_minute=pages_a_minute, window_minutes=window_minutes)
        for row in warehouse.execute("capture/forecast", {"today": today})
    ]


def in_words(forecasts: Sequence[Forecast]) -> str:
    """One line, with the apps' keys when there are several."""
    if len(forecasts) == 1:
        return str(forecasts[0])
    return "; ".join(f"app {one.client_key}: {one}" for one in forecasts) or "no account is connected"


def warnings(forecasts: Sequence[Forecast]) -> str:
    """What to do, of all apps that need something done, with their keys when there are several; else empty."""
    several = len(forecasts) > 1
    return " ".join(
        f"app {one.client_key}: {one.warning}" if several else one.warning
        for one in forecasts
        if one.warning is not None
    )
