"""What an installation holds may be given away with it."""

from __future__ import annotations

from supply.licences import ALLOWED, installed


def test_every_package_has_a_licence_that_ours_can_stand_beside() -> None:
    found = installed()
    assert len(found) > 100
    assert {name: licence for name, _, licence in found if not ALLOWED.search(licence)} == {}


def test_a_licence_that_asks_for_more_is_seen() -> None:
    assert not ALLOWED.search("GPL-3.0-only")
    assert not ALLOWED.search("GNU Affero General Public License v3")
    assert not ALLOWED.search("Proprietary")
    assert not ALLOWED.search("")
