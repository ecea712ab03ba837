"""``GET /metrics`` of a real coordinator."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.parts import Client, Coordinator

Serve = Callable[..., Coordinator]
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(client: Client) -> Figures:
    reply = client.ask("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures.get((name, frozenset(labels.items())), 0.0)


def test_a_run_can_be_followed_in_the_metrics(serve: Serve):
    coordinator = serve()
    with coordinator.client(keep=True) as client:
        client.register("n1")
        for number in range(3):
            client.submit(number)
        for _ in range(2):
            lease = client.poll("n1")
            assert client.report("n1", lease["job_id"], "x").status == 200
        found = scraped(client)
    assert figure(found, "nexapod_jobs", state="completed") == 2
    assert figure(found, "nexapod_jobs", state="pending") == 1
    assert figure(found, "nexapod_jobs_finished_total", state="completed") == 2
    assert figure(found, "nexapod_attempts_total", end="completed") == 2
    assert figure(found, "nexapod_nodes", state="online") == 1
    assert figure(found, "nexapod_queue_depth") == 1
    for endpoint, times in (("register", 1), ("submit", 3), ("job", 2), ("result", 2)):
        assert figure(found, "nexapod_requests_total", endpoint=endpoint, code="200") == times
        assert figure(found, "nexapod_request_seconds_count", endpoint=endpoint) == times
    assert figure(found, "nexapod_commit_seconds_count") >= 5
    assert figure(found, "nexapod_connections") >= 1
    assert figure(found, "nexapod_database_bytes") > 4096
    assert figure(found, "nexapod_disk_free_bytes") > 0
    assert figure(found, "process_resident_memory_bytes") > 10_000_000

    # The finished ones are counted over restarts, as the jobs are.
    coordinator.terminate()
    coordinator.start()
    found = scraped(coordinator.client())
    assert figure(found, "nexapod_jobs_finished_total", state="completed") == 2
    assert figure(found, "nexapod_requests_total", endpoint="register", code="200") == 0


def test_paths_and_methods_that_somebody_made_up_make_no_series(serve: Serve):
    coordinator = serve()
    client = coordinator.client()
    stranger = Client(coordinator.url, "a wrong one")
    for number in range(20):
        assert client.ask("GET", f"/made-up-{number}").status == 404
        assert client.ask("PATCH", "/jobs").status == 405
        assert client.ask("GET", f"/jobs/no-such-{number}").status == 404
        assert stranger.ask("GET", "/nodes").status == 401
    found = scraped(client)
    counted = {
        tuple(sorted(labels)): value
        for (name, labels), value in found.items()
        if name == "nexapod_requests_total"
    }
    assert counted == {
        (("code", "404"), ("endpoint", "none")): 20,
        (("code", "405"), ("endpoint", "none")): 20,
        (("code", "404"), ("endpoint", "job_detail")): 20,
        (("code", "401"), ("endpoint", "nodes")): 20,
    }


def test_only_who_may_look_sees_the_metrics(serve: Serve):
    coordinator = serve()
    owner = coordinator.client()
    for scope, status in (("view", 200), ("admin", 200), ("submit", 403), ("node", 403)):
        token = owner.post("/tokens", {"scopes": [scope]})["token"]
        assert Client(coordinator.url, token).ask("GET", "/metrics").status == status
    assert Client(coordinator.url).ask("GET", "/metrics").status == 401
