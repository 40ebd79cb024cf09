"""The sandbox's clock: real time plus an offset, so that tests can move days."""

import time
from datetime import UTC, datetime


class Clock:
    """Real time plus `offset_seconds`."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Return the sandbox's time as UTC unix seconds."""
        return time.time() + self.offset_seconds

    def set_now(self, moment: datetime) -> None:
        """Let it be `moment` now; from here the clock runs on at normal speed."""
        self.offset_seconds = moment.timestamp() - time.time()

    def describe(self) -> dict[str, object]:
        """Return the time as ISO 8601 in UTC, and the offset."""
        now = datetime.fromtimestamp(self.now(), tz=UTC)
        return {"now": now.isoformat().replace("+00:00", "Z"), "offset_seconds": self.offset_seconds}
