"""The Display API: `user/info`, `video/list` and `video/query`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from tiktok_pipeline.sandbox.calls import Call
from tiktok_pipeline.sandbox.envelope import ApiError, Reply, envelope, to_json
from tiktok_pipeline.sandbox.mangle import Mangler, chosen
from tiktok_pipeline.sandbox.oauth import Grant
from tiktok_pipeline.sandbox.objects import USER_FIELDS, VIDEO_FIELDS, Objects
from tiktok_pipeline.sandbox.paging import Page, faulty_page, page_before
from tiktok_pipeline.sandbox.state import Sandbox
from tiktok_pipeline.sandbox.world import Profile, Video

MAX_COUNT = 20

_USER_NAMES = frozenset(USER_FIELDS)
_VIDEO_NAMES = frozenset(VIDEO_FIELDS)

#: Bytes of ready pages kept. A page that falls out is made again, identically.
_CACHE_BYTES = 256_000_000

#: `data` comes with its members in any order.
_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0))


@dataclass(frozen=True, slots=True)
class _Ready:
    """The members of `data`, ready to be sent."""

    members: tuple[bytes, bytes, bytes]


class DisplayApi:
    """Answers API calls of one sandbox. Ready pages are kept until the counters move on."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.objects = Objects(sandbox.public_url, sandbox.settings.counter_step_seconds)
        self._pages: dict[tuple[object, ...], _Ready] = {}
        self._pages_tick = 0
        self._pages_bytes = 0
        self._visits = count(1)

    def user_info(self, call: Call, grant: Grant) -> Reply:
        """Answer `GET /v2/user/info/`. Raises ApiError."""
        fields = _fields(call.query_string, _USER_NAMES)
        if ungranted := [name for name in fields if USER_FIELDS[name] not in grant.scopes]:
            raise ApiError("scope_not_authorized", f"{_UNGRANTED} (field: {ungranted[0]})")
        at = self._sandbox.tick()
        account = self._sandbox.world.accounts[grant.account]
        profile = self.visible_profile(grant.account, at)
        open_id = self._sandbox.open_id(grant.account, grant.client_key)
        whole = self.objects.user(account, profile, open_id, at, next(self._visits))
        user = {name: whole[name] for name in fields}
        mangler = Mangler(self._sandbox.faults, call.endpoint, grant.account)
        if not mangler.idle:
            user = mangler.apply(user, open_id)
        return self._reply([b'"user":' + to_json(user, escape=not mangler.idle)])

    def video_list(self, call: Call, grant: Grant) -> Reply:
        """Answer `POST /v2/video/list/`. Raises ApiError."""
        fields = _fields(call.query_string, _VIDEO_NAMES)
        _need_video_scope(grant)
        body = call.json_object()
        size = _integer(body, "max_count", default=10, low=1, high=MAX_COUNT)
        cursor = _integer(body, "cursor", default=0, low=0, high=(1 << 63) - 1)
        call.cursor = body.get("cursor")
        at = self._sandbox.tick()
        if not self._sandbox.faults.quiet:
            page = faulty_page(
                self.visible_videos(grant.account, at), cursor, size, self._sandbox.faults, grant.account
            )
            return self._page_reply(self._render(page, fields, grant, at, call.endpoint))
        if at != self._pages_tick or self._pages_bytes > _CACHE_BYTES:
            self._pages.clear()
            self._pages_tick, self._pages_bytes = at, 0
        key = (grant.account, cursor, size, fields, grant.client_key)
        ready = self._pages.get(key)
        if ready is None:
            page = page_before(self._sandbox.world.videos(grant.account, at), cursor, size)
            ready = self._pages[key] = self._render(page, fields, grant, at, call.endpoint)
            self._pages_bytes += len(ready.members[0])
        return self._page_reply(ready)

    def video_query(self, call: Call, grant: Grant) -> Reply:
        """Answer `POST /v2/video/query/`: what is unknown, foreign or hidden is absent. Raises ApiError."""
        fields = _fields(call.query_string, _VIDEO_NAMES)
        _need_video_scope(grant)
        filters = call.json_object().get("filters")
        ids = filters.get("video_ids") if isinstance(filters, dict) else None
        if not isinstance(ids, list) or not ids or not all(isinstance(id_, str) for id_ in ids):
            raise ApiError("invalid_params", "filters.video_ids must be a list of video ids as strings.")
        if len(ids) > MAX_COUNT:
            raise ApiError("invalid_params", f"filters.video_ids holds {len(ids)} ids, at most {MAX_COUNT}.")
        at = self._sandbox.tick()
        wanted = set(ids)
        found = [video for video in self.visible_videos(grant.account, at) if video.id in wanted]
        return self._page_reply(self._render(Page(found[::-1], 0, False), fields, grant, at, call.endpoint))

    def visible_videos(self, index: int, at: int) -> Sequence[Video]:
        """Return an account's videos less those that a fault hides, oldest first."""
        videos = self._sandbox.world.videos(index, at)
        for rule in self._sandbox.faults.picked("hidden_videos", "video/list", index):
            hidden = set(rule.ids)
            videos = [
                video
                for video in videos
                if video.id not in hidden and not (rule.fraction and chosen(video.id, rule.fraction))
            ]
        return videos

    def visible_profile(self, index: int, at: int) -> Profile:
        """Return an account's counters less the videos that a fault hides."""
        profile = self._sandbox.world.profile(index, at)
        if self._sandbox.faults.quiet:
            return profile
        hidden = len(self._sandbox.world.videos(index, at)) - len(self.visible_videos(index, at))
        return profile._replace(videos=max(0, profile.videos - hidden))

    def _render(self, page: Page, fields: tuple[str, ...], grant: Grant, at: int, endpoint: str) -> _Ready:
        account = self._sandbox.world.accounts[grant.account]
        mangler = Mangler(self._sandbox.faults, endpoint, grant.account)
        videos: list[dict[str, Any]] = []
        for video in page.videos:
            whole = self.objects.video(account, video, video.counters(at), grant.client_key, at)
            served = {name: whole[name] for name in fields}
            videos.append(served if mangler.idle else mangler.apply(served, video.id))
        return _Ready(
            (
                b'"videos":' + to_json(videos, escape=not mangler.idle),
                b'"cursor":%d' % page.cursor,
                b'"has_more":true' if page.has_more else b'"has_more":false',
            )
        )

    def _page_reply(self, ready: _Ready) -> Reply:
        first, second, third = _ORDERS[next(self._visits) % len(_ORDERS)]
        members = ready.members
        return self._reply([members[first], members[second], members[third]])

    def _reply(self, members: list[bytes]) -> Reply:
        log_id = self._sandbox.log_id()
        return Reply(200, envelope(members, log_id), log_id=log_id)


_UNGRANTED = "The user did not authorize the scope required for completing this request."


@lru_cache(maxsize=1000)
def _fields(query_string: bytes, known: frozenset[str]) -> tuple[str, ...]:
    """Return the asked-for fields without repetitions. Raises ApiError as TikTok words it."""
    query = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    fields = tuple(dict.fromkeys(name.strip() for name in query.get("fields", "").split(",") if name.strip()))
    if not fields:
        raise ApiError("invalid_params", "Fields is required, please provide fields in the request")
    if unknown := [name for name in fields if name not in known]:
        raise ApiError("invalid_params", f"Invalid field(s): {', '.join(unknown)}")
    return fields


def _need_video_scope(grant: Grant) -> None:
    if "video.list" not in grant.scopes:
        raise ApiError("scope_not_authorized")


def _integer(body: dict[str, Any], name: str, *, default: int, low: int, high: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ApiError("invalid_params", f"{name} must be an integer from {low} to {high}.")
    return value
