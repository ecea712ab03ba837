"""``/metrics``: conventions, bounded labels, true figures, and a page that names them all."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from nexapod import errors
from nexapod.coordinator.meter import Histogram, Meter
from nexapod.coordinator.metrics import FAMILIES, exposition
from nexapod.coordinator.service import Service
from nexapod.core import commands as c
from nexapod.wire.routes import ROUTES
from tests.unit.coordinator.desk import TestedStore, acquisition, registration, serve, submission
from tests.unit.core.builders import completed, digest

#: Units that are no base units, and words that hide one.
WRONG_UNITS = re.compile(r"_(ms|milli|micro|minutes|hours|kb|mb|kib|mib|gb|percent)(_|$)")


def scraped(service: Service) -> dict[str, Metric]:
    text = exposition(service).decode()
    return {metric.name: metric for metric in text_string_to_metric_families(text)}


def value(metrics: dict[str, Metric], sample: str, **labels: str) -> float:
    """The one sample of this name with these labels."""
    (found,) = (
        s.value
        for metric in metrics.values()
        for s in metric.samples
        if s.name == sample and s.labels == labels
    )
    return float(found)


def series(metrics: dict[str, Metric]) -> int:
    return sum(len(metric.samples) for metric in metrics.values())


def test_names_follow_the_conventions(tmp_path: Path):
    async def story(service: Service, store: TestedStore) -> None:
        service.meter.request("job", 200, 0.01)
        for metric in scraped(service).values():
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", metric.name)
            assert not WRONG_UNITS.search(metric.name), metric.name
            assert metric.documentation, metric.name
            for sample in metric.samples:
                assert sample.name.endswith("_total") is (metric.type == "counter"), sample
        assert {"process_resident_memory_bytes", "process_cpu_seconds"} <= set(scraped(service))

    serve(tmp_path, story)


@pytest.mark.parametrize("name", ["nexapod_wait_ms", "nexapod_size_mb", "nexapod_load_percent"])
def test_a_wrong_unit_is_caught(name: str):
    assert WRONG_UNITS.search(name)


def test_the_figures_are_true(tmp_path: Path):
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration("a", slots=4))
        await service.execute(submission(*(f"j{n}" for n in range(5))))
        grant = await service.execute(acquisition("a", 2))
        first = grant.jobs[0]
        report = completed(first.id, first.epoch)
        await service.execute(c.Report("a", (report,), (digest("x"),)))
        found = scraped(service)
        assert value(found, "nexapod_jobs", state="pending") == 3
        assert value(found, "nexapod_jobs", state="assigned") == 1
        assert value(found, "nexapod_jobs", state="completed") == 1
        assert value(found, "nexapod_jobs_finished_total", state="completed") == 1
        assert value(found, "nexapod_attempts_total", end="completed") == 1
        assert value(found, "nexapod_attempts_total", end="lost") == 0
        assert value(found, "nexapod_nodes", state="online") == 1
        assert value(found, "nexapod_leases") == 1
        assert value(found, "nexapod_queue_depth") == 3
        assert value(found, "nexapod_commit_seconds_count") == len(store.commits)
        assert value(found, "nexapod_commit_events_sum") == sum(map(len, store.commits))
        assert value(found, "nexapod_store_errors_total") == 0

    serve(tmp_path, story)


def test_a_failed_commit_is_an_error_and_no_commit(tmp_path: Path):
    async def story(service: Service, store: TestedStore) -> None:
        store.fail_with = errors.StorageFull("full")
        with pytest.raises(errors.StorageFull):
            await service.execute(submission("j"))
        await service._recovery
        found = scraped(service)
        assert value(found, "nexapod_store_errors_total") == 1
        assert value(found, "nexapod_commit_seconds_count") == 0

    serve(tmp_path, story)


def test_neither_jobs_nor_nodes_make_series(tmp_path: Path):
    async def story(service: Service, store: TestedStore) -> None:
        await service.execute(registration("n0"))
        before = series(scraped(service))
        await asyncio.gather(*(service.execute(registration(f"n{n}")) for n in range(1, 50)))
        await service.execute(submission(*(f"j{n}" for n in range(200))))
        await asyncio.gather(*(service.execute(acquisition(f"n{n}", 3)) for n in range(50)))
        assert series(scraped(service)) == before

    serve(tmp_path, story)


def test_requests_are_labelled_by_route_and_code_alone():
    meter = Meter()
    for route in ROUTES:
        for code in (200, 401):
            meter.request(route.name, code, 0.001)
    assert len(meter.requests) == 2 * len(ROUTES)
    assert len(meter.request_seconds) == len(ROUTES)


def test_two_services_in_one_process_keep_their_figures_apart(tmp_path: Path):
    async def outer(one: Service, _: TestedStore) -> None:
        two = Service(TestedStore(), one.blobs, one._thread)
        one.meter.request("job", 200, 0.1)
        assert value(scraped(one), "nexapod_requests_total", endpoint="job", code="200") == 1
        assert scraped(two)["nexapod_requests"].samples == []
        two.store.close()

    serve(tmp_path, outer)


def test_a_histogram_counts_a_bound_into_its_own_bucket():
    histogram = Histogram((1.0, 2.0))
    for number in (0.5, 1.0, 1.5, 2.0, 99.0):
        histogram.add(number)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 104.0


def test_buckets_add_up(tmp_path: Path):
    async def story(service: Service, store: TestedStore) -> None:
        for took_s in (0.0005, 0.002, 0.3, 20.0, 1000.0):
            service.meter.request("job", 200, took_s)
        samples = scraped(service)["nexapod_request_seconds"].samples
        buckets = [s.value for s in samples if s.name.endswith("_bucket")]
        assert buckets == sorted(buckets)
        assert buckets[-1] == 5
        assert samples[-1].value == pytest.approx(1020.3025)

    serve(tmp_path, story)


def test_the_page_names_every_metric_as_it_is(repository: Path):
    page = (repository / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(nexapod_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    suffix = {"counter": "_total", "gauge": "", "histogram": ""}
    assert rows == [
        (f.name + suffix[f.kind], f.kind, ", ".join(f"`{label}`" for label in f.labels), f.help)
        for f in FAMILIES
    ]
