"""A thousand accounts, days in seconds, a random fault every few seconds: every account-day comes to a final state."""

from __future__ import annotations

import os
import sys

import pytest

from tiktok_pipeline_tests.faults.chaos import run_chaos
from tiktok_pipeline_tests.faults.matrix import Matrix


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whatever_happens_no_account_day_is_lost_or_doubled(capfd: pytest.CaptureFixture[str]) -> None:
    minutes = float(os.environ.get("CHAOS_MINUTES", "5"))
    accounts = int(os.environ.get("CHAOS_ACCOUNTS", "1000"))
    with Matrix(accounts=accounts, videos=25, access_token_seconds=129_600) as matrix:
        with matrix.world(seed=int(os.environ.get("CHAOS_SEED", "1"))) as world, capfd.disabled():
            chaos = run_chaos(world, accounts, minutes, every_seconds=4, day_seconds=60)
            sys.stdout.write(f"\n{chaos}\n")
        assert chaos.violations == []
        assert chaos.days > 1
