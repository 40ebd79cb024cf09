"""What Grafana does with a dashboard's queries, as far as PostgreSQL sees it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "docker" / "grafana"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Dashboard:
    """A dashboard as its file says it."""

    file: Path
    said: dict[str, Any]

    @property
    def panels(self) -> list[dict[str, Any]]:
        """Its panels."""
        return list(self.said["panels"])

    @property
    def variables(self) -> list[dict[str, Any]]:
        """Its variables, in the order in which they may use one another."""
        return list(self.said["templating"]["list"])

    def range(self, panel: Mapping[str, Any], now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """The time range that a panel shows when the dashboard is opened at `now`."""
        time = dict(self.said["time"])
        if "timeFrom" in panel:  # a range of the panel's own
            time = {"from": f"now-{panel['timeFrom']}", "to": "now"}
        return _instant(time["from"], now), _instant(time["to"], now)

    def __str__(self) -> str:
        return f"{self.file.parent.name}/{self.file.stem}"


def dashboards() -> list[Dashboard]:
    """All of them."""
    files = sorted(FOLDER.glob("dashboards/*/*.json"))
    return [Dashboard(file, json.loads(file.read_text(encoding="utf-8"))) for file in files]


def expanded(sql: str, first: dt.datetime, last: dt.datetime, variables: Mapping[str, str]) -> str:
    """A query as Grafana sends it to PostgreSQL.

    The macros are those of its PostgreSQL data source, and `${name:sqlstring}` is a text in quotes. Raises ValueError
    for anything else that begins with a $.
    """
    ends = f"'{_iso(first)}'", f"'{_iso(last)}'"

    def macro(found: re.Match[str]) -> str:
        match found["name"], found["argument"]:
            case "timeFilter", column if column:
                return f"{column} BETWEEN {ends[0]} AND {ends[1]}"
            case "timeFrom", "":
                return ends[0]
            case "timeTo", "":
                return ends[1]
        raise ValueError(f"{found[0]}: no macro of Grafana's PostgreSQL data source that is used here")

    def variable(found: re.Match[str]) -> str:
        quoted = variables[found["name"]].replace("'", "''")
        return f"'{quoted}'"

    sql = re.sub(r"\$\{(?P<name>\w+):sqlstring\}", variable, sql)
    left = re.sub(r"\$__(?P<name>\w+)\((?P<argument>[^)]*)\)", macro, sql)
    if "$" in left:
        raise ValueError(f"not expanded: {left}")
    return left


def texts(value: object) -> Iterator[str]:
    """Every text in a piece of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def _instant(text: str, now: dt.datetime) -> dt.datetime:
    found = re.fullmatch(r"now(?:(?P<sign>[+-])(?P<count>\d+)(?P<unit>[mhd]))?", text)
    assert found, text
    if found["sign"] is None:
        return now
    distance = dt.timedelta(**{UNITS[found["unit"]]: int(found["count"])})
    return now + distance if found["sign"] == "+" else now - distance


def _iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
