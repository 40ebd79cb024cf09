"""The requests that this process answered."""

from __future__ import annotations

from prometheus_client import Counter, Histogram
from starlette.types import Scope

REQUESTS = Counter(
    "portal_requests", "Requests answered, by route and status.", ["method", "route", "status"]
)
SECONDS = Histogram(
    "portal_request_seconds",
    "How long an answer took.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
CACHE = {
    "hit": Counter("portal_cache_hits", "Answers of the API that were kept and still current."),
    "miss": Counter("portal_cache_misses", "Answers of the API that had to be made."),
    "stale": Counter("portal_cache_stale", "Answers of the API given although old: the database was away."),
}
KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one; by its route, as paths hold secrets and are without number."""
    REQUESTS.labels(method if method in KNOWN_METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def route_of(scope: Scope) -> str:
    """The route that answered, as it is declared."""
    path = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{path}" if path else "no route"
