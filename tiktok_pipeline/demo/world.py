"""The world of a demonstration, remembered in its data folder: a second start finds the same TikTok."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.sandbox.server import SandboxProcess

FILE_NAME = "demo.json"


class DemoWorld(BaseModel):
    """What decides which accounts, videos and counters there are, and where the sandbox listens."""

    model_config = ConfigDict(frozen=True)

    accounts: int
    videos: int
    days: int
    videos_csv: Path | None
    first_started: dt.date  # the counters of a CSV are as in the file from this day on
    port: int | None = None
    # In the clear, unlike any other: it opens made-up stores, and is printed at every start.
    operator_password: str = Field(default_factory=lambda: secrets.token_urlsafe(9))

    def sandbox(self) -> SandboxProcess:
        """The sandbox of this world, not yet started: one more account than are connected, for people to try."""
        world: dict[str, object] = {"accounts": self.accounts + 1, "port": self.port or 0}
        if self.videos_csv is None:
            return SandboxProcess(videos=self.videos, **world)
        return SandboxProcess(videos_csv=self.videos_csv, epoch=self.first_started, **world)

    @classmethod
    def remembered(
        cls,
        folder: Path,
        today: dt.date,
        *,
        accounts: int | None,
        videos: int | None,
        days: int | None,
        videos_csv: Path | None,
    ) -> Self:
        """The world of this folder, made now if it is new; its port is free now.

        None means: as before, or 25 accounts with 60 videos and 30 days. Raises PipelineError when something
        else was asked for than the folder holds.
        """
        asked = {
            "accounts": accounts,
            "videos": videos,
            "days": days,
            "videos_csv": videos_csv.resolve() if videos_csv else None,
        }
        file = folder / FILE_NAME
        known = cls._read(file)
        if known is None:
            defaults = {"accounts": 25, "videos": 60, "days": 30, "videos_csv": None}
            chosen = {name: value if value is not None else defaults[name] for name, value in asked.items()}
            known = cls.model_validate({**chosen, "first_started": today})
        for name, value in asked.items():
            if value is not None and value != getattr(known, name):
                raise PipelineError(
                    f"data folder {folder}: holds a demo with {name} = {getattr(known, name)}, not {value}. "
                    "Leave the option out, or use another --data-dir."
                )
        world = known.model_copy(update={"port": free_port(known.port)})
        file.touch(mode=0o600)
        file.write_text(world.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return world

    @classmethod
    def _read(cls, file: Path) -> Self | None:
        try:
            return cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise PipelineError(
                f"{file}: not readable. Use another --data-dir, or remove its folder."
            ) from None
