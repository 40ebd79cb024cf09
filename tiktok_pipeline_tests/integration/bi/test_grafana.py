"""The dashboards: Grafana's own model knows all of them, and every query works for a reader of reports."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from sqlalchemy.engine import make_url

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.integration.bi.grafana import FOLDER, Dashboard, dashboards, expanded, texts

Row = dict[str, Any]
ALL = dashboards()
INSTANTS = ("date", "timestamp", "timestamptz")
NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric")
PASSWORDS = re.compile(r"password: (?!\$)")

each_dashboard = pytest.mark.parametrize("dashboard", ALL, ids=str)


@pytest.fixture(scope="module")
def reader(bi_reader: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the data source makes it."""
    url = make_url(bi_reader).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


class Answer:
    """What a query gave: names and PostgreSQL's types of its columns, its rows, and how long it took."""

    def __init__(self, reader: psycopg.Connection[Any], sql: str) -> None:
        begun = time.monotonic()
        with reader.cursor() as cursor:
            cursor.execute(sql.encode())
            self.rows = cursor.fetchall()
            assert cursor.description
            self.names = [column.name for column in cursor.description]
            oids = [column.type_code for column in cursor.description]
        self.seconds = time.monotonic() - begun
        self.types = [_type_name(reader, oid) for oid in oids]


def quick_answer(reader: psycopg.Connection[Any], sql: str) -> Answer:
    """Its answer; of three tries the quickest when it took long, as the machine may have other things to do."""
    answer = Answer(reader, sql)
    if answer.seconds < 1:
        return answer
    return min((answer, Answer(reader, sql), Answer(reader, sql)), key=lambda one: one.seconds)


def _type_name(reader: psycopg.Connection[Any], oid: int) -> str:
    known = reader.adapters.types.get(oid)
    assert known, oid
    return known.name


def choices(dashboard: Dashboard, reader: psycopg.Connection[Any]) -> list[dict[str, str]]:
    """All values that its variables can have together, the later ones asked for with the earlier."""
    found: list[dict[str, str]] = [{}]
    for variable in dashboard.variables:
        name = variable["name"]
        if variable["type"] == "query":
            found = [
                chosen | {name: str(row[-1])}
                for chosen in found
                for row in Answer(reader, expanded(variable["query"], *_now(), chosen)).rows
            ]
        else:
            values = [option["value"] for option in variable.get("options", [])] or [variable["query"]]
            found = [chosen | {name: value} for chosen in found for value in values]
    return found


def _now() -> tuple[dt.datetime, dt.datetime]:
    now = dt.datetime.now(dt.UTC)
    return now, now


def test_there_are_dashboards_of_contents_and_of_operations() -> None:
    assert [str(one) for one in ALL] == [
        "content/company", "content/store", "content/video",
        "operations/captures", "operations/checks", "operations/gaps", "operations/quota", "operations/tokens",
    ]  # fmt: skip
    assert len({one.said["uid"] for one in ALL}) == len(ALL)


@each_dashboard
def test_grafanas_own_model_knows_everything_that_a_dashboard_says(dashboard: Dashboard) -> None:
    plugins.register_default_plugins()
    # The model gives a query of a data source that it does not know back as it is.
    understood = json.loads(JSONEncoder(sort_keys=True).encode(Model.from_json(dashboard.said)))
    assert list(_lost(dashboard.said, understood)) == []


def _lost(said: object, understood: object, place: str = "") -> Iterator[str]:
    """What is said and not understood, or understood otherwise."""
    if isinstance(said, dict) and isinstance(understood, dict):
        for key, value in said.items():
            if key not in understood:
                yield f"{place}.{key}"
            else:
                yield from _lost(value, understood[key], f"{place}.{key}")
    elif isinstance(said, list) and isinstance(understood, list) and len(said) == len(understood):
        for number, (one, other) in enumerate(zip(said, understood, strict=True)):
            yield from _lost(one, other, f"{place}[{number}]")
    elif said != understood:
        yield f"{place}: {said!r} is {understood!r}"


@each_dashboard
def test_panels_have_ids_of_their_own_places_of_their_own_and_words(dashboard: Dashboard) -> None:
    ids = [panel["id"] for panel in dashboard.panels]
    assert len(set(ids)) == len(ids) > 0
    places = [panel["gridPos"] for panel in dashboard.panels]
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, place
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    for panel in dashboard.panels:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]


@each_dashboard
def test_every_data_source_is_provisioned_and_every_link_leads_to_a_dashboard(dashboard: Dashboard) -> None:
    provisioned = yaml.safe_load((FOLDER / "provisioning/datasources/tiktok.yaml").read_text())
    known = {(source["type"], source["uid"]) for source in provisioned["datasources"]}
    asked = [panel["datasource"] for panel in dashboard.panels]
    asked += [one["datasource"] for one in dashboard.variables if one["type"] == "query"]
    assert {(source["type"], source["uid"]) for source in asked} == known
    uids = {one.said["uid"] for one in ALL}
    variables = {one.said["uid"]: {v["name"] for v in one.variables} for one in ALL}
    for text in texts(dashboard.said):
        if not text.startswith("/d/"):
            continue
        uid = re.split(r"[/?]", text)[2]
        assert uid in uids, text
        assert set(re.findall(r"var-(\w+)=", text)) == variables[uid], text


def test_no_password_and_no_address_is_in_a_file() -> None:
    for file in FOLDER.rglob("*.yaml"):
        assert not PASSWORDS.search(file.read_text()), file
    source = yaml.safe_load((FOLDER / "provisioning/datasources/tiktok.yaml").read_text())["datasources"][0]
    given = [
        source["url"],
        source["user"],
        source["jsonData"]["database"],
        source["secureJsonData"]["password"],
    ]
    assert all(re.fullmatch(r"\$GRAFANA_DB_[A-Z]+", value) for value in given), given


@each_dashboard
def test_every_query_works_for_a_bi_reader_within_a_second_and_has_rows(
    dashboard: Dashboard, reader: psycopg.Connection[Any], month: Warehouse
) -> None:
    every = choices(dashboard, reader)
    assert every
    now = dt.datetime.now(dt.UTC)
    for panel in dashboard.panels:
        for target in panel["targets"]:
            where = f"{dashboard}: {panel['title']} {target['refId']}"
            filled = 0
            for chosen in every:
                sql = expanded(target["rawSql"], *dashboard.range(panel, now), chosen)
                answer = quick_answer(reader, sql)
                assert answer.seconds < 1, (where, chosen, answer.seconds)
                _fits(panel, target, answer, where)
                filled += any(value is not None for row in answer.rows for value in row)
            assert filled, f"{where}: no rows, whatever is chosen"


def _fits(panel: Row, target: Row, answer: Answer, where: str) -> None:
    """The columns are what the kind of panel needs."""
    kinds = dict(zip(answer.names, answer.types, strict=True))
    assert len(kinds) == len(answer.names), f"{where}: two columns of one name"
    shown = [name for name, kind in kinds.items() if kind in NUMBERS]
    if panel["type"] == "timeseries":
        assert target["format"] == "time_series", where
        assert answer.names[0] == "time", where
        assert kinds["time"] in INSTANTS, (where, kinds)
        assert shown, (where, kinds)
        assert set(kinds) - {"time", "metric", *shown} == set(), (where, kinds)
        times = [row[0] for row in answer.rows]
        assert times == sorted(times), f"{where}: Grafana wants them in order"
        keys = [(row[0], row[1] if "metric" in kinds else None) for row in answer.rows]
        assert len(set(keys)) == len(keys), f"{where}: two values of a series at one time"
    elif panel["type"] == "stat":
        assert len(answer.rows) <= 1, where
        assert shown == answer.names, (where, kinds)
    elif panel["type"] in ("barchart", "bargauge"):
        assert shown, (where, kinds)
        assert [kind for kind in kinds.values() if kind in ("text", "varchar")], (where, kinds)
        assert panel["options"].get("xField", answer.names[0]) == answer.names[0], where
    else:
        assert panel["type"] == "table", where
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["id"] == "byName" and panel["type"] != "timeseries":
            assert override["matcher"]["options"] in kinds, (where, override["matcher"])
    linked = re.findall(r"__data\.fields\.(\w+)", json.dumps(panel))
    assert set(linked) <= set(kinds), (where, linked)


def test_an_unknown_macro_is_noticed() -> None:
    with pytest.raises(ValueError, match="no macro"):
        expanded("select $__timeGroup(day, '1d')", *_now(), {})
    with pytest.raises(ValueError, match="not expanded"):
        expanded("select '$store'", *_now(), {"store": "x"})
