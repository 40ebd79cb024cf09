"""Everything that can go wrong with TikTok, as settings.

`Faults` has one field per kind of fault; each holds a list of rules, and a rule says whom it hits, how often,
and how. A single rule may be given without the list, and `true` is a rule without particulars:
`{"internal_error": true, "slow": {"delay_ms": 800, "endpoint": "video/list"}}`.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Endpoint = Literal["user/info", "video/list", "video/query", "oauth/token", "oauth/revoke"]
VideoCounter = Literal["view_count", "like_count", "comment_count", "share_count"]
AnyCounter = Literal[
    "view_count", "like_count", "comment_count", "share_count",
    "follower_count", "following_count", "likes_count", "video_count",
]  # fmt: skip


class Rule(BaseModel):
    """Whom a fault hits and how often. Without particulars: every request, always."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Endpoint | list[Endpoint] | None = Field(None, description="only these endpoints")
    accounts: list[int | str] | None = Field(None, description="only these accounts, by index or open_id")
    probability: float = Field(1.0, ge=0, le=1, description="share of the matching requests that it hits")
    after: int = Field(0, ge=0, description="lets this many matching requests pass first")
    times: int | None = Field(None, ge=1, description="stops after it has hit this often")
    per_account: bool = Field(False, description="counts `after` and `times` for each account separately")


class HtmlError(Rule):
    """A gateway's HTML page instead of JSON."""

    status: int = Field(503, ge=200, le=599)


class RateLimited(Rule):
    """429 although the limit is not reached."""

    retry_after: str | None = Field(
        None,
        coerce_numbers_to_str=True,
        description="Retry-After as it is sent (5, -5, 1e11, soon); date+30 sends the HTTP date in 30 s",
    )


class ErrorCode(Rule):
    """Any error code with any status, by default with 200."""

    code: str = "internal_error"
    message: str = "Something is wrong with TikTok server. Please try again later."
    status: int = Field(200, ge=200, le=599)


class OAuthRefusal(Rule):
    """An OAuth error, by default with TikTok's status 200; the token stays as it was."""

    error: str = "invalid_request"
    description: str = "The request parameters are malformed."
    status: int = Field(200, ge=200, le=599)
    grant_type: Literal["authorization_code", "refresh_token"] | None = None


class Big(Rule):
    """A body of this many megabytes once unpacked."""

    megabytes: int = Field(200, ge=1, le=2000)


class Deep(Rule):
    """JSON nested this deeply."""

    depth: int = Field(10_000, ge=1, le=5_000_000)


class Slow(Rule):
    """An answer that takes its time: before anything is done (request) or with the work done (answer)."""

    delay_ms: int = Field(1000, ge=0, le=3_600_000)
    at: Literal["request", "answer"] = "answer"


class Drip(Rule):
    """A body that comes in drops."""

    bytes_per_second: float = Field(1.0, gt=0)


class Silence(Rule):
    """An open connection on which nothing comes any more.

    `request`: nothing is done, nothing comes; `answer`: all is done, nothing comes; `headers`: just they.
    """

    at: Literal["request", "answer", "headers"] = "headers"
    seconds: float = Field(600.0, gt=0, description="the connection is dropped afterwards")


class Drop(Rule):
    """A connection that is cut.

    `request`: before anything is done; `answer`: all is done (the refresh token is rotated), no byte comes;
    `body`: in the middle of the body.
    """

    at: Literal["request", "answer", "body"] = "answer"
    reset: bool = Field(False, description="a TCP reset instead of an orderly end")


class WrongLength(Rule):
    """A Content-Length that differs from the body by this many bytes; then the connection ends."""

    by: int = Field(100, description="positive: announces more than comes; negative: less")


class Truncated(Rule):
    """Valid HTTP, but the JSON stops at this share of its length."""

    keep: float = Field(0.5, ge=0, lt=1)


class ContentType(Rule):
    """The right body under another media type."""

    value: str = "text/plain"


class ShortPages(Rule):
    """Pages hold at most this many videos while has_more is true."""

    size: int = Field(3, ge=1, le=19)


class Overlap(Rule):
    """Each page begins with the last videos of the page before."""

    videos: int = Field(2, ge=1, le=19)


class CutList(Rule):
    """A list that ends after this many videos, with has_more false; video_count stays whole."""

    videos: int = Field(0, ge=0)


class ContentRule(Rule):
    """Hits a part of the videos, always the same ones."""

    fraction: float = Field(1.0, ge=0, le=1, description="share of the videos, chosen by id")


class BadCounters(ContentRule):
    """Counters that are not counters."""

    value: Literal[
        "missing", "null", "zero", "negative", "2^63", "1e30", "float", "string", "NaN", "Infinity"
    ] = "null"
    fields: list[AnyCounter] | None = Field(None, description="only these counters (default: all)")


def _views() -> list[AnyCounter]:
    return ["view_count"]


class FallingCounters(ContentRule):
    """Counters multiplied by a factor below one."""

    factor: float = Field(0.6, ge=0, le=1)
    fields: list[AnyCounter] = Field(default_factory=_views)


def _of_a_video() -> list[AnyCounter]:
    return ["view_count", "like_count", "comment_count", "share_count"]


class RisingCounters(ContentRule):
    """Counters multiplied by a factor above one: videos that go viral."""

    factor: float = Field(30.0, ge=1)
    fields: list[AnyCounter] = Field(default_factory=_of_a_video)
    ids: list[str] | None = Field(None, description="only these videos")


class BadTexts(ContentRule):
    """Captions, display names and biographies: a NUL inside, half an emoji, of great length, or empty."""

    content: Literal["nul", "surrogate", "long", "empty"] = "nul"
    length: int = Field(10_000, ge=1, le=10_000_000, description="characters of a long text")


class MissingFields(ContentRule):
    """Fields that do not come although they were asked for."""

    fields: list[str] = Field(default_factory=lambda: ["create_time"])


class RenamedFields(ContentRule):
    """Fields that come under another name."""

    names: dict[str, str] = Field(default_factory=lambda: {"view_count": "play_count"})


class ExtraFields(ContentRule):
    """Fields that nobody asked for."""

    fields: dict[str, Any] = Field(
        default_factory=lambda: {"save_count": 12, "new_in_2027": {"nested": [1, "two", None]}}
    )


class HiddenVideos(Rule):
    """Videos deleted or made private: they are in no list and no query, and video_count is without them."""

    ids: list[str] = Field(default_factory=list)
    fraction: float = Field(0.0, ge=0, le=1, description="share of the videos, chosen by id")


class TokenAnswer(Rule):
    """A successful token answer with fields missing or exchanged."""

    remove: list[str] = Field(default_factory=list)
    replace: dict[str, Any] = Field(default_factory=dict)


def _as_list(value: object) -> object:
    """Accept a single rule, or true and false, where a list of rules stands."""
    if value is None or value is False:
        return []
    if value is True:
        return [{}]
    return value if isinstance(value, list) else [value]


R = TypeVar("R", bound=Rule)
Rules = Annotated[list[R], BeforeValidator(_as_list)]


class Faults(BaseModel):
    """All faults that are switched on. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # instead of an answer; of several that hit, the first in this order
    internal_error: Rules[Rule] = []
    html_error: Rules[HtmlError] = []
    rate_limited: Rules[RateLimited] = []
    token_invalid: Rules[Rule] = []
    scope_refused: Rules[Rule] = []
    error_code: Rules[ErrorCode] = []
    html_ok: Rules[Rule] = []
    empty_body: Rules[Rule] = []
    oversize: Rules[Big] = []
    gzip_bomb: Rules[Big] = []
    deep_json: Rules[Deep] = []
    # at the token endpoint
    oauth_error: Rules[OAuthRefusal] = []
    invalid_client: Rules[Rule] = []
    dead_refresh_token: Rules[Rule] = []
    token_answer: Rules[TokenAnswer] = []
    # on the way
    slow: Rules[Slow] = []
    drip: Rules[Drip] = []
    silence: Rules[Silence] = []
    drop: Rules[Drop] = []
    wrong_length: Rules[WrongLength] = []
    truncated_json: Rules[Truncated] = []
    content_type: Rules[ContentType] = []
    # in the paging of video/list
    stuck_cursor: Rules[Rule] = []
    cursor_loop: Rules[Rule] = []
    endless: Rules[Rule] = []
    short_pages: Rules[ShortPages] = []
    empty_pages: Rules[Rule] = []
    overlap: Rules[Overlap] = []
    cut_list: Rules[CutList] = []
    unsorted: Rules[Rule] = []
    # in what is served
    counters: Rules[BadCounters] = []
    falling_counters: Rules[FallingCounters] = []
    rising_counters: Rules[RisingCounters] = []
    texts: Rules[BadTexts] = []
    missing_fields: Rules[MissingFields] = []
    renamed_fields: Rules[RenamedFields] = []
    extra_fields: Rules[ExtraFields] = []
    hidden_videos: Rules[HiddenVideos] = []

    def switched_on(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rules by kind, without the kinds that have none and without defaults."""
        return {
            kind: rules
            for kind, rules in self.model_dump(exclude_defaults=True, mode="json").items()
            if rules
        }
