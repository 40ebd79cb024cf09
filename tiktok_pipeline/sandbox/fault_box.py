"""Which fault hits which request: keeps count of what has been hit."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tiktok_pipeline.sandbox.faults import Faults, Rule


class FaultBox:
    """The switched-on faults and how often each rule has met and hit a request."""

    def __init__(self, index_of: Callable[[object], int]) -> None:
        self._index_of = index_of
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        """Replace all faults and start counting anew. Raises SandboxError for an unknown account."""
        hit_accounts = {
            id(rule): frozenset(self._index_of(account) for account in rule.accounts)
            for kind in Faults.model_fields
            for rule in getattr(faults, kind)
            if rule.accounts is not None
        }
        self.faults = faults
        self.quiet = not faults.switched_on()
        self._accounts: dict[int, frozenset[int]] = hit_accounts
        self._met: Counter[tuple[int, int | None]] = Counter()
        self._hit: Counter[tuple[int, int | None]] = Counter()
        self._random = random.Random(1)  # noqa: S311  chance that repeats from test to test

    def candidates(self, kind: str) -> list[Any]:
        """Return the rules of a kind, whether they match or not."""
        return [] if self.quiet else list(getattr(self.faults, kind))

    def fires(self, rule: Rule, endpoint: str, account: int | None) -> bool:
        """Return whether a rule hits this request, and count it."""
        wanted = [rule.endpoint] if isinstance(rule.endpoint, str) else rule.endpoint
        if wanted is not None and endpoint not in wanted:
            return False
        if rule.accounts is not None and account not in self._accounts[id(rule)]:
            return False
        counted = (id(rule), account if rule.per_account else None)
        self._met[counted] += 1
        if self._met[counted] <= rule.after:
            return False
        if rule.times is not None and self._hit[counted] >= rule.times:
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        self._hit[counted] += 1
        return True

    def pick(self, kind: str, endpoint: str, account: int | None) -> Any:
        """Return the first rule of a kind that hits this request, None when none does."""
        for rule in self.candidates(kind):
            if self.fires(rule, endpoint, account):
                return rule
        return None

    def picked(self, kind: str, endpoint: str, account: int | None) -> list[Any]:
        """Return all rules of a kind that hit this request."""
        return [rule for rule in self.candidates(kind) if self.fires(rule, endpoint, account)]

    def hits(self) -> dict[str, int]:
        """Return how often each kind has hit since the faults were set."""
        by_rule: Counter[int] = Counter()
        for (rule_id, _), count in self._hit.items():
            by_rule[rule_id] += count
        return {
            kind: sum(by_rule[id(rule)] for rule in getattr(self.faults, kind))
            for kind in self.faults.switched_on()
        }
