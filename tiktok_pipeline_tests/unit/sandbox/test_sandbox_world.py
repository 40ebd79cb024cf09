from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from tiktok_pipeline.sandbox.generated_world import EPOCH, GeneratedWorld
from tiktok_pipeline.sandbox.growth import DAY
from tiktok_pipeline.sandbox.world import Counters, Video, World, open_id_of

AT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def world() -> GeneratedWorld:
    return GeneratedWorld(accounts=60, videos=80)


def everything(world: World, at: float) -> list[tuple[Video, Counters]]:
    return [(v, v.counters(at)) for account in world.accounts for v in world.videos(account.index, at)]


def test_the_same_seed_gives_the_same_world(world: GeneratedWorld) -> None:
    again = GeneratedWorld(accounts=60, videos=80)
    assert everything(again, AT + 3 * DAY) == everything(world, AT + 3 * DAY)
    assert [again.profile(i, AT) for i in range(60)] == [world.profile(i, AT) for i in range(60)]


def test_another_seed_gives_another_world(world: GeneratedWorld) -> None:
    other = GeneratedWorld(accounts=60, videos=80, seed=8)
    assert {v.id for v, _ in everything(other, AT)}.isdisjoint(v.id for v, _ in everything(world, AT))


def test_the_past_does_not_depend_on_what_was_asked_before(world: GeneratedWorld) -> None:
    asked_backwards = GeneratedWorld(accounts=60, videos=80)
    everything(asked_backwards, AT + 40 * DAY)
    assert everything(asked_backwards, AT - 100 * DAY) == everything(world, AT - 100 * DAY)


def test_the_number_of_videos_is_accounts_times_videos_on_the_epoch_day(world: GeneratedWorld) -> None:
    assert date(2026, 11, 1) == EPOCH
    assert len(everything(world, AT)) == 60 * 80
    moved = GeneratedWorld(accounts=7, videos=13, epoch=date(2030, 2, 3))
    assert len(everything(moved, datetime(2030, 2, 3, tzinfo=UTC).timestamp())) == 7 * 13


def test_a_few_accounts_are_giants_and_many_are_small(world: GeneratedWorld) -> None:
    sizes = sorted((len(world.videos(i, AT)) for i in range(60)), reverse=True)
    assert sizes[0] > 4 * 80
    assert sizes[30] < 60
    assert sizes[-1] == 0
    assert sizes[-2] > 0


def test_even_accounts_have_exactly_the_same_number_for_ever() -> None:
    world = GeneratedWorld(accounts=5, videos=33, even=True)
    for later in (0, 20, 2000):
        assert [len(world.videos(i, AT + later * DAY)) for i in range(5)] == [33] * 5


def test_a_world_without_videos_is_a_world() -> None:
    world = GeneratedWorld(accounts=3, videos=0)
    assert everything(world, AT) == []
    assert world.profile(0, AT).likes == 0


def test_new_videos_appear_on_most_days(world: GeneratedWorld) -> None:
    totals = [len(everything(world, AT + day * DAY)) for day in range(30)]
    assert sum(later > earlier for earlier, later in pairwise(totals)) > 25


def test_views_and_shares_never_fall_and_likes_rarely(world: GeneratedWorld) -> None:
    fallen_likes = total = 0
    for video, before in everything(world, AT):
        after = video.counters(AT + 10 * DAY)
        assert after.views >= before.views
        assert after.shares >= before.shares
        fallen_likes += after.likes < before.likes
        total += 1
    assert 0 < fallen_likes < 0.01 * total


def test_about_13_percent_of_the_videos_lose_a_comment_within_ten_days() -> None:
    world = GeneratedWorld(accounts=100, videos=100)
    fallen = [v.counters(AT + 10 * DAY).comments < c.comments for v, c in everything(world, AT)]
    assert 0.11 < sum(fallen) / len(fallen) < 0.15


def test_about_7_percent_of_the_accounts_lose_followers_within_ten_days() -> None:
    world = GeneratedWorld(accounts=3000, videos=0)
    fallen = [world.profile(i, AT + 10 * DAY).followers < world.profile(i, AT).followers for i in range(3000)]
    assert 0.055 < sum(fallen) / len(fallen) < 0.085


def test_a_video_gains_most_in_its_first_days(world: GeneratedWorld) -> None:
    video = max((v for v, _ in everything(world, AT)), key=lambda v: v.counters(AT).views)
    born = video.posted_ms / 1000
    views = [video.counters(born + day * DAY).views for day in (0, 3, 30, 33, 400, 403)]
    assert views[1] - views[0] > 10 * (views[3] - views[2]) > 10 * (views[5] - views[4]) > 0


def test_an_audience_grows(world: GeneratedWorld) -> None:
    grown = [world.profile(i, AT + 90 * DAY).followers > world.profile(i, AT).followers for i in range(60)]
    assert sum(grown) > 50


def test_an_accounts_likes_are_those_of_its_videos(world: GeneratedWorld) -> None:
    profile = world.profile(4, AT)
    assert profile.likes == sum(v.counters(AT).likes for v in world.videos(4, AT))
    assert profile.videos == len(world.videos(4, AT))


def test_ids_are_unique_above_2_to_the_53_and_hold_a_moment_before_the_post(world: GeneratedWorld) -> None:
    videos = [v for v, _ in everything(world, AT)]
    assert len({v.id for v in videos}) == len(videos)
    for video in videos:
        assert int(video.id) > 1 << 53
        assert 2 <= video.create_time - (int(video.id) >> 32) < 7 * DAY


def test_some_videos_share_a_second_and_none_a_millisecond(world: GeneratedWorld) -> None:
    shared = 0
    for account in world.accounts:
        videos = world.videos(account.index, AT)
        assert all(a.posted_ms < b.posted_ms for a, b in pairwise(videos))
        shared += sum(a.create_time == b.create_time for a, b in pairwise(videos))
    assert 0.01 < shared / 4800 < 0.03


def test_a_video_does_not_exist_before_it_is_posted(world: GeneratedWorld) -> None:
    for moment in (AT - 300 * DAY, AT + 10 * DAY):
        assert all(v.posted_ms <= moment * 1000 for v, _ in everything(world, moment))


def test_captions_have_emoji_right_to_left_text_great_length_and_nothing(world: GeneratedWorld) -> None:
    captions = [v.caption for v, _ in everything(world, AT)]
    assert 0.02 < captions.count("") / len(captions) < 0.06
    assert 0.06 < sum(len(c) > 150 for c in captions) / len(captions) < 0.15
    assert any("\u200d" in c for c in captions)
    assert any("\u0600" <= letter <= "\u06ff" for c in captions for letter in c)


def test_some_open_ids_begin_with_a_dash_and_every_app_sees_its_own(world: GeneratedWorld) -> None:
    ids = [open_id_of(account, "app") for account in world.accounts]
    assert len(set(ids)) == 60
    assert sum(i.startswith("-") for i in ids) == 15
    assert set(ids).isdisjoint(open_id_of(account, "other app") for account in world.accounts)
    assert len({account.union_id for account in world.accounts}) == 60


def test_shelves_that_fall_out_of_memory_come_back_the_same(
    world: GeneratedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiktok_pipeline.sandbox.generated_world._SHELF_BUDGET", 200)
    forgetful = GeneratedWorld(accounts=60, videos=80)
    assert everything(forgetful, AT) == everything(world, AT)
    assert everything(forgetful, AT) == everything(world, AT)
