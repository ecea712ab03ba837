"""Who asks: a credential, its scopes, and what they let it see and touch."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

#: ``view``: read everything. ``submit``: submit, and cancel and read one's own. ``node``: take jobs
#: and report them, under node ids of its own. ``admin``: everything but being a node.
Scope = Literal["view", "submit", "node", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Credential(msgspec.Struct, frozen=True):
    """One token as the coordinator knows it, without its secret.

    Attributes
    ----------
    id
        Names it in the audit and in lists; empty for callers of an open coordinator.
    trusted
        Whether the kernel opens pickles that its nodes send.
    expires_at, revoked_at
        Unix seconds; None for never.
    """

    id: str
    scopes: frozenset[Scope]
    label: str = ""
    trusted: bool = True
    created_at: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None

    def is_live(self, at: float) -> bool:
        """Whether it lets anybody in at that time (Unix seconds)."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    @property
    def is_fleets(self) -> bool:
        """Whether it is the fleet's own, or nobody's on an open coordinator."""
        return self.id in ("", OWNER)

    @property
    def owner(self) -> str:
        """What its jobs are marked with: empty for the fleet's own."""
        return "" if self.is_fleets else self.id

    @property
    def sees(self) -> str | None:
        """The owner whose jobs alone it may read; None when it may read all."""
        return None if self.scopes & {"view", "admin"} else self.owner

    @property
    def touches(self) -> str | None:
        """The owner whose jobs alone it may cancel or retry; None when all."""
        return None if "admin" in self.scopes else self.owner


#: The id of the fleet's own credential, whose secret is in ``NAME.token``. It may do everything.
OWNER = "owner"


def owner() -> Credential:
    """The fleet's own."""
    return Credential(OWNER, frozenset(SCOPES), "the fleet's own token")


#: Whoever calls an open coordinator without a token.
ANYONE = Credential("", frozenset(SCOPES), "anyone on this machine", trusted=False)
