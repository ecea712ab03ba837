"""The keyring: who is let in, and what is kept of their secrets."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from nexapod import errors
from nexapod.coordinator.files import PrivateFile
from nexapod.coordinator.keyring import Keyring, digest_of
from nexapod.core.credentials import ANYONE, OWNER, SCOPES
from nexapod.store.memory import MemoryStore
from nexapod.store.thread import StoreThread

T = TypeVar("T")
SECRET = "the-fleets-own"


class Keys:
    """A keyring, and a loop for it."""

    def __init__(self, folder: Path, secret: str | None = SECRET) -> None:
        self.thread = StoreThread()
        self.store = MemoryStore()
        self.file = PrivateFile(folder / "x.node-token")
        self.ring = Keyring(self.store, self.thread, secret, self.file)

    def run(self, work: Callable[[Keyring], Awaitable[T]]) -> T:
        async def whole() -> T:
            await self.ring.load()
            return await work(self.ring)

        return asyncio.run(whole())


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys(tmp_path)
    yield keys
    keys.thread.stop()


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


def test_the_fleets_own_token_may_do_everything(keys: Keys) -> None:
    async def work(ring: Keyring) -> None:
        found = ring.identify(bearer(SECRET))
        assert (found.id, found.scopes) == (OWNER, frozenset(SCOPES))
        assert found.sees is None
        assert found.touches is None

    keys.run(work)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "bearer x", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x",
     f"Bearer  {SECRET}", f"Basic {SECRET}", SECRET, f"Bearer {SECRET.upper()}", "Bearer \udcff"],
)  # fmt: skip
def test_only_the_whole_secret_lets_anybody_in(keys: Keys, header: str | None) -> None:
    async def work(ring: Keyring) -> None:
        with pytest.raises(errors.Unauthorized):
            ring.identify(header)

    keys.run(work)


def test_a_new_token_has_its_scopes_and_only_its_hash_is_kept(keys: Keys) -> None:
    async def work(ring: Keyring) -> str:
        made, secret = await ring.make(["submit"], "Ada")
        assert ring.identify(bearer(secret)) == made
        assert (made.sees, made.touches, made.owner) == (made.id, made.id, made.id)
        return secret

    secret = keys.run(work)
    (record,) = keys.store.tokens()
    assert record.digest == digest_of(secret)
    dump = "\n".join(keys.store._db.iterdump())
    assert secret not in dump
    assert SECRET not in dump


def test_tokens_are_known_again_after_a_restart(keys: Keys) -> None:
    async def make(ring: Keyring) -> str:
        await ring.make(["view", "node"], expires_in_s=3600.0, trusted=False)
        return (await ring.make(["node"], "lab"))[1]

    secret = keys.run(make)
    before = keys.store.tokens()
    again = Keyring(keys.store, keys.thread, SECRET)

    async def work() -> None:
        await again.load()
        assert again.identify(bearer(secret)).label == "lab"
        assert sorted(c.id for c in again.all()) == sorted(
            [OWNER, *(record.credential.id for record in before)]
        )

    asyncio.run(work())


def test_an_ended_token_says_how_it_ended(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(ring: Keyring) -> None:
        made, secret = await ring.make(["view"])
        brief, other = await ring.make(["view"], expires_in_s=60.0)
        assert ring.identify(bearer(other)) == brief
        await ring.revoke(made.id)
        with pytest.raises(errors.Unauthorized, match="revoked"):
            ring.identify(bearer(secret))
        assert await ring.revoke(made.id) == await ring.revoke(made.id), "repeating does no harm"
        later = time.time() + 61.0
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(errors.Unauthorized, match="expired"):
            ring.identify(bearer(other))
        assert not ring.is_live(brief.id)
        assert not ring.is_live("never-was")

    keys.run(work)


def test_what_cannot_be_made_or_ended_is_refused(keys: Keys) -> None:
    async def work(ring: Keyring) -> None:
        for scopes in ([], ["root"], ["view", "root"]):
            with pytest.raises(errors.Invalid, match="view, submit, node, admin"):
                await ring.make(scopes)  # type: ignore[arg-type]
        with pytest.raises(errors.NotFound):
            await ring.revoke("never-was")
        with pytest.raises(errors.Invalid, match="replaced"):
            await ring.revoke(OWNER)

    keys.run(work)


def test_the_invitations_token_stays_until_it_is_revoked(keys: Keys) -> None:
    async def work(ring: Keyring) -> None:
        first, same = await asyncio.gather(ring.node_token(), ring.node_token())
        assert first == same
        found = ring.identify(bearer(first))
        assert found.scopes == {"node"}
        assert found.trusted
        await ring.revoke(found.id)
        assert await ring.node_token() != first

    keys.run(work)
    assert stat.S_IMODE(keys.file.path.stat().st_mode) == 0o600


def test_an_open_coordinator_lets_anybody_in_but_trusts_no_stranger(tmp_path: Path) -> None:
    keys = Keys(tmp_path, secret=None)

    async def work(ring: Keyring) -> None:
        for header in (None, "Bearer what", "nonsense"):
            assert ring.identify(header) is ANYONE
        assert not ANYONE.trusted
        assert ring.identify(bearer(await ring.node_token())).trusted

    keys.run(work)
    keys.thread.stop()


def test_a_revocation_whose_write_failed_is_written_when_it_is_repeated(keys: Keys) -> None:
    async def work(ring: Keyring) -> str:
        made, secret = await ring.make(["view"])
        written = ring.write

        async def fail(*events: object) -> None:
            raise errors.StorageFull("no room")

        ring.write = fail
        with pytest.raises(errors.StorageFull):
            await ring.revoke(made.id)
        with pytest.raises(errors.Unauthorized):
            ring.identify(bearer(secret))
        await ring.load()  # as in a recovery: the disk does not know of it yet
        with pytest.raises(errors.Unauthorized):
            ring.identify(bearer(secret))
        ring.write = written
        await ring.revoke(made.id)
        return secret

    secret = keys.run(work)
    again = Keyring(keys.store, keys.thread, SECRET)

    async def later() -> None:
        await again.load()
        with pytest.raises(errors.Unauthorized, match="revoked"):
            again.identify(bearer(secret))

    asyncio.run(later())
