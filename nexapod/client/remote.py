"""The transport to a coordinator elsewhere: an aiohttp session on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import random
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import aiohttp
import msgspec

from nexapod import errors
from nexapod.client import relay
from nexapod.client.transport import AUDIT_PAGE, Change, Columns, Listener
from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.ids import new_job_id
from nexapod.store.base import AUDIT_COLUMNS, JobFilter
from nexapod.wire import codec
from nexapod.wire import messages as m
from nexapod.wire.trust import distrust, pinned

T = TypeVar("T")

#: How long a change is repeated before it is given up as unknown.
PATIENCE_S = 60.0


class Remote:
    """See `Transport`.

    Parameters
    ----------
    url
        Where the coordinator listens.
    token
        The fleet's token; None for an open coordinator.
    fingerprint
        The SHA-256 of its certificate; None when an authority vouches for it.

    Raises
    ------
    Unreachable
        When nothing answers there.
    Unauthorized
        When the token is not the fleet's.
    Untrusted
        When whoever answers cannot prove to be that coordinator.
    """

    is_local = False

    def __init__(self, url: str, token: str | None, fingerprint: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.fingerprint = fingerprint
        self.fleet_id = ""
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession
        self._thread = threading.Thread(target=self._run, name="nexapod-client", daemon=True)
        self._thread.start()
        try:
            self.post(self._begin()).result()
        except BaseException:
            self.close()
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _begin(self) -> None:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=120, sock_connect=10),
            connector=aiohttp.TCPConnector(ssl=pinned(self.url, self.fingerprint)),
        )
        status = await self._ask("GET", "/status", patience_s=0.0)
        self.fleet_id = msgspec.json.decode(status, type=m.Status).fleet_id

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """See `Transport`."""
        return self._loop

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """See `Transport`."""
        if self._loop.is_closed():
            work.close()
            raise errors.Unavailable("this connection was closed; call nexapod.connect again")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    async def _ask(
        self,
        method: str,
        path: str,
        message: Any = None,
        *,
        accept: str = codec.JSON,
        patience_s: float = PATIENCE_S,
        most_bytes: int | None = None,
        **options: Any,
    ) -> bytes:
        """One request, repeated while that can help: every request may be, see the protocol.

        An answer of more than `most_bytes` is not read.
        """
        headers = {"Accept": accept, **options.pop("headers", {})}
        if message is not None:
            headers["Content-Type"] = codec.MSGPACK
            options["data"] = codec.encode(message, codec.MSGPACK)
        body_ = options.get("data")
        give_up_s = self._loop.time() + patience_s
        delay_s = 0.1
        while True:
            if (
                body_ is not None
            ):  # a file, read piece by piece: sent whole it would hold the loop up
                options["data"] = io.BytesIO(body_)
            try:
                async with self._session.request(
                    method, self.url + path, headers=headers, allow_redirects=False, **options
                ) as response:
                    length_bytes = response.content_length or 0
                    if most_bytes is not None and length_bytes > most_bytes:
                        raise errors.TooLarge(f"the answer has {length_bytes} bytes")
                    body = await response.read()
                    if response.status < 300:  # a token follows nobody elsewhere
                        return body
                    error: errors.NexapodError = _error_of(response, body)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as caught:
                error = await distrust(
                    caught, self.url, first=not self.fleet_id
                ) or errors.Unreachable(
                    f"no coordinator answers at {self.url} "
                    f"({type(caught).__name__}); is it running, and is the address right?"
                )
            if not error.retryable or self._loop.time() + delay_s > give_up_s:
                raise error
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(5.0, delay_s * 2)

    # ── the verbs ────────────────────────────────────────────────────────────────────────────────

    async def submit(self, jobs: Sequence[m.NewJob]) -> list[m.Submitted]:
        """See `Transport`. Our job ids make a repeat harmless."""
        made: list[m.Submitted] = []
        for start in range(0, len(jobs), 1000):
            body = await self._ask("POST", "/jobs", list(jobs[start : start + 1000]))
            made += msgspec.msgpack.decode(body, type=list[m.Submitted])
        return made

    async def cancel(self, job_ids: Sequence[str]) -> list[m.Cancelled]:
        """See `Transport`."""
        body = await self._ask("POST", "/jobs/cancel", m.JobIds(list(job_ids)))
        return msgspec.msgpack.decode(body, type=list[m.Cancelled])

    async def retry(self, job_id: str) -> m.Submitted:
        """See `Transport`."""
        key = {"Idempotency-Key": new_job_id()}  # a repeat is no second retry
        body = await self._ask("POST", f"/jobs/{job_id}/retry", headers=key)
        return msgspec.json.decode(body, type=m.Submitted)

    async def changes(self, job_ids: Sequence[str]) -> list[Change]:
        """See `Transport`."""
        return [
            Change(row.job_id, JobState(row.status), row.assigned_to)
            for row in await self._states(job_ids)
        ]

    async def foreign(self, job_ids: Sequence[str]) -> set[str]:
        """See `Transport`."""
        return {row.job_id for row in await self._states(job_ids) if row.foreign}

    async def _states(self, job_ids: Sequence[str]) -> list[m.JobPatch]:
        found: list[m.JobPatch] = []
        for start in range(0, len(job_ids), 10_000):
            ids = list(job_ids[start : start + 10_000])
            body = await self._ask("POST", "/jobs/states", m.JobIds(ids))
            found += msgspec.msgpack.decode(body, type=list[m.JobPatch])
        return found

    async def value(self, job_id: str, most_bytes: int | None = None) -> Value | None:
        """See `Transport`."""
        try:
            body = await self._ask("GET", f"/jobs/{job_id}/result", most_bytes=most_bytes)
        except errors.NotFound:
            return None
        return msgspec.msgpack.decode(body, type=Value)

    async def _detail(self, job_id: str) -> dict[str, Any]:
        detail: dict[str, Any] = msgspec.json.decode(await self._ask("GET", f"/jobs/{job_id}"))
        return detail

    async def failure(self, job_id: str) -> Failure | None:
        """See `Transport`."""
        error = (await self._detail(job_id))["error"]
        return None if error is None else msgspec.convert(error, Failure)

    async def output(self, job_id: str) -> str:
        """See `Transport`."""
        return str((await self._detail(job_id))["output"])

    async def log(self, job_id: str, epoch: int | None = None, after: int = 0) -> m.JobLog:
        """See `Transport`."""
        query = {"after": str(after)} | ({} if epoch is None else {"epoch": str(epoch)})
        body = await self._ask("GET", f"/jobs/{job_id}/log", params=query)
        return msgspec.json.decode(body, type=m.JobLog)

    async def progress(self, job_id: str) -> tuple[float, str] | None:
        """See `Transport`."""
        said = (await self._detail(job_id))["progress"]
        return None if said is None else (said[0], said[1])

    async def job_columns(self, which: JobFilter) -> Columns:
        """See `Transport`."""
        query = {"cursor": str(which.after_seq), "limit": str(which.limit)}
        if which.status:
            query["status"] = ",".join(which.status)
        if which.newest:
            query["newest"] = "1"
        if which.sweep is not None:
            query["sweep"] = which.sweep
        body = await self._ask("GET", "/jobs", accept=codec.MSGPACK, params=query)
        return msgspec.msgpack.decode(body, type=Columns)

    async def attempt_columns(self, after: tuple[int, int] = (0, 0)) -> Columns:
        """See `Transport`."""
        query = {"cursor": f"{after[0]}.{after[1]}"}
        body = await self._ask("GET", "/attempts", accept=codec.MSGPACK, params=query)
        return msgspec.msgpack.decode(body, type=Columns)

    async def nodes(self) -> list[m.NodeRow]:
        """See `Transport`."""
        return msgspec.json.decode(await self._ask("GET", "/nodes"), type=list[m.NodeRow])

    async def counts(self) -> tuple[dict[str, int], float]:
        """See `Transport`."""
        status = msgspec.json.decode(await self._ask("GET", "/status"), type=m.Status)
        return status.jobs, status.started_at

    async def sweeps(self) -> dict[str, int]:
        """See `Transport`."""
        body = await self._ask("GET", "/sweeps")
        return {row.name: row.jobs for row in msgspec.json.decode(body, type=list[m.SweepRow])}

    async def put_blob(self, data: bytes) -> str:
        """See `Transport`."""
        sha256 = hashlib.sha256(data).hexdigest()
        await self._ask("PUT", f"/blobs/{sha256}", data=data)
        return sha256

    async def get_blob(self, sha256: str) -> bytes:
        """See `Transport`."""
        return await self._ask("GET", f"/blobs/{sha256}")

    async def tokens(self) -> list[m.TokenRow]:
        """See `Transport`."""
        return msgspec.json.decode(await self._ask("GET", "/tokens"), type=list[m.TokenRow])

    async def make_token(self, wanted: m.NewToken) -> m.MadeToken:
        """See `Transport`. Not repeated: a token whose secret nobody heard would stay for ever."""
        body = await self._ask("POST", "/tokens", wanted, patience_s=0.0)
        return msgspec.msgpack.decode(body, type=m.MadeToken)

    async def revoke_token(self, token_id: str) -> m.TokenRow:
        """See `Transport`."""
        body = await self._ask("DELETE", f"/tokens/{token_id}")
        return msgspec.json.decode(body, type=m.TokenRow)

    async def node_token(self) -> str | None:
        """See `Transport`."""
        body = await self._ask("POST", "/invitation")
        return msgspec.json.decode(body, type=m.Invitation).token

    async def waiting(self, job_id: str) -> list[str]:
        """See `Transport`."""
        return list((await self._detail(job_id))["waiting"])

    async def drain(self, node_id: str) -> m.Draining:
        """See `Transport`."""
        body = await self._ask("POST", f"/nodes/{node_id}/drain")
        return msgspec.json.decode(body, type=m.Draining)

    async def stop(self) -> None:
        """See `Transport`."""
        await self._ask("POST", "/stop", patience_s=0.0)

    def panel(self) -> AsyncGenerator[bytes, None]:
        """See `Transport`."""
        return relay.follow(self._session, self.url)

    async def forward(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """See `Transport`."""
        return await relay.forward(self._session, self.url, method, path, body)

    async def audit_columns(self, after_seq: int) -> Columns:
        """See `Transport`."""
        query = {"cursor": str(after_seq), "limit": str(AUDIT_PAGE)}
        body = await self._ask("GET", "/audit", params=query)
        rows = [
            (*msgspec.structs.astuple(row)[:-1], bytes(row.detail).decode())
            for row in msgspec.json.decode(body, type=list[m.AuditRow])
        ]
        return Columns(AUDIT_COLUMNS, rows)

    # ── the feed ─────────────────────────────────────────────────────────────────────────────────

    def listen(self, listener: Listener, pending: Callable[[], list[str]]) -> None:
        """See `Transport`."""

        async def begin() -> None:
            self._listening = asyncio.create_task(self._listen(listener, pending))

        self.post(begin()).result()

    async def _listen(self, listener: Listener, pending: Callable[[], list[str]]) -> None:
        """Follow ``/events``; come back where it broke off."""
        last_id = ""
        delay_s = 0.1
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=45)
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError,
                                     errors.NexapodError, ValueError):  # fmt: skip
                headers = {"Last-Event-ID": last_id} if last_id else {}
                async with self._session.get(
                    f"{self.url}/events", headers=headers, timeout=timeout, read_bufsize=2**24,
                    allow_redirects=False,
                ) as response:  # fmt: skip
                    if response.status in (401, 403):
                        why = f"the coordinator at {self.url} no longer accepts this token"
                        listener(_lost(pending(), why))
                    if response.status != 200:
                        raise errors.Unreachable(
                            f"no events at {self.url} (HTTP {response.status})"
                        )
                    event = ""
                    async for line in _lines(response.content):
                        delay_s = 0.1
                        name, _, text = line.partition(": ")
                        if name == "id":
                            last_id = text
                        elif name == "event":
                            event = text
                        elif name == "data" and event == "jobs":
                            patches = msgspec.json.decode(text, type=list[m.JobPatch])
                            listener([
                                Change(p.job_id, JobState(p.status), p.assigned_to)
                                for p in patches
                            ])  # fmt: skip
                        elif name == "data" and event == "reset":
                            asked = pending()
                            found = await self.changes(asked)
                            gone = set(asked) - {change.job_id for change in found}
                            why = f"the coordinator at {self.url} does not know this job any more"
                            listener([*found, *_lost(sorted(gone), why)])
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(10.0, delay_s * 2)

    def close(self) -> None:
        """See `Transport`."""
        if self._loop.is_closed() or not self._thread.is_alive():
            return

        async def end() -> None:
            for waiting in asyncio.all_tasks() - {asyncio.current_task()}:
                waiting.cancel()
            if hasattr(self, "_session"):
                await self._session.close()
            await asyncio.sleep(0)
            self._loop.call_soon(self._loop.stop)

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        if threading.current_thread() is not self._thread:
            self._thread.join(10.0)


def _lost(job_ids: Sequence[str], why: str) -> list[Change]:
    """These jobs will never be heard of again here."""
    failure = Failure(type="lost", message=why)
    return [Change(job_id, JobState.FAILED, failure=failure) for job_id in job_ids]


async def _lines(content: aiohttp.StreamReader) -> Any:
    """Lines of any length: one patch of many jobs is a long one."""
    rest = b""
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode()


def _error_of(response: aiohttp.ClientResponse, body: bytes) -> errors.NexapodError:
    decode = (
        msgspec.msgpack.decode if response.content_type == codec.MSGPACK else msgspec.json.decode
    )
    try:
        told = decode(body, type=m.ErrorReply).error
    except msgspec.MsgspecError:
        return errors.Unreachable(
            f"something other than a nexapod coordinator answers at {response.url.origin()} "
            f"(HTTP {response.status})"
        )
    return errors.kind_of(told.code, response.status)(told.message, **told.details)
