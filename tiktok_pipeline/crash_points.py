"""Named moments at which a test lets the process die, as a power cut would.

`TIKTOK_PIPELINE_CRASH_AT=<name>` in the environment: the process that reaches `crash_point("<name>")` kills itself
with SIGKILL, so that no `finally`, no handler and no buffer gets its chance. Without the variable nothing happens.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "TIKTOK_PIPELINE_CRASH_AT"


def crash_point(name: str) -> None:
    """Die here when the environment asks for it."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
