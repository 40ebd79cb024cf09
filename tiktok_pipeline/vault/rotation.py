"""Sealing every stored token anew with the primary key, while everybody works.

It can be killed at any moment and run again, and run twice at once: what is left to do is what the database says.
A pair is held for the moment in which its seals are replaced; reading waits for nothing, and a pair that is renewed
meanwhile is sealed with the primary by whoever renews it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiktok_pipeline.vault.errors import VaultError
from tiktok_pipeline.vault.keyring import KeyRing
from tiktok_pipeline.vault.lifecycle import clear
from tiktok_pipeline.vault.registry import open_key_ring
from tiktok_pipeline.vault.sealer import LOOK_SECONDS
from tiktok_pipeline.vault.sealing import Field, Place, seal, unseal
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse, run

BATCH_PAIRS = 500
REST_SECONDS = LOOK_SECONDS + 5.0  # by then every process seals with the new primary
HELD_SECONDS = 0.1  # how long a pair that somebody holds is left alone

TOKENS: tuple[Field, ...] = ("access_token", "refresh_token")
Pair = dict[str, Any]


@dataclass
class Progress:
    """What a watcher is told: `said` gets lines of text, `counted` how many of how many pairs are done."""

    said: Callable[[str], None] = lambda line: None
    counted: Callable[[str, int, int], None] = lambda what, done, total: None


@dataclass(frozen=True)
class Rotated:
    """How a rotation ended: pairs sealed anew, keys that may be retired now, and by account why its pair stays shut."""

    resealed: int
    cleared: list[int]
    unopened: dict[int, VaultError]


@dataclass
class Rotation:
    """One run of re-sealing. `rest` waits between the two checks; tests let it do something else."""

    warehouse: Warehouse
    path: Path
    environment: str
    progress: Progress = field(default_factory=Progress)
    rest: Callable[[], None] = lambda: time.sleep(REST_SECONDS)

    def finish(self) -> Rotated:
        """Re-seal until two checks in a row, `rest` apart, find nothing on another key and every token open.

        Pairs that do not open are left as they are, and then no key is cleared.
        """
        resealed, clean = 0, 0
        while clean < 2:
            late = self._reseal_all()
            if late and resealed:
                self.progress.said(f"{late} pairs were sealed with an older key meanwhile, and now anew.")
            resealed += late
            unopened = check_all(self.warehouse, self._ring(), self.environment, self.progress)
            if unopened:
                return Rotated(resealed, [], unopened)
            clean = 1 if late else clean + 1
            if clean == 1:
                self.progress.said(
                    f"Checked once. Waiting {REST_SECONDS:.0f} s, until every process has noticed."
                )
                self.rest()
        return Rotated(resealed, clear(self.warehouse), {})

    def _reseal_all(self) -> int:
        """Seal every pair that opens with the key that is the primary now; how many were not."""
        resealed = 0
        while True:
            ring, done, unopened = self._ring(), 0, 0
            left = self._left()
            for pairs, refused in self._batches(ring):
                done += pairs
                unopened += refused
                self.progress.counted("sealing anew", done, max(left, done))
            resealed += done
            if self._left() <= unopened:
                return resealed
            time.sleep(HELD_SECONDS)  # somebody holds the rest, or another rotation has named another primary

    def _batches(self, ring: KeyRing) -> Iterator[tuple[int, int]]:
        """Per batch: how many pairs were sealed anew, and how many do not open."""
        after = 0
        while True:
            with self.warehouse.transaction() as cursor:
                values = {"after": after, "primary": ring.primary, "pairs": BATCH_PAIRS}
                pairs = run(cursor, "vault/hold_batch_to_reseal", values)
                if not pairs:
                    return
                sealed = [again for pair in pairs if (again := self._sealed_again(pair, ring)) is not None]
                columns = list(zip(*sealed, strict=True)) or [(), (), (), ()]
                names = ("account_ids", "versions", "access_tokens", "refresh_tokens")
                done = run(cursor, "vault/reseal", dict(zip(names, map(list, columns), strict=True)))
            after = pairs[-1]["account_id"]
            yield len(done), len(pairs) - len(sealed)

    def _sealed_again(self, pair: Pair, ring: KeyRing) -> tuple[int, int, bytes, bytes] | None:
        try:
            opened = open_pair(pair, ring, self.environment)
        except VaultError:
            return None
        key = ring.keys[ring.primary]
        access, refresh = (seal(token, place, ring.primary, key) for place, token in opened)
        return pair["account_id"], pair["token_version"], access, refresh

    def _ring(self) -> KeyRing:
        return open_key_ring(self.warehouse, self.path, self.environment, create=False)

    def _left(self) -> int:
        [row] = self.warehouse.execute("vault/left_to_reseal")
        return int(row["left_to_do"])


def check_all(
    warehouse: Warehouse, ring: KeyRing, environment: str, progress: Progress
) -> dict[int, VaultError]:
    """Open every stored token; why those that do not open do not, by account."""
    unopened: dict[int, VaultError] = {}
    [row] = warehouse.execute("vault/left_to_reseal")
    after = done = 0
    while pairs := warehouse.execute("vault/batch_to_check", {"after": after, "pairs": BATCH_PAIRS}):
        for pair in pairs:
            try:
                open_pair(pair, ring, environment)
            except VaultError as error:
                unopened[pair["account_id"]] = error
        after, done = pairs[-1]["account_id"], done + len(pairs)
        progress.counted("opening", done, max(row["pairs"], done))
    return unopened


def open_pair(pair: Pair, ring: KeyRing, environment: str) -> list[tuple[Place, SecretToken]]:
    """An account's two tokens with their places. Raises VaultKeyMissing or VaultTampered."""
    places = [Place(environment, pair["account_id"], name, pair["token_version"]) for name in TOKENS]
    return [(place, unseal(pair[place.field], place, ring.keys)) for place in places]
