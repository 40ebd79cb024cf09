"""Named moments at which a test lets the process die, as a power cut would.

`TIKTOK_PIPELINE_CRASH_AT=<name>` in the environment: the process that reaches `crash_point("<name>")` kills itself
with SIGKILL, so that no `finally`, no handler and no buffer gets its chance; `<name>:3` lets it pass twice before.
Without the variable nothing happens.
"""

from __future__ import annotations

import itertools
import os
import signal

VARIABLE = "TIKTOK_PIPELINE_CRASH_AT"

_passes = itertools.count(1)


def crash_point(name: str) -> None:
    """Die here when the environment asks for it."""
    asked = os.environ.get(VARIABLE)
    if asked is None:
        return
    wanted, _, which = asked.partition(":")
    if wanted == name and next(_passes) >= int(which or 1):
        os.kill(os.getpid(), signal.SIGKILL)
