"""As `child`, on a machine whose clock is so many seconds off, the last argument."""

from __future__ import annotations

import datetime as dt
import sys
import time

SKEW = float(sys.argv.pop())
_true_time = time.time
_true_datetime = dt.datetime


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _true_datetime)


class _Skewed(_true_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return _true_datetime.now(tz) + dt.timedelta(seconds=SKEW)


if __name__ == "__main__":
    # Before anything else is imported, so that everybody gets the wrong time.
    time.time = lambda: _true_time() + SKEW
    dt.datetime = _Skewed  # type: ignore[misc]
    from tiktok_pipeline_tests.integration.capture.child import main

    main()
