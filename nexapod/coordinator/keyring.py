"""The keyring: which secrets let whom in. Secrets are shown once; only their sha256 is kept."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from nexapod import errors
from nexapod.coordinator.files import PrivateFile
from nexapod.core import events as e
from nexapod.core.credentials import ANYONE, OWNER, SCOPES, Credential, Scope, owner
from nexapod.core.events import Event
from nexapod.ids import new_secret
from nexapod.store.base import Store
from nexapod.store.thread import StoreThread

#: Makes a note of what was done to a credential, for the audit.
Author = Callable[[Credential], e.Audited]

_BEARER = "Bearer "
#: Headers whose digest is remembered.
SHOWN = 4096


def digest_of(secret: str) -> bytes:
    """What is kept of a secret. It has 256 random bits, so a plain hash tells nothing of it."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


class Keyring:
    """Every credential of one fleet.

    Parameters
    ----------
    store, thread
        Where credentials are kept, and the thread to use it on.
    secret
        The fleet's own token; None when the coordinator is open, and whoever shows no token, or
        one that it does not know, is let in as `ANYONE`.
    node_token_file
        Where the secret that invitations carry is kept, for its owner's eyes alone: it has to be
        shown again and again.
    """

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        secret: str | None,
        node_token_file: PrivateFile | None = None,
    ) -> None:
        self._store = store
        self._thread = thread
        self._is_open = secret is None
        self._by_digest: dict[bytes, Credential] = {}
        self._digests: dict[str, bytes] = {}
        self._shown: dict[str, bytes] = {}  # good headers, so that each is hashed once
        self._secret = secret
        self._node_token_file = node_token_file
        #: How changes become durable; a service puts its own commits here.
        self.write: Callable[..., Awaitable[None]] = self._commit
        self._inviting = asyncio.Lock()

    async def load(self) -> None:
        """Read what the store holds. What ended here meanwhile stays ended."""
        for record in await self._thread.call(self._store.tokens):
            known = self._by_digest.get(record.digest)
            if known is None or known.revoked_at is None:
                self._add(record.credential, record.digest)
        if self._secret is not None:
            self._add(owner(), digest_of(self._secret))

    def _add(self, credential: Credential, digest: bytes) -> None:
        self._by_digest[digest] = credential
        self._digests[credential.id] = digest

    async def _commit(self, *events: Event) -> None:
        await self._thread.call(self._store.commit, events)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    def identify(self, authorization: str | None) -> Credential:
        """Whose ``Authorization`` header this is.

        A secret is looked up by its whole digest: how long that takes tells nothing about how
        much of a guess was right.

        Raises
        ------
        Unauthorized
            No token, an unknown one, or one that has ended.
        """
        known = None
        if authorization is not None and authorization.startswith(_BEARER):
            digest = self._shown.get(authorization) or digest_of(authorization[len(_BEARER) :])
            known = self._by_digest.get(digest)
            if known is not None and len(self._shown) < SHOWN:
                self._shown[authorization] = digest
        if known is not None and known.is_live(time.time()):
            return known
        if self._is_open:
            return ANYONE
        if known is None:
            raise errors.Unauthorized(
                "no valid token; send 'Authorization: Bearer TOKEN' with a token of this fleet"
            )
        ended = "was revoked" if known.revoked_at is not None else "has expired"
        raise errors.Unauthorized(f"this token {ended}; ask the fleet's owner for a new one")

    def is_live(self, credential_id: str) -> bool:
        """Whether this credential still lets anybody in."""
        digest = self._digests.get(credential_id)
        return digest is not None and self._by_digest[digest].is_live(time.time())

    def still(self, credential: Credential) -> None:
        """Refuse who was let in a while ago, if that is over: after each wait, and while streaming.

        Raises
        ------
        Unauthorized
        """
        if credential.id and not self.is_live(credential.id):
            raise errors.Unauthorized("this token has ended; ask the fleet's owner for a new one")

    def secret_is_live(self, secret: str) -> bool:
        """Whether this secret lets anybody in."""
        known = self._by_digest.get(digest_of(secret))
        return known is not None and known.is_live(time.time())

    def all(self) -> list[Credential]:
        """Every credential, the fleet's own first, then in the order they were made."""
        return sorted(self._by_digest.values(), key=lambda c: (c.created_at, c.id))

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def make(
        self,
        scopes: Iterable[Scope],
        label: str = "",
        *,
        expires_in_s: float | None = None,
        trusted: bool = True,
        by: Author | None = None,
    ) -> tuple[Credential, str]:
        """A new credential and its secret, which is shown this once. On disk when this returns.

        The note that `by` makes of it is written in the same commit.

        Raises
        ------
        Invalid
            When a scope is unknown, or there is none.
        """
        wanted = frozenset(scopes)
        if not wanted or not wanted <= set(SCOPES):
            raise errors.Invalid(f"a token has one or more of the scopes {', '.join(SCOPES)}")
        secret, now = new_secret(), time.time()
        expires_at = None if expires_in_s is None else now + expires_in_s
        made = Credential(secrets.token_hex(6), wanted, label, trusted, now, expires_at)
        digest = digest_of(secret)
        await self.write(e.TokenMade(made, digest), *_notes(by, made))
        self._add(made, digest)
        return made, secret

    async def node_token(self) -> str:
        """The secret with which machines join: the one on file while it lives, else a new one."""
        file = self._node_token_file
        async with self._inviting:
            secret = file.read() if file is not None else None
            if secret is None or not self.secret_is_live(secret):
                _, secret = await self.make(["node"], "invitation")
                if file is not None:
                    file.write(secret)
            return secret

    async def revoke(self, credential_id: str, by: Author | None = None) -> Credential:
        """Let nobody in with it from now on. On disk when this returns; safe to repeat.

        The note that `by` makes of it is written in the same commit.

        Raises
        ------
        NotFound
            When there is no such credential.
        Invalid
            When it is the fleet's own.
        """
        if credential_id == OWNER:
            raise errors.Invalid(
                "the fleet's own token is not revoked but replaced: stop the coordinator, delete "
                "its NAME.token file, and start it again"
            )
        digest = self._digests.get(credential_id)
        if digest is None:
            raise errors.NotFound("there is no token with this id")
        known = self._by_digest[digest]
        at = time.time() if known.revoked_at is None else known.revoked_at
        ended = msgspec.structs.replace(known, revoked_at=at)
        self._by_digest[digest] = ended  # at once: a slow disk lets nobody in meanwhile
        # Always, also when it had ended: the write of then may have failed.
        await self.write(e.TokenRevoked(credential_id, at), *_notes(by, ended))
        return ended


def _notes(by: Author | None, credential: Credential) -> tuple[e.Audited, ...]:
    return () if by is None else (by(credential),)
