"""The transport to a coordinator in this process: straight calls on its loop, nothing encoded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import aiohttp
import msgspec

from nexapod import errors
from nexapod.api.rows import node_rows
from nexapod.api.tokens import token_row
from nexapod.client import relay
from nexapod.client.transport import AUDIT_PAGE, Change, Columns, Listener
from nexapod.coordinator.host import Host
from nexapod.coordinator.orders import order_of
from nexapod.core import events as e
from nexapod.core.credentials import OWNER
from nexapod.core.records import Failure, Value
from nexapod.core.states import JobState
from nexapod.store.base import ATTEMPT_COLUMNS, ATTEMPT_PAGE, AUDIT_COLUMNS, JOB_COLUMNS, JobFilter
from nexapod.wire.codec import MSGPACK
from nexapod.wire.messages import (
    Cancelled,
    Draining,
    JobLog,
    MadeToken,
    NewJob,
    NewToken,
    NodeRow,
    Submitted,
    TokenRow,
)
from nexapod.wire.trust import pinned

T = TypeVar("T")


class InProcess:
    """See `Transport`."""

    is_local = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self.url = host.url
        self.token = host.token
        self.fingerprint = host.fingerprint
        self.fleet_id = host.service.fleet_id

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """See `Transport`."""
        return self.host.loop

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """See `Transport`."""
        return self.host.post(work)

    def listen(self, listener: Listener, pending: Callable[[], list[str]]) -> None:
        """See `Transport`. There are no gaps here."""

        def on_events(events: Sequence[e.Event]) -> None:
            changes = [change for event in events if (change := _change_of(event)) is not None]
            if changes:
                listener(changes)

        async def begin() -> None:
            self.host.service.feed.listen(on_events)

        self.post(begin()).result()

    async def submit(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """See `Transport`."""
        orders = [order_of(job, MSGPACK) for job in jobs]
        note = _note("submit", "", {"jobs": len(orders), "first": orders[0].id}) if orders else None
        made = await self.host.service.submit_new(orders, note)
        return [Submitted(job_id, state) for job_id, state in made]

    async def cancel(self, job_ids: Sequence[str]) -> list[Cancelled]:
        """See `Transport`."""
        verdicts = await self.host.service.cancel(
            job_ids, _note("cancel", "", {"jobs": len(job_ids), "first": list(job_ids[:1])})
        )
        return [
            Cancelled(v.job_id, str(v.state), str(v.was), v.node_id)
            for v in verdicts
            if v.error is None
        ]

    async def retry(self, job_id: str) -> Submitted:
        """See `Transport`."""
        return Submitted(*await self.host.service.retry(job_id, note=_note("retry", job_id)))

    async def changes(self, job_ids: Sequence[str]) -> list[Change]:
        """See `Transport`."""
        states = await self._read("states", tuple(job_ids))
        return [Change(job_id, JobState(state), node) for job_id, state, node in states]

    async def foreign(self, job_ids: Sequence[str]) -> set[str]:
        """See `Transport`."""
        owners = await self.host.service.owners(job_ids)
        return {job_id for job_id, owner in owners.items() if owner}

    async def value(self, job_id: str, most_bytes: int | None = None) -> Value | None:
        """See `Transport`."""
        found: dict[str, Value] = await self._read("values", [job_id])
        value = found.get(job_id)
        if value is not None and most_bytes is not None and value.size > most_bytes:
            raise errors.TooLarge(f"the result has {value.size} bytes")
        return value

    async def failure(self, job_id: str) -> Failure | None:
        """See `Transport`."""
        found: dict[str, bytes] = await self._read("failures", [job_id])
        return msgspec.json.decode(found[job_id], type=Failure) if job_id in found else None

    async def output(self, job_id: str) -> str:
        """See `Transport`."""
        text: str = await self._read("output", job_id)
        return text

    async def log(self, job_id: str, epoch: int | None = None, after: int = 0) -> JobLog:
        """See `Transport`."""
        return await self.host.service.logs.read(job_id, epoch, after)

    async def progress(self, job_id: str) -> tuple[float, str] | None:
        """See `Transport`."""
        return self.host.service.progress.of(job_id)

    async def job_columns(self, which: JobFilter) -> Columns:
        """See `Transport`."""
        return Columns(JOB_COLUMNS, await self._read("job_rows", which))

    async def attempt_columns(self, after: tuple[int, int] = (0, 0)) -> Columns:
        """See `Transport`."""
        return Columns(
            ATTEMPT_COLUMNS, await self._read("attempt_rows", None, None, after, ATTEMPT_PAGE)
        )

    async def nodes(self) -> list[NodeRow]:
        """See `Transport`."""
        return node_rows(self.host.service)

    async def counts(self) -> tuple[dict[str, int], float]:
        """See `Transport`."""
        service = self.host.service
        return {str(s): service.board.counts[s] for s in JobState}, service.started_at

    async def sweeps(self) -> dict[str, int]:
        """See `Transport`."""
        return dict(await self._read("sweeps"))

    async def put_blob(self, data: bytes) -> str:
        """See `Transport`."""
        self.host.service.room.take(len(data))
        return await self.loop.run_in_executor(None, self.host.service.blobs.put, data)

    async def get_blob(self, sha256: str) -> bytes:
        """See `Transport`."""
        return await self.loop.run_in_executor(None, self.host.service.blobs.read, sha256)

    async def tokens(self) -> list[TokenRow]:
        """See `Transport`."""
        return [token_row(credential) for credential in self.host.service.keyring.all()]

    async def make_token(self, wanted: NewToken) -> MadeToken:
        """See `Transport`."""
        made, secret = await self.host.service.keyring.make(
            wanted.scopes,
            wanted.label,
            expires_in_s=wanted.expires_in_s,
            trusted=wanted.trusted,
            by=lambda made: _note("token.make", made.id),
        )
        return MadeToken(made.id, secret, token_row(made).scopes, made.expires_at)

    async def revoke_token(self, token_id: str) -> TokenRow:
        """See `Transport`."""
        ended = await self.host.service.revoke(
            token_id, lambda ended: _note("token.revoke", ended.id)
        )
        return token_row(ended)

    async def node_token(self) -> str | None:
        """See `Transport`."""
        return await self.host.service.keyring.node_token()

    async def audit_columns(self, after_seq: int) -> Columns:
        """See `Transport`."""
        return Columns(AUDIT_COLUMNS, await self._read("audit_rows", after_seq, AUDIT_PAGE))

    async def waiting(self, job_id: str) -> list[str]:
        """See `Transport`."""
        return self.host.service.waiting(job_id)

    async def drain(self, node_id: str) -> Draining:
        """See `Transport`."""
        return await self.host.service.drain_node(node_id, _note("node.drain", node_id))

    async def stop(self) -> None:
        """See `Transport`."""
        await self.host.service.write(_note("stop", ""))
        self.host.stop()

    async def panel(self) -> AsyncGenerator[bytes, None]:
        """See `Transport`."""
        async with contextlib.aclosing(self.host.service.panel.follow()) as news:
            async for messages in news:
                for message in messages:
                    yield message

    async def forward(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """See `Transport`. Over the loopback: then a panel is one more client, and nothing else."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        connector = aiohttp.TCPConnector(ssl=pinned(self.url, self.fingerprint))
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            return await relay.forward(session, self.url, method, path, body)

    async def _read(self, verb: str, *args: Any) -> Any:
        service = self.host.service
        return await service.read(getattr(service.store, verb), *args)

    def close(self) -> None:
        """See `Transport`."""
        self.host.stop()


def _note(action: str, subject: str, detail: dict[str, Any] | None = None) -> e.Audited:
    text = msgspec.json.encode(detail or {}).decode()
    return e.Audited(time.time(), OWNER, "", action, subject, text)


def _change_of(event: e.Event) -> Change | None:
    if isinstance(event, e.JobClosed):
        return Change(event.job_id, event.state, event.node_id, event.value, event.failure)
    if isinstance(event, e.JobLeased):
        return Change(event.job_id, JobState.ASSIGNED, event.node_id)
    if isinstance(event, e.JobRequeued):
        return Change(event.job_id, JobState.PENDING)
    return None
