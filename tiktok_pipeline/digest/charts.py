"""A digest's charts as SVG or PNG: drawn by altair, made pictures of by vl-convert, without a browser or the network.

Both are imported when the first chart is drawn: that takes a second or two, which definitions cannot spare.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tiktok_pipeline.digest import words
from tiktok_pipeline.digest.content import Day, Digest, Mover

Format = Literal["svg", "png"]
WIDTH, HEIGHT, ROW = 560, 130, 20
# Read well on white and on black, since an SVG does not know the page it is on.
INK, LINE, GAIN, LOSS, VIEWS = "#7d8590", "#7d859040", "#2c8a57", "#d1495b", "#3b7dd8"
SHORT = "format(datum.value, '~s')"  # 1.2k
FAINT = 0.45  # a bar that holds more than its own day
MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart. `name` is a file's, `alt` says what it shows."""

    name: str
    alt: str
    media_type: str
    content: bytes

    @property
    def data_uri(self) -> str:
        """The picture as an address that holds it."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode()}"


def draw(digest: Digest, format: Format, *, most: int = 3) -> list[Picture]:
    """The first charts that have something to show: followers and views of four weeks, and who moved most."""
    what = "Stores" if digest.store_code is None else "Accounts"
    charts = (
        ("followers", "Followers gained and lost a day", _followers(digest.days)),
        ("views", "Views gained a day", _views(digest.days)),
        ("movers", f"{what} whose followers changed most", _movers(digest.movers)),
    )
    drawn = [one for one in charts if one[2] is not None]
    return [_picture(name, shows, chart, format) for name, shows, chart in drawn[:most]]


def _followers(days: Sequence[Day]) -> Any | None:
    import altair as alt

    if all(day.followers_gained is None for day in days):
        return None
    signs = (("gained", 1), ("lost", -1))
    values = [
        {**_at(day), "change": change, "way": way}
        for day in days
        for way, sign in signs
        if (change := day.followers_gained if sign > 0 else day.followers_lost)
    ]
    colour = alt.Color("way:N", scale=alt.Scale(domain=["gained", "lost"], range=[GAIN, LOSS]), legend=None)
    return _bars(days, values, "change", colour)


def _views(days: Sequence[Day]) -> Any | None:
    import altair as alt

    if all(day.views is None for day in days):
        return None
    values = [{**_at(day), "change": day.views} for day in days if day.views]
    return _bars(days, values, "change", alt.value(VIEWS))


def _bars(days: Sequence[Day], values: list[dict[str, Any]], field: str, colour: Any) -> Any:
    """A bar a day; a day without one was not compared, and a faint one holds days before it too."""
    import altair as alt

    first_of_weeks = [str(day.day) for day in days[::-7]]
    return (
        alt.Chart(alt.InlineData(values=values), width=WIDTH, height=HEIGHT)
        .mark_bar(cornerRadius=1)
        .encode(
            x=alt.X(
                "day:O",
                scale=alt.Scale(domain=[str(day.day) for day in days]),
                axis=alt.Axis(
                    title=None,
                    values=first_of_weeks,
                    labelAngle=0,
                    labelExpr="timeFormat(toDate(datum.value + 'T00:00:00'), '%d %b')",
                ),
            ),
            y=alt.Y(f"{field}:Q", axis=alt.Axis(title=None, tickCount=4, labelExpr=SHORT)),
            color=colour,
            opacity=alt.Opacity(
                "faint:N", scale=alt.Scale(domain=[False, True], range=[1, FAINT]), legend=None
            ),
        )
    )


def _movers(movers: Sequence[Mover]) -> Any | None:
    import altair as alt

    if len(movers) < 2:
        return None

    # Two stores may share a name: rows are told apart by their place, and labelled by the name.
    values = [{"place": n, "change": m.followers, "up": m.followers > 0} for n, m in enumerate(movers)]
    name_of = f"{json.dumps([words.caption(mover.name) for mover in movers])}[datum.value]"
    return (
        alt.Chart(alt.InlineData(values=values), width=WIDTH - 120, height=ROW * len(values))
        .mark_bar(cornerRadius=1)
        .encode(
            y=alt.Y("place:O", axis=alt.Axis(title=None, labelExpr=name_of, labelLimit=170, grid=False)),
            x=alt.X("change:Q", axis=alt.Axis(title=None, tickCount=5, labelExpr=SHORT)),
            color=alt.Color("up:N", scale=alt.Scale(domain=[True, False], range=[GAIN, LOSS]), legend=None),
        )
    )


def _at(day: Day) -> dict[str, Any]:
    return {"day": str(day.day), "faint": day.over_gap}


def _picture(name: str, shows: str, chart: Any, format: Format) -> Picture:
    import vl_convert

    styled = (
        # Room at the sides: a browser's letters are wider than those that vl-convert measured.
        chart.properties(padding={"left": 20, "right": 16, "top": 5, "bottom": 5})
        .configure(background="transparent" if format == "svg" else "white", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, gridColor=LINE, domainColor=LINE, tickColor=LINE, labelFontSize=11, domain=False
        )
    )
    spec = styled.to_json(indent=None)
    content = (
        vl_convert.vegalite_to_svg(spec).encode()
        if format == "svg"
        else _packed(vl_convert.vegalite_to_png(spec, scale=1.5))
    )
    return Picture(f"{name}.{format}", shows, MEDIA_TYPES[format], content)


def _packed(png: bytes) -> bytes:
    """The same picture a tenth as large: vl-convert packs in haste, and it goes into mails and Dagster's event log."""
    parts, at = [], 8
    while at < len(png):
        [length] = struct.unpack_from(">I", png, at)
        parts.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    pixels = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    parts = [(kind, content) for kind, content in parts if kind not in (b"IDAT", b"IEND")]
    made = png[:8]
    for kind, content in [*parts, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]:
        made += (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )
    return made
