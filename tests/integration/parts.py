"""Real parts for tests: coordinators and nodes as processes, and an HTTP client that hides nothing.

Nothing here uses nexapod's own client: what these say comes from the wire, from files, from `ps`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

#: How long anything may take before a test says that it never will.
DEADLINE_S = 60.0


def eventually(look: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """The first true thing that `look` returns; fails with `what` when none comes."""
    give_up_s = time.monotonic() + deadline_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > give_up_s:
            raise AssertionError(f"still not after {deadline_s:g} s: {what}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_refused(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.json["error"]["code"])


class Client:
    """One HTTP client, as plain as `http.client` makes it.

    `keep` keeps the connection open between requests; a request that fails closes it, and is
    never repeated here: who asks must know.
    """

    def __init__(self, url: str, token: str | None = None, *, keep: bool = False) -> None:
        self.url = url
        where = urlsplit(url)
        self.port = where.port or 80
        self.netloc = where.netloc
        self.token = token
        self._keep = keep
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request. `bytes` go as they are, the rest as JSON; a header of "" is left out."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value != ""}
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, raw, sent)
            response = self._connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())  # type: ignore[arg-type]
        except BaseException:
            self._connection.close()
            raise
        if not self._keep:
            self._connection.close()
        return reply

    def get(self, path: str, **headers: str) -> Any:
        """What ``GET path`` answers; must be a 200."""
        reply = self.ask("GET", path, headers=headers)
        assert reply.status == 200, reply
        return reply.json

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """What ``POST path`` answers; must be a 200."""
        reply = self.ask("POST", path, body, headers)
        assert reply.status == 200, reply
        return reply.json

    # ── what a node and a submitter do ───────────────────────────────────────────────────────────

    def register(self, node_id: str, **more: Any) -> Any:
        return self.post("/register", {"node_id": node_id, "profile": {"os": "Linux"}, **more})

    def poll(self, node_id: str, query: str = "", poll_id: str = "") -> Any:
        """``GET /job``."""
        headers = {"X-Node-ID": node_id, "X-Poll-ID": poll_id}
        reply = self.ask("GET", f"/job{query}", headers=headers)
        assert reply.status == 200, reply
        return reply.json

    def report(self, node_id: str, job_id: str, result: Any, **more: Any) -> Reply:
        """``POST /result``."""
        body = {"job_id": job_id, "node_id": node_id, "result": result, **more}
        return self.ask("POST", "/result", body)

    def submit(self, data: Any = None, **more: Any) -> str:
        """A job's id."""
        return str(self.post("/jobs", {"data": data, **more})["job_id"])

    def job(self, job_id: str) -> Any:
        return self.get(f"/jobs/{job_id}")

    def status_of(self, job_id: str) -> str:
        return str(self.job(job_id)["status"])

    def raw(self, sent: bytes) -> Reply:
        """Bytes on a socket, and the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as connection:
            connection.sendall(sent)
            response = http.client.HTTPResponse(connection)
            with contextlib.closing(response):
                response.begin()
                return Reply(response.status, response.headers, response.read())  # type: ignore[arg-type]


# ── processes ────────────────────────────────────────────────────────────────────────────────────


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without a token of somebody else's."""
    return {**{k: v for k, v in os.environ.items() if k != "NEXAPOD_TOKEN"}, **more}


class Program:
    """A `nexapod` command as a process of its own. Its output, both streams, is in `log`."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        self.arguments = [sys.executable, "-m", "nexapod", *arguments]
        self._environment = environment
        self._from = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._from = log.tell()
            self._process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(PYTHONUNBUFFERED="1", **self._environment),
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written since it was last started."""
        return self.log.read_bytes()[self._from :].decode()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until its output matches."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            if found is None and not self.is_running():
                raise AssertionError(f"it ended before it said {pattern!r}:\n{self.output}")
            return found

        return eventually(look, f"{pattern!r} in {self.log}")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        assert self._process is not None
        return self._process.wait(DEADLINE_S)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> int:
        """``kill``; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def end(self) -> None:
        """However it is now, it does not run afterwards."""
        if self.is_running():
            self.signal(signal.SIGTERM)
            try:
                assert self._process is not None
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self.kill()


class Coordinator(Program):
    """``nexapod serve`` on a port that stays the same when it is started again."""

    def __init__(self, database: Path, *options: str, port: int = 0, **environment: str) -> None:
        super().__init__(
            database.with_suffix(".out"), "serve", "--database", str(database), *options,
            "--port", str(port), **environment,
        )  # fmt: skip
        self.database = database
        self.url = ""

    def start(self) -> Self:
        super().start()
        self.url = self.until(r"listens on (\S+)\n")[1]
        self.arguments[-1] = str(self.port)
        return self

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def token(self) -> str | None:
        path = self.database.with_suffix(".token")
        return path.read_text().strip() if path.exists() else None

    def client(self, *, keep: bool = False) -> Client:
        return Client(self.url, self.token, keep=keep)


class Node(Program):
    """``nexapod node`` under one name; started again it is the same node."""

    def __init__(self, coordinator: Coordinator, name: str, folder: Path, *options: str) -> None:
        token = coordinator.token
        super().__init__(
            folder / f"{name}.out", "node", coordinator.url, "--name", name, "--scratch",
            str(folder / name), *options, **({} if token is None else {"NEXAPOD_TOKEN": token}),
        )  # fmt: skip

    def start(self) -> Self:
        super().start()
        self.until("registered at")
        return self


# ── what is on disk ──────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """The database of a coordinator that has ended, for this test's own eyes."""
    connection = sqlite3.connect(database)
    try:
        yield connection
    finally:
        connection.close()


def assert_sound(database: Path) -> None:
    """What must hold of every database, whatever happened to its coordinator."""
    with reading(database) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        completed = db.execute("SELECT seq FROM jobs WHERE state = 'completed' ORDER BY seq")
        results = db.execute("SELECT seq FROM results ORDER BY seq")
        assert completed.fetchall() == results.fetchall()
        finals = "SELECT seq FROM attempts WHERE end = 'completed' GROUP BY seq HAVING count(*) > 1"
        assert db.execute(finals).fetchall() == []
        epochs = """SELECT j.id FROM jobs AS j LEFT JOIN attempts AS a ON a.seq = j.seq
                    GROUP BY j.seq HAVING j.epoch != count(a.epoch)
                                       OR j.epoch != coalesce(max(a.epoch), 0)"""
        assert db.execute(epochs).fetchall() == []


def run_python(
    script: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A Python program of its own, run to its end."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=clean_environment(**environment),
        check=False,
    )


def nexapod(
    *arguments: Sequence[str] | str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command line, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "nexapod", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=clean_environment(**environment),
        check=False,
    )
