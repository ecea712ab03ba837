"""Every endpoint with every scope, on one's own and on others': equal to the table in the docs."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nexapod.core.credentials import SCOPES
from nexapod.wire.routes import ROUTES, Route
from tests.integration.parts import Client, Coordinator

TABLE = Path(__file__).parents[2] / "docs" / "protocol.md"
GUARDED = {route.name: route for route in ROUTES if route.name != "health"}
#: Routes that list: what is not one's own is not refused but left out.
LISTS = {"jobs", "attempts", "sweeps", "events"}
#: Cells by whether others' things are within reach too.
REACH = {"yes": True, "all": True, "own": False}


def table() -> dict[tuple[str, str], str]:
    """The cells of the table, by route and scope."""
    cells: dict[tuple[str, str], str] = {}
    for line in TABLE.read_text().splitlines():
        found = re.fullmatch(r"\| ((?:`\w+`,? ?)+) \| (.+) \|", line)
        if found is None:
            continue
        for name in re.findall(r"`(\w+)`", found[1]):
            assert name in GUARDED, f"the table names {name}, which is no route"
            for scope, cell in zip(SCOPES, found[2].split(" | "), strict=True):
                assert (name, scope) not in cells, f"{name} is in the table twice"
                cells[name, scope] = cell.strip()
    return cells


class Holder(NamedTuple):
    """Somebody with a token: a submitter's job and blob, or a node with a lease."""

    client: Client
    node_id: str = ""
    job_id: str = ""
    sha256: str = ""


class World:
    """A coordinator with two of everybody."""

    def __init__(self, coordinator: Coordinator) -> None:
        self.url = coordinator.url
        self.owner = coordinator.client()
        self._names = itertools.count()
        self.submitters = [self._submitter(), self._submitter()]
        self.nodes = [self._node(0), self._node(1)]
        self.view, self.admin = (Client(self.url, self.token(scope)) for scope in ("view", "admin"))

    def token(self, scope: str) -> str:
        made = self.owner.post("/tokens", {"scopes": [scope], "label": f"a {scope}"})
        return str(made["token"])

    def fresh(self, word: str) -> str:
        return f"{word}-{next(self._names)}"

    def _submitter(self) -> Holder:
        client = Client(self.url, self.token("submit"))
        sha256 = self.upload(client)
        job_id = client.submit(1, job_id=self.fresh("job"), sweep=self.fresh("sweep"))
        client.post("/jobs", {"kind": "function", "blob": sha256, "tags": ["nowhere"]})
        return Holder(client, job_id=job_id, sha256=sha256)

    def _node(self, which: int) -> Holder:
        """A node that holds a lease of a job of its submitter, whose payload is a blob."""
        tag = self.fresh("tag")
        submitter = self.submitters[which].client
        sha256 = self.upload(submitter)
        job_id = self.fresh("leased")
        job = {"kind": "function", "blob": sha256, "tags": [tag], "job_id": job_id}
        submitter.post("/jobs", job)
        node_id, client = self.fresh("node"), Client(self.url, self.token("node"))
        client.register(node_id, slots=1, kinds=["function"], tags=[tag])
        leased = client.post("/lease", {"node_id": node_id, "max": 1})
        assert [held["job_id"] for held in leased["jobs"]] == [job_id]
        return Holder(client, node_id, job_id, sha256)

    def upload(self, client: Client) -> str:
        data = self.fresh("blob").encode()
        sha256 = hashlib.sha256(data).hexdigest()
        headers = {"Content-Type": "application/octet-stream"}
        assert client.ask("PUT", f"/blobs/{sha256}", data, headers).status == 200
        return sha256

    def holders(self, scope: str) -> tuple[Holder, Holder]:
        """Who asks, and whose things are others'."""
        if scope == "node":
            return self.nodes[0], self.nodes[1]
        if scope == "submit":
            return self.submitters[0], self.submitters[1]
        client = self.view if scope == "view" else self.admin
        return self.submitters[0]._replace(client=client), self.submitters[1]


def ask(world: World, route: Route, who: Holder, whose: Holder) -> Any:
    """The least that the route can be asked about something of `whose`, by `who`."""
    node_id, job_id = whose.node_id or "nobody", whose.job_id
    if route.name in ("cancel", "cancel_many", "retry"):  # each on a job of its own
        for submitter in world.submitters:
            job_id = submitter.client.submit(1) if submitter.job_id == job_id else job_id
    blob = world.fresh("blob").encode()
    sha256 = hashlib.sha256(blob).hexdigest() if route.name == "put_blob" else whose.sha256
    token_id = "never-was"
    path = route.path.format(job_id=job_id, sha256=sha256, token_id=token_id, node_id=node_id)
    bodies: dict[str, Any] = {
        "register": {"node_id": node_id, "profile": {}},
        "result": {"node_id": node_id, "job_id": "never-was", "result": 1},
        "lease": {"node_id": node_id},
        "heartbeat": {"node_id": node_id},
        "results": {"node_id": node_id, "reports": []},
        "logs": {"node_id": node_id},
        "leave": {"node_id": node_id, "release": []},
        "submit": {"data": 1},
        "cancel_many": {"job_ids": [job_id]},
        "job_states": {"job_ids": [job_id]},
        "make_token": {"scopes": ["view"]},
        "put_blob": blob,
    }
    headers = {"X-Node-ID": node_id} if route.name == "job" else {}
    return who.client.ask(route.method, path, bodies.get(route.name), headers)


def first_event(client: Client, act: Callable[[], object]) -> bytes:
    """What a listener hears of something that happens while it listens."""
    connection = client._connection
    connection.request("GET", "/events", headers={"Authorization": f"Bearer {client.token}"})
    with contextlib.closing(connection), connection.getresponse() as response:
        if response.status != 200:
            return b"%d" % response.status
        response.readline()
        act()
        return b"".join(response.readline() for _ in range(7))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    coordinator = Coordinator(tmp_path_factory.mktemp("matrix") / "matrix.db")
    try:
        yield World(coordinator.start())
    finally:
        coordinator.end()


@pytest.mark.proves("authorisation")
def test_every_cell_of_the_table_is_true(world: World, reached: Callable[[str], None]):
    cells = table()
    assert set(cells) == set(itertools.product(GUARDED, SCOPES)), "the table has every cell"
    wrong: list[str] = []
    checked = 0
    for (name, scope), cell in cells.items():
        if name in ("events", "panel", "stop"):
            continue  # the next tests'
        route = GUARDED[name]
        me, other = world.holders(scope)
        for whose, may in ((me, cell in REACH), (other, REACH.get(cell, False))):
            reply = ask(world, route, me, whose)
            checked += 1
            hidden = name in LISTS and cell == "own"
            allowed = may or hidden
            what = f"{name} with {scope} on {'own' if whose is me else 'foreign'}: {reply.status}"
            if (reply.status == 403) is allowed or reply.status in (401, 405) or reply.status > 499:
                wrong.append(f"{what}, the table says '{cell}'")
            elif name in LISTS and cell != "–":
                named = whose.job_id if name != "sweeps" else sweep_of(world, whose)
                if (named.encode() in reply.body) is not may:
                    wrong.append(f"{what}: lists {named}: {not may}, the table says '{cell}'")
    assert not wrong, "\n".join(wrong)
    reached(f"{len(cells)} cells, {checked} requests, all as the table says")


def sweep_of(world: World, whose: Holder) -> str:
    return str(world.owner.job(whose.job_id)["sweep"])


@pytest.mark.proves("authorisation")
@pytest.mark.parametrize("scope", SCOPES)
def test_events_tell_of_own_jobs_only(world: World, scope: str):
    cell = table()["events", scope]
    me, other = world.holders(scope)
    mine, others = world.fresh("mine"), world.fresh("others")

    def act() -> None:
        world.submitters[1].client.submit(1, job_id=others)
        (me.client if scope == "submit" else world.submitters[0].client).submit(1, job_id=mine)

    heard = first_event(Client(world.url, me.client.token), act)
    if cell == "–":
        assert heard == b"403"
        return
    assert (others.encode() in heard) is REACH[cell], heard
    assert other is not me


@pytest.mark.proves("authorisation")
@pytest.mark.parametrize("scope", SCOPES)
def test_the_panel_is_for_those_who_see_everything(world: World, scope: str):
    client = Client(world.url, world.holders(scope)[0].client.token)
    connection = client._connection
    connection.request("GET", "/panel", headers={"Authorization": f"Bearer {client.token}"})
    with contextlib.closing(connection), connection.getresponse() as response:
        assert (response.status == 200) is REACH.get(table()["panel", scope], False)
        assert response.status in (200, 403)


@pytest.mark.proves("authorisation")
def test_only_who_runs_the_fleet_stops_it(tmp_path: Path):
    coordinator = Coordinator(tmp_path / "stopped.db")
    try:
        world = World(coordinator.start())
        for scope in sorted(SCOPES, key=lambda scope: scope == "admin"):
            status = world.holders(scope)[0].client.ask("POST", "/stop").status
            assert status == (200 if REACH.get(table()["stop", scope], False) else 403)
        assert coordinator.wait() == 0
    finally:
        coordinator.end()


@pytest.mark.proves("authorisation")
def test_a_node_id_stays_with_its_token_until_that_is_revoked(world: World):
    made = world.owner.post("/tokens", {"scopes": ["node"]})
    first = Client(world.url, made["token"])
    second = Client(world.url, world.token("node"))
    first.register("contested")
    body = {"node_id": "contested", "profile": {}}
    assert second.ask("POST", "/register", body).status == 403
    assert world.owner.ask("DELETE", f"/tokens/{made['id']}").status == 200
    assert first.ask("POST", "/register", body).status == 401
    assert second.ask("POST", "/register", body).status == 200
    assert second.poll("contested")


@pytest.mark.proves("authorisation")
def test_a_token_is_worth_nothing_in_part_after_its_time_or_in_another_case(world: World):
    made = world.owner.post("/tokens", {"scopes": ["view"], "expires_in_s": 0.2})
    secret = str(made["token"])
    other = world.token("view")
    for wrong in (other[:-1], other[:20], other + "x", other.swapcase(), ""):
        assert Client(world.url, wrong).ask("GET", "/jobs").status == 401
    assert Client(world.url, other).ask("GET", "/jobs").status == 200
    late = Client(world.url, secret)
    while late.ask("GET", "/status").status != 401:
        pass
    assert "expired" in late.ask("GET", "/status").json["error"]["message"]


@pytest.mark.proves("authorisation")
def test_two_submitters_may_use_the_same_key_and_not_the_same_job_id(world: World):
    one, two = (holder.client for holder in world.submitters)
    key = {"Idempotency-Key": "monday"}
    first = one.ask("POST", "/jobs", {"data": 1}, key).json["job_id"]
    second = two.ask("POST", "/jobs", {"data": 1}, key).json["job_id"]
    assert first != second
    taken = world.fresh("taken")
    assert one.ask("POST", "/jobs", {"data": 1, "job_id": taken}).status == 200
    assert two.ask("POST", "/jobs", {"data": 1, "job_id": taken}).status == 409
