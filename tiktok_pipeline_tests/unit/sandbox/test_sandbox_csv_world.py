import csv
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tiktok_pipeline.sandbox.csv_world import COLUMNS, CsvWorld
from tiktok_pipeline.sandbox.growth import DAY
from tiktok_pipeline.sandbox.settings import SandboxError

TODAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 2, tzinfo=UTC).timestamp()

Row = dict[str, str]
Writer = Callable[[list[Row]], Path]


def row(number: int, **changes: object) -> Row:
    created = 1_690_000_000 + number * 86_400
    values: dict[str, object] = {
        "id": (created - 10) << 32 | number,
        "create_time": created,
        "duration": 10 + number,
        "height": 1024,
        "width": 576,
        "video_description": f'caption "{number}" 😂 \u202bعرض\u202c\n second line ',
        "view_count": 1_000_000 + number,
        "like_count": 4_900_000_000,
        "comment_count": 0,
        "share_count": 17,
        "author_key": f"author{number % 4}",
        "author_is_verified": number % 4 == 2,
        "author_follower_count": 100 * (number % 4 + 1),
        "author_following_count": 5,
        "author_likes_count": 7_000,
        "author_video_count": 40,
    }
    return {name: str(value) for name, value in {**values, **changes}.items()}


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def write(rows: list[Row]) -> Path:
        path = tmp_path / "videos.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "source_file"], restval="some.csv")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def the_error(path: Path) -> str:
    with pytest.raises(SandboxError) as caught:
        CsvWorld(path, accounts=3, epoch=TODAY)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_todays_captions_and_counters_are_those_of_the_file(write: Writer) -> None:
    rows = [row(n) for n in range(12)]
    world = CsvWorld(write(rows), accounts=3, epoch=TODAY)
    served = {v.id: v for i in range(3) for v in world.videos(i, AT)}
    assert len(served) == 12
    for given in rows:
        video = served[given["id"]]
        counters = video.counters(AT)
        assert video.caption == given["video_description"]
        assert str(video.create_time) == given["create_time"]
        assert [str(n) for n in counters] == [
            given[f"{name}_count"] for name in ("view", "like", "comment", "share")
        ]


def test_authors_are_dealt_out_to_the_accounts_always_alike(write: Writer) -> None:
    path = write([row(n) for n in range(12)])
    one, two = (CsvWorld(path, accounts=3, epoch=TODAY) for _ in range(2))
    for index in range(3):
        assert one.videos(index, AT) == two.videos(index, AT)
        assert one.accounts[index] == two.accounts[index]
    assert [len(one.videos(i, AT)) for i in range(3)] == [6, 3, 3]


def test_an_account_has_the_counters_of_its_greatest_author(write: Writer) -> None:
    world = CsvWorld(write([row(n) for n in range(12)]), accounts=3, epoch=TODAY)
    assert world.profile(0, AT) == (400, 5, 7_000, 40)
    assert world.profile(2, AT).followers == 300
    assert world.accounts[2].is_verified


def test_past_days_are_smaller_and_grow_day_by_day_to_the_file(write: Writer) -> None:
    world = CsvWorld(write([row(n) for n in range(12)]), accounts=3, epoch=TODAY)
    for video in world.videos(0, AT):
        days = [video.counters(AT - day * DAY) for day in range(60, -1, -1)]
        for earlier, later in pairwise(days):
            assert all(a <= b for a, b in zip(earlier, later, strict=True))
        assert days[0].views < days[-1].views
    followers = [world.profile(0, AT - day * DAY).followers for day in range(60, -1, -1)]
    assert followers == sorted(followers)


def test_a_real_video_does_not_exist_before_its_create_time(write: Writer) -> None:
    world = CsvWorld(write([row(n) for n in range(12)]), accounts=1, epoch=TODAY)
    assert len(world.videos(0, 1_690_000_000 - 1)) == 0
    assert len(world.videos(0, 1_690_000_000 + 3 * DAY)) == 4


def test_videos_of_one_second_keep_it_and_differ_in_milliseconds(write: Writer) -> None:
    world = CsvWorld(write([row(n, create_time=1_690_000_000) for n in range(40)]), accounts=1, epoch=TODAY)
    videos = world.videos(0, AT)
    assert {v.create_time for v in videos} == {1_690_000_000}
    assert len({v.posted_ms for v in videos}) == 40


def test_more_accounts_than_authors_leave_some_empty(write: Writer) -> None:
    world = CsvWorld(write([row(0)]), accounts=4, epoch=TODAY)
    assert [len(world.videos(i, AT)) for i in range(4)] == [1, 0, 0, 0]
    assert world.profile(3, AT) == (0, 0, 0, 0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert (
        the_error(tmp_path / "nowhere.csv")
        == f"{tmp_path}/nowhere.csv: cannot be read (No such file or directory)"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert the_error(tmp_path).startswith(f"{tmp_path}: cannot be read")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "videos.csv"
    path.write_text("id,create_time\n1,2\n")
    assert the_error(path).startswith(f"{path}, line 1, column duration: is missing")


def test_an_empty_file_and_one_without_videos_are_refused(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    assert the_error(path).startswith(f"{path}, line 1, column id: is missing")
    assert the_error(write([])).endswith("has no videos")


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.endswith("_count") or c in ("id", "create_time")])
@pytest.mark.parametrize("value", ["", "12.5", "-1", "1e3", " 7", "abc", str(1 << 63), "٣", "007"])
def test_a_bad_number_is_named_with_file_line_and_column(write: Writer, column: str, value: str) -> None:
    path = write([row(0, video_description="plain"), row(1, **{column: value})])
    message = the_error(path)
    assert message.startswith(f"{path}, line 3, column {column}: ")
    assert repr(value) in message


def test_lines_are_counted_as_an_editor_counts_them(write: Writer) -> None:
    path = write([row(0), row(1, view_count="many")])  # the caption of the first row has two lines
    assert the_error(path).startswith(f"{path}, line 4, column view_count: 'many'")


def test_a_double_id_is_named_with_both_lines(write: Writer) -> None:
    rows = [row(n, video_description="plain") for n in range(4)]
    path = write([*rows, {**rows[1], "view_count": "5"}])
    assert the_error(path) == f"{path}, line 6, column id: {rows[1]['id']} is already on line 3"


def test_a_line_with_too_few_columns_is_named(write: Writer) -> None:
    path = write([row(0, video_description="plain")])
    with path.open("a") as file:
        file.write("7,1690000000,3\n")
    assert the_error(path) == f"{path}, line 3, column height: the line has 3 columns, not 17"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"author_is_verified": "perhaps"}, "column author_is_verified: 'perhaps'"),
        ({"author_key": ""}, "column author_key: is empty"),
        ({"create_time": "0"}, "column create_time: 0 is not a unix time"),
    ],
)
def test_other_bad_values_are_named(write: Writer, changes: Row, told: str) -> None:
    assert told in the_error(write([row(0, **changes)]))


def test_bytes_that_are_not_utf8_are_named_with_their_line(write: Writer) -> None:
    path = write([row(0, video_description="plain")])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    assert the_error(path) == f"{path}, line 3: is not UTF-8 text"


def test_an_open_quote_is_an_error_with_its_line(write: Writer) -> None:
    path = write([row(0, video_description="plain")])
    with path.open("a") as file:
        file.write('"never closed\n')
    assert the_error(path).startswith(f"{path}, line 3: is not CSV")
