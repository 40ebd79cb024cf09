"""Is every account-day accounted for: exactly one state for every account and day since it was connected?"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tiktok_pipeline.capture.ledger import Ledger


def unaccounted(ledger: Ledger, first: dt.date, last: dt.date) -> dict[dt.date, str]:
    """What is wrong with the states of a day, in words, by day, oldest first; nothing for a day that is right.

    That an account-day has no two states is the ledger's primary key; that the states add up to the accounts is
    counted here. A state is wrong, too, when its day is over and it is not final.
    """
    wrong = {}
    for row in ledger.accounted(first, last):
        missing = row["accounts"] - row["states"]
        said = []
        if missing > 0:
            said.append(f"{missing} of {row['accounts']} accounts have no state")
        if row["unsettled"]:
            said.append(f"{row['unsettled']} account-days are over and have no final state")
        if said:
            wrong[row["day"]] = "; ".join(said)
    return wrong


@dataclass(frozen=True, slots=True)
class Sum:
    """All of history: `states` that account-days have, how many are `expected`; `wrong` in words, or None."""

    states: int
    expected: int
    wrong: str | None


def sum_of_states(ledger: Ledger, last: dt.date) -> Sum:
    """Whether the states of all days until `last` (or yesterday) add up to accounts times days since they are known.

    One aggregate; only when it does not add up the days are looked through for the first one that is wrong.
    """
    found = ledger.accounted_in_all(last)
    states, expected = found["states"], int(found["expected"])
    if states == expected:
        return Sum(states, expected, None)
    days = unaccounted(ledger, found["first"], found["last"])
    where = next((f"; {day}: {said}" for day, said in days.items()), "")
    return Sum(
        states, expected, f"until {found['last']} {expected:,} account-days have {states:,} states{where}"
    )
