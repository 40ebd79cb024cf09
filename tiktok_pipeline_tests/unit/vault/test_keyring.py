"""The key ring file is sound, private and whole, or it is refused in one line."""

import base64
import json
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from tiktok_pipeline.vault import KeyRingError
from tiktok_pipeline.vault.keyring import check_value, read_document, read_key_ring
from tiktok_pipeline.vault.ringfile import add_key, make_key_ring, remove_key

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def write(path: Path, content: str | dict[str, Any], mode: int = 0o600) -> None:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)


def test_a_ring_that_was_made_can_be_read_and_only_by_its_owner(path: Path) -> None:
    make_key_ring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ring = read_key_ring(path)
    assert set(ring.keys) == set(ring.check_values) == {ring.primary}
    assert ring.primary > 0
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_making_a_ring_never_replaces_one(path: Path) -> None:
    make_key_ring(path)
    before = path.read_bytes()
    make_key_ring(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_two_rings_have_different_keys(tmp_path: Path) -> None:
    rings = []
    for name in ("a", "b"):
        make_key_ring(tmp_path / name / "keys.json")
        rings.append(read_key_ring(tmp_path / name / "keys.json"))
    assert set(rings[0].check_values.values()).isdisjoint(rings[1].check_values.values())


def test_a_ring_may_hold_several_keys_and_the_primary_seals(path: Path) -> None:
    write(path, {"primary": "000000ff", "keys": {"0000000a": KEY, "000000ff": OTHER}})
    ring = read_key_ring(path)
    assert ring.primary == 255
    assert set(ring.keys) == {10, 255}
    assert ring.check_values[10] == check_value(bytes(range(32)))


def test_the_check_value_is_the_documented_one() -> None:
    assert check_value(bytes(32)).hex() == "cc5f85b2623de44a"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a JSON file"),
        ("{", "not a JSON file"),
        ("\x00", "not a JSON file"),
        ("[]", "valid dictionary"),
        ('{"primary": "0000000a"}', "keys"),
        ({"primary": "0000000a", "keys": {}}, "its primary 0000000a is not in it"),
        ({"primary": "0000000b", "keys": {"0000000a": KEY}}, "its primary 0000000b is not in it"),
        ({"primary": "0000000A", "keys": {"0000000A": KEY}}, "primary"),
        ({"primary": "a", "keys": {"a": KEY}}, "primary"),
        ({"primary": "0000000a\n", "keys": {"0000000a\n": KEY}}, "primary"),
        ({"primary": "00000000", "keys": {"00000000": KEY}}, "cannot be zero"),
        ({"primary": 10, "keys": {"0000000a": KEY}}, "primary"),
        ({"primary": "0000000a", "keys": {"0000000a": KEY[:-4]}}, "32 bytes, not"),
        ({"primary": "0000000a", "keys": {"0000000a": base64.b64encode(bytes(16)).decode()}}, "not 16"),
        ({"primary": "0000000a", "keys": {"0000000a": "*" + KEY}}, "base64"),
        ({"primary": "0000000a", "keys": {"0000000a": KEY[:10] + "é"}}, "base64"),
        ({"primary": "0000000a", "keys": {"0000000a": None}}, "keys.0000000a"),
        ({"primary": "0000000a", "keys": {"0000000a": KEY}, "more": 1}, "more"),
        (f'{{"primary": "0000000a", "keys": {{"0000000a": "{KEY}", "0000000a": "{OTHER}"}}}}', "twice"),
    ],
)
def test_a_ring_that_is_not_sound_is_refused_in_one_line(path: Path, content: Any, says: str) -> None:
    write(path, content)
    with pytest.raises(KeyRingError) as refusal:
        read_key_ring(path)
    message = str(refusal.value)
    assert str(path) in message
    assert says in message
    assert "\n" not in message
    assert KEY[:12] not in message


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(KeyRingError, match="not a JSON file"):
        read_key_ring(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666, 0o601])
def test_a_ring_that_others_may_touch_is_refused_with_the_command_that_mends_it(
    path: Path, mode: int
) -> None:
    write(path, {"primary": "0000000a", "keys": {"0000000a": KEY}}, mode)
    with pytest.raises(KeyRingError, match=f"chmod 600 {path}"):
        read_key_ring(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize(
    ("group", "mode", "taken"),
    [
        (os.getegid(), 0o440, True),  # as Kubernetes mounts a secret: theirs, and our group may read
        (os.getegid(), 0o640, True),
        (os.getegid(), 0o460, False),
        (os.getegid(), 0o444, False),
        (54_321, 0o440, False),  # read by a group that is not ours
    ],
)
def test_a_ring_of_another_owner_may_be_read_by_our_group_and_by_nobody_else(
    path: Path, group: int, mode: int, taken: bool
) -> None:
    write(path, {"primary": "0000000a", "keys": {"0000000a": KEY}}, mode)
    os.chown(path, 12_345, group)
    if taken:
        assert read_key_ring(path).primary == 10
    else:
        with pytest.raises(KeyRingError, match=f"mode {mode:04o}"):
            read_key_ring(path)


def test_made_up_keys_are_told_from_random_ones(path: Path) -> None:
    made_up = [bytes(32), b"k" * 32, bytes(range(32)), bytes(range(32, 0, -1))]
    keys = {f"{number:08x}": key for number, key in enumerate(made_up, start=1)}
    keys |= {f"{number:08x}": os.urandom(32) for number in range(100, 400)}
    write(path, {"primary": "00000001", "keys": {n: base64.b64encode(k).decode() for n, k in keys.items()}})
    assert read_key_ring(path).patterned == {1, 2, 3, 4}


def test_adding_a_key_keeps_the_others_and_the_primary(path: Path) -> None:
    make_key_ring(path)
    before = read_key_ring(path)
    added = add_key(path, taken=())
    after = read_key_ring(path)
    assert after.primary == before.primary
    assert after.check_values == {**before.check_values, added: after.check_values[added]}
    assert after.stamp != before.stamp
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_link_to_the_ring_stays_one(path: Path, tmp_path: Path) -> None:
    make_key_ring(tmp_path / "real.json")
    path.symlink_to(tmp_path / "real.json")
    add_key(path, taken=())
    assert path.is_symlink()
    assert len(read_key_ring(tmp_path / "real.json").keys) == 2


def test_a_write_that_fails_leaves_the_ring_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_key_ring(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyRingError, match=r"No space left on device.*ENCRYPTION_KEYS_FILE naming the copy"):
        add_key(path, taken=())
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_key_is_taken_out_unless_the_ring_would_lack_its_primary(path: Path) -> None:
    make_key_ring(path)
    first, second = read_key_ring(path).primary, add_key(path, taken=())
    assert not remove_key(path, first, primary=None)
    assert not remove_key(path, first, primary=first)
    assert not remove_key(path, 1, primary=second)
    assert remove_key(path, first, primary=second)
    ring = read_key_ring(path)
    assert (ring.primary, set(ring.keys)) == (second, {second})


def test_a_ring_document_shows_no_key(path: Path) -> None:
    write(path, {"primary": "0000000a", "keys": {"0000000a": KEY}})
    document, _ = read_document(path)
    for shown in (repr(document), str(document), repr([document]), pretty_repr(document, max_width=500)):
        assert KEY[:12] not in shown


def test_a_ring_that_is_a_folder_or_missing_is_refused(path: Path) -> None:
    with pytest.raises(KeyRingError, match=r"No such file.*ENCRYPTION_KEYS_FILE"):
        read_key_ring(path)
    path.mkdir()
    with pytest.raises(KeyRingError, match="Is a directory"):
        read_key_ring(path)


def test_a_ring_in_memory_shows_no_key_and_cannot_be_pickled(path: Path) -> None:
    write(path, {"primary": "0000000a", "keys": {"0000000a": KEY}})
    ring = read_key_ring(path)
    assert repr(ring) == "KeyRing(primary=0000000a, 1 keys)"
    assert KEY[:12] not in str(vars(ring))
    with pytest.raises(TypeError):
        pickle.dumps(ring)
