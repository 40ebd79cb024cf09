"""Everything one running sandbox knows, handed to every endpoint."""

from typing import Any

from tiktok_pipeline.sandbox.clock import Clock
from tiktok_pipeline.sandbox.csv_world import CsvWorld
from tiktok_pipeline.sandbox.envelope import LogIds
from tiktok_pipeline.sandbox.fault_box import FaultBox
from tiktok_pipeline.sandbox.generated_world import GeneratedWorld
from tiktok_pipeline.sandbox.limits import SlidingLog
from tiktok_pipeline.sandbox.oauth import TokenStore
from tiktok_pipeline.sandbox.requests_seen import RequestLog
from tiktok_pipeline.sandbox.settings import CHANGEABLE, SandboxError, SandboxSettings
from tiktok_pipeline.sandbox.world import World, open_id_of


class Sandbox:
    """The world, its clock, tokens, faults and memory of requests."""

    def __init__(self, settings: SandboxSettings, public_url: str) -> None:
        self.settings = settings
        self.public_url = public_url.rstrip("/")
        self.clock = Clock()
        self.world = _world(settings)
        self.tokens = TokenStore(self.clock)
        self.limits = SlidingLog()
        self.requests = RequestLog()
        self.faults = FaultBox(self.index_of)
        self._log_ids = LogIds()
        self._open_ids: dict[str, list[str]] = {}
        self._by_name: dict[str, int] = {}
        for client_key in settings.clients:
            ids = [open_id_of(account, client_key) for account in self.world.accounts]
            self._open_ids[client_key] = ids
            self._by_name.update({open_id: index for index, open_id in enumerate(ids)})

    def log_id(self) -> str:
        """Return a new log id for now."""
        return self._log_ids.next(self.clock.now())

    def open_id(self, index: int, client_key: str | None = None) -> str:
        """Return an account's id towards an app (default: the sandbox's own)."""
        return self._open_ids[client_key or self.settings.client_key][index]

    def index_of(self, account: object) -> int:
        """Return an account's index by its index or any of its open_ids. Raises SandboxError."""
        text = str(account)
        if text in self._by_name:
            return self._by_name[text]
        if text.isascii() and text.isdigit() and int(text) < len(self.world.accounts):
            return int(text)
        raise SandboxError(
            f"there is no account {text!r}: give an open_id or an index below {len(self.world.accounts)}"
        )

    def tick(self, at: float | None = None) -> int:
        """Return the moment (UTC unix seconds) whose counters are served at a moment, by default now."""
        step = self.settings.counter_step_seconds
        return int((self.clock.now() if at is None else at) // step * step)

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Change settings while running. Raises SandboxError or ValidationError for what cannot be."""
        if fixed := sorted(set(changes) - CHANGEABLE):
            raise SandboxError(
                f"{fixed[0]} cannot change while the sandbox runs (can: {', '.join(sorted(CHANGEABLE))})"
            )
        self.settings = SandboxSettings.model_validate({**self.settings.model_dump(), **changes})
        self.limits.reset()


def _world(settings: SandboxSettings) -> World:
    if settings.videos_csv is not None:
        return CsvWorld(
            settings.videos_csv, accounts=settings.accounts, seed=settings.seed, epoch=settings.epoch
        )
    return GeneratedWorld(
        accounts=settings.accounts,
        videos=settings.videos,
        seed=settings.seed,
        even=settings.even,
        ties=settings.ties,
        viral=settings.viral,
        epoch=settings.epoch,
    )
