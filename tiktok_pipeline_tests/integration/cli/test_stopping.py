"""How serving ends."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tiktok_pipeline.cli.stopping import quietly_stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_the_block_in_order_and_a_second_one_does_not_cut_it_short(
    number: int,
) -> None:
    before = signal.getsignal(number)
    ended = []
    with quietly_stopped():
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
            ended.append("not at all")
        finally:
            os.kill(os.getpid(), number)
            time.sleep(0.05)
            ended.append("in order")
    assert ended == ["in order"]
    assert signal.getsignal(number) == before


def test_an_error_is_not_taken_for_a_stop() -> None:
    with pytest.raises(ValueError, match="a bug"), quietly_stopped():
        raise ValueError("a bug")
