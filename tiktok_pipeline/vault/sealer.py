"""Sealing and opening with the keys as they are now, in processes that live for weeks.

A rotation names a new primary, and a new key comes into the ring file, while runs, the portal and Dagster's code
server go on. So the database is asked again twice a minute while there is work, and at once when something is sealed
with a key that is not held. When it is away, sealing goes on with the keys held: a token that TikTok has just
given must not be lost, and what was sealed with yesterday's primary still opens.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from tiktok_pipeline.vault.errors import KeyRingError, VaultKeyMissing
from tiktok_pipeline.vault.keyring import KeyRing
from tiktok_pipeline.vault.registry import look_again, open_key_ring
from tiktok_pipeline.vault.sealing import Place, seal, unseal
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse

LOOK_SECONDS = 30.0  # a new primary is in use everywhere after this
IDLE_LOOK_SECONDS = 600.0  # of a process that only waits; a rotation waits for ring files of the last day

log = logging.getLogger(__name__)


class Sealer:
    """Seals tokens for their place, and opens them there. Safe to share between threads.

    `look` gives the ring as it is now, given the one that is held.
    """

    def __init__(
        self,
        ring: KeyRing,
        look: Callable[[KeyRing], KeyRing],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
        self._look = look
        self._elapsed = elapsed
        self._looked_at = elapsed()
        self._looking = threading.Lock()

    @classmethod
    def open(cls, warehouse: Warehouse, path: Path, environment: str, *, create: bool) -> Sealer:
        """With the ring in `path`, checked against the database. Raises KeyRingError as `open_key_ring`."""
        ring = open_key_ring(warehouse, path, environment, create=create)
        return cls(ring, partial(look_again, warehouse, path, environment))

    def seal(self, token: SecretToken, place: Place) -> bytes:
        """The sealed form of `token` for `place`, with the primary key. Works without the database."""
        ring = self.current()
        return seal(token, place, ring.primary, ring.keys[ring.primary])

    def current(self) -> KeyRing:
        """The keys as they are now, for whoever must not wait for the database when it comes to sealing."""
        self._look_sometimes()
        return self._ring

    def unseal(self, sealed: bytes, place: Place) -> SecretToken:
        """The token that was sealed for `place`. Raises VaultKeyMissing or VaultTampered."""
        self._look_sometimes()
        try:
            return unseal(sealed, place, self._ring.keys)
        except VaultKeyMissing:
            self.look_now()
            return unseal(sealed, place, self._ring.keys)

    def unseal_spooled(self, sealed: bytes, place: Place) -> SecretToken:
        """As `unseal`, and with retired keys, too: a pair may have waited in the spool while its key was retired."""
        try:
            return self.unseal(sealed, place)
        except VaultKeyMissing:
            return unseal(sealed, place, self._ring.retired)

    def look_now(self) -> None:
        """Look at the keys now, whenever they were looked at last."""
        with self._looking:
            self._look_now()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the keys now and then while the block runs, so that an idle process's ring file counts as in use."""
        over = threading.Event()

        def look_until_over() -> None:
            while not over.wait(IDLE_LOOK_SECONDS):
                self._look_sometimes()

        thread = threading.Thread(target=look_until_over, name="keys", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look_sometimes(self) -> None:
        # One thread looks, the others go on with what is held: no crowd waits for a connection while it holds one.
        if self._elapsed() - self._looked_at < LOOK_SECONDS or not self._looking.acquire(blocking=False):
            return
        try:
            self._look_now()
        except Exception as error:
            # The database is away, the pool is exhausted: whatever it is, what is to be sealed must not be lost by it.
            log.warning("the keys were not looked at again, those held stay in use: %s", error)
        finally:
            self._looking.release()

    def _look_now(self) -> None:
        self._looked_at = self._elapsed()
        try:
            self._ring = self._look(self._ring)
        except KeyRingError as error:
            # Somebody edits the file, or has not copied it yet. At the next start this stops the process.
            log.error("%s The keys held stay in use.", error)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Sealer cannot be pickled or copied: open it in the process that uses it")
