"""What the server counts about itself, for Prometheus: numbers only, no label names a person.

docs/operating.md lists every metric; a test holds the two together.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = made = CollectorRegistry()
        ProcessCollector(registry=made)
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._accepted: dict[str, Counter] = {}
        self.requests = Counter(
            "mifeng_requests",
            "Requests answered, by method, route and status.",
            ("method", "route", "status"),
            registry=made,
        )
        self.seconds = Histogram(
            "mifeng_request_seconds",
            "Time from a request's head to its answer, by route.",
            ("route",),
            registry=made,
            buckets=_SECONDS,
        )
        self.problems = Counter(
            "mifeng_problems", "Requests refused, by problem code.", ("code",), registry=made
        )
        self.in_flight = Gauge("mifeng_in_flight", "Requests under way.", registry=made)
        self.entries = Counter(
            "mifeng_log_entries", "Entries accepted into unit logs, by kind.", ("kind",),
            registry=made,
        )  # fmt: skip
        self.streams = Gauge("mifeng_streams", "Open WebSockets.", registry=made)
        self.units = Gauge("mifeng_units_in_memory", "Units held in memory.", registry=made)
        self.purged = Counter(
            "mifeng_purged", "Files and rows destroyed because they were due.", ("kind",),
            registry=made,
        )  # fmt: skip
        self.purge_at = Gauge(
            "mifeng_purge_last_seconds", "When the purge last ended well, Unix seconds.",
            registry=made,
        )  # fmt: skip
        self.disk_free = Gauge(
            "mifeng_disk_free_bytes", "Free bytes where the data folder is.", registry=made
        )
        self.draining = Gauge(
            "mifeng_draining", "1 while the server takes leave of its clients.", registry=made
        )

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request; one that became a WebSocket took no time that says anything."""
        name = method, route, status
        known = self._answered.get(name)
        if known is None:  # as many as there are routes, methods and statuses
            count, time = self.requests.labels(method, route, status), self.seconds.labels(route)
            self._answered[name] = known = count, time
        known[0].inc()
        if seconds is not None:
            known[1].observe(seconds)

    def accepted(self, kind: str) -> None:
        """Count an entry of a unit's log."""
        count = self._accepted.get(kind)
        if count is None:
            self._accepted[kind] = count = self.entries.labels(kind.lower())
        count.inc()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
