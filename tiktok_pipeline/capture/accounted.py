"""Is every account-day accounted for: exactly one state for every account and day since it was connected?"""

from __future__ import annotations

import datetime as dt

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
