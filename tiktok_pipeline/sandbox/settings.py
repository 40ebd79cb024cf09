"""The sandbox's settings, declared once: default, unit and meaning of each."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TokenRegime = Literal["strict", "lenient"]

#: Seconds that an access token and a refresh token live. TikTok documents both: "strict" since November 2026.
LIFETIMES: dict[TokenRegime, tuple[int, int]] = {
    "strict": (7_200, 15_552_000),
    "lenient": (86_400, 31_536_000),
}

ALL_SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats", "video.list")


class SandboxError(Exception):
    """The sandbox cannot start or cannot do what was asked; the message is one line for a person."""


class SandboxSettings(BaseModel):
    """What kind of TikTok the sandbox is. Field descriptions are the help texts of the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8100, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str | None = Field(
        None, description="base URL under which browsers reach the sandbox (default: http://host:port)"
    )

    accounts: int = Field(10, ge=1, le=1_000_000, description="number of TikTok accounts")
    videos: int = Field(
        100, ge=0, le=1_000_000, description="mean number of videos per account on the epoch day"
    )
    even: bool = Field(
        False, description="every account has exactly the mean number of videos and posts no more"
    )
    seed: int = Field(7, ge=0, description="the same seed gives the same world")
    epoch: date | None = Field(
        None,
        description="day on which accounts x videos is exact (default 2026-11-01); "
        "with a CSV: day from which counters are as in the file (default: today)",
    )
    ties: float = Field(
        0.02, ge=0, le=1, description="share of videos posted in the same second as the one before"
    )
    viral: float = Field(
        0.015, ge=0, le=1, description="share of videos that get 25 times the views of the others"
    )
    counter_step_seconds: int = Field(
        3600, ge=1, le=86_400, description="counters and lists stay constant for this many seconds"
    )
    videos_csv: Path | None = Field(None, description="serve the real videos of this CSV file instead")

    client_key: str = Field("sandbox-client-key", min_length=1, description="key of the app")
    client_secret: str = Field("sandbox-client-secret", min_length=1, description="secret of the app")
    extra_clients: dict[str, str] = Field(
        default_factory=dict, description="further apps as KEY=SECRET; may be given several times"
    )
    app_scopes: tuple[str, ...] = Field(
        ALL_SCOPES, description="scopes the app may ask for; repeat the option"
    )

    token_regime: TokenRegime = Field(
        "strict",
        description="strict: 2 h / 180 d and single-use refresh tokens; lenient: 24 h / 365 d, reusable",
    )
    access_token_seconds: int | None = Field(
        None, ge=1, description="life of an access token (default: by regime)"
    )
    refresh_token_seconds: int | None = Field(
        None, ge=1, description="life of a refresh token (default: by regime)"
    )
    oauth_errors_as_http_status: bool = Field(
        False, description="answer OAuth errors with 400/401 instead of TikTok's 200"
    )

    limit: int = Field(600, ge=0, description="requests per window, client key and endpoint; 0 = no limit")
    window_seconds: float = Field(
        60.0, gt=0, description="length of the sliding window of the limit, in seconds"
    )
    retry_after: str | None = Field(None, description="Retry-After header of a 429 (TikTok sends none)")

    @property
    def clients(self) -> dict[str, str]:
        """Every app's secret by its key."""
        return {self.client_key: self.client_secret, **self.extra_clients}

    @property
    def rotates_refresh_tokens(self) -> bool:
        """Whether a refresh kills the refresh token that was sent."""
        return self.token_regime == "strict"  # noqa: S105  a regime, not a secret

    @property
    def lifetimes(self) -> tuple[int, int]:
        """Seconds that a new access token and a new grant's refresh token live."""
        access, refresh = LIFETIMES[self.token_regime]
        return self.access_token_seconds or access, self.refresh_token_seconds or refresh


#: What may change while the sandbox runs; the rest decides what the world is.
CHANGEABLE = frozenset(
    {
        "token_regime",
        "access_token_seconds",
        "refresh_token_seconds",
        "oauth_errors_as_http_status",
        "limit",
        "window_seconds",
        "retry_after",
        "app_scopes",
    }
)
