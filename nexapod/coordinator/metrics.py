"""``GET /metrics``: the board and the meter in Prometheus' words, read when they are asked for.

No job and no node has a series of its own: what may grow without end is no label.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from nexapod import __version__
from nexapod.coordinator.meter import Histogram
from nexapod.coordinator.service import Service
from nexapod.core.states import FINAL, AttemptEnd, JobState, NodeState

#: The media type of what `exposition` gives.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """One metric: its name without a suffix, its kind, its labels, and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


FAMILIES = (
    Family("nexapod_jobs", "gauge", ("state",), "Jobs in each state."),
    Family("nexapod_jobs_finished", "counter", ("state",), "Jobs that ended, by final state."),
    Family("nexapod_attempts", "counter", ("end",), "Attempts that ended since the start."),
    Family("nexapod_nodes", "gauge", ("state",), "Known nodes in each state."),
    Family("nexapod_leases", "gauge", (), "Leases held by nodes now."),
    Family("nexapod_queue_depth", "gauge", (), "Jobs that could be leased now."),
    Family("nexapod_commit_seconds", "histogram", (), "From queueing a batch to it being on disk."),
    Family("nexapod_commit_events", "histogram", (), "Events that share one commit."),
    Family("nexapod_store_errors", "counter", (), "Commits that failed."),
    Family("nexapod_requests", "counter", ("endpoint", "code"), "Requests answered."),
    Family("nexapod_request_seconds", "histogram", ("endpoint",),
           "From a request's head to its answer; a long poll counts its wait."),
    Family("nexapod_connections", "gauge", (), "Open connections."),
    Family("nexapod_loop_lag_seconds", "gauge", (), "How late the loop's last beat came."),
    Family("nexapod_sweep_gap_seconds", "counter", (),
           "Time the coordinator was away in stalls of over 5 s; leases were extended by it."),
    Family("nexapod_disk_free_bytes", "gauge", (), "Free space where the database is."),
    Family("nexapod_database_bytes", "gauge", (), "Size of the database and its log."),
    Family("nexapod_backups", "counter", (), "Backups made since the start."),
    Family("nexapod_build_info", "gauge", ("version", "python"), "Always 1."),
)  # fmt: skip

_Samples = Iterable[tuple[tuple[str, ...], float]]


class ServiceCollector(Collector):
    """Everything `FAMILIES` names, as it is at this moment."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering need not collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One family after another."""
        plain = dict(self._plain())
        histograms = dict(self._histograms())
        for family in FAMILIES:
            if family.kind == "histogram":
                metric: Metric = _histogram(family, histograms[family.name])
            else:
                metric = _plain_metric(family, plain[family.name])
            yield metric

    def _plain(self) -> Iterator[tuple[str, _Samples]]:
        service, meter = self._service, self._service.meter
        board = service.board
        views = board.node_views(service.now().mono_s)
        counts = board.counts
        yield "nexapod_jobs", [((state,), counts[state]) for state in JobState]
        yield "nexapod_jobs_finished", [((state,), counts[state]) for state in sorted(FINAL)]
        yield "nexapod_attempts", [((end,), meter.attempts[end]) for end in AttemptEnd]
        yield (
            "nexapod_nodes",
            [((state,), sum(view.state == state for view in views)) for state in NodeState],
        )
        yield "nexapod_leases", _one(len(board.leased))
        yield "nexapod_queue_depth", _one(len(board.queue))
        yield "nexapod_store_errors", _one(meter.store_errors)
        yield (
            "nexapod_requests",
            [
                ((endpoint, str(code)), number)
                for (endpoint, code), number in meter.requests.items()
            ],
        )
        yield "nexapod_connections", _one(meter.connections())
        yield "nexapod_loop_lag_seconds", _one(meter.lag_s)
        yield "nexapod_sweep_gap_seconds", _one(meter.gap_s)
        yield "nexapod_backups", _one(service.backups.made if service.backups else 0)
        yield "nexapod_disk_free_bytes", _one(_free_bytes(meter.database))
        yield "nexapod_database_bytes", _one(_size_bytes(meter.database))
        yield "nexapod_build_info", [((__version__, platform.python_version()), 1)]

    def _histograms(self) -> Iterator[tuple[str, list[tuple[tuple[str, ...], Histogram]]]]:
        meter = self._service.meter
        yield "nexapod_commit_seconds", [((), meter.commit_seconds)]
        yield "nexapod_commit_events", [((), meter.commit_events)]
        yield "nexapod_request_seconds", [((n,), h) for n, h in meter.request_seconds.items()]


def exposition(service: Service) -> bytes:
    """All figures of this coordinator and its process, as Prometheus reads them."""
    registry = CollectorRegistry()  # of this service alone: a kernel may run several
    registry.register(ServiceCollector(service))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _plain_metric(family: Family, samples: _Samples) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in samples:
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, samples: list[tuple[tuple[str, ...], Histogram]]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, histogram in samples:
        sums = list(accumulate(histogram.counts))
        bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
        metric.add_metric(labels, list(zip(bounds, sums, strict=True)), histogram.total)
    return metric


def _one(value: float) -> _Samples:
    return [((), value)]


def _free_bytes(database: Path | None) -> float:
    return 0.0 if database is None else float(shutil.disk_usage(database.parent).free)


def _size_bytes(database: Path | None) -> float:
    if database is None:
        return 0.0
    parts = (database, database.with_name(f"{database.name}-wal"))
    return float(sum(part.stat().st_size for part in parts if part.exists()))
