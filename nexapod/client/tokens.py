"""The fleet's tokens: who may look, submit, join, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nexapod import errors
from nexapod.client.face import view
from nexapod.core.credentials import SCOPES, Scope
from nexapod.wire.messages import MadeToken, NewToken, TokenRow

if TYPE_CHECKING:
    import pandas as pd

    from nexapod.client.connection import Connection


class Token:
    """A token just made. Its secret is here, and nowhere else ever again.

    Attributes
    ----------
    id
        Names it, to revoke it.
    secret
        What its holder sends.
    scopes
        What it lets its holder do.
    """

    def __init__(self, made: MadeToken) -> None:
        self.id = made.id
        self.secret = made.token
        self.scopes: tuple[Scope, ...] = tuple(made.scopes)

    def __repr__(self) -> str:
        return f"<Token {self.id}, {' '.join(self.scopes)}; its secret is in .secret, this once>"


class Tokens:
    """``fleet.tokens``. Making and ending tokens takes an admin's token, as launching gives it."""

    def __init__(self, link: Connection) -> None:
        self._link = link

    def create(
        self,
        *scopes: Scope,
        label: str = "",
        expires_in_s: float | None = None,
        trusted: bool = True,
    ) -> Token:
        """Make a token.

        Parameters
        ----------
        scopes
            One or more of ``"view"``, ``"submit"``, ``"node"``, ``"admin"``.
        label
            For people: whom it is for.
        expires_in_s
            Seconds until it ends by itself; None for never.
        trusted
            Whether kernels open pickles that come from its nodes. For machines of strangers say
            False: their results then come as JSON, bytes, arrays or tables.

        Raises
        ------
        Invalid
            When an argument makes no sense.
        Forbidden
            When this fleet was connected to with less than an admin's token.
        """
        given = {
            "scopes": list(scopes), "label": label, "expires_in_s": expires_in_s,
            "trusted": trusted,
        }  # fmt: skip
        try:
            wanted = msgspec.convert(given, NewToken)
        except msgspec.ValidationError as error:
            raise errors.Invalid(
                f"this makes no token: {error}; the scopes are {', '.join(SCOPES)}"
            ) from None
        return Token(self._link.ask(self._link.transport.make_token(wanted)))

    def revoke(self, token: str | Token) -> None:
        """Let nobody in with this token, or the one of this id, from now on.

        The names of its nodes are free for other tokens then.

        Raises
        ------
        NotFound
            When there is no such token.
        """
        token_id = token.id if isinstance(token, Token) else token
        self._link.ask(self._link.transport.revoke_token(token_id))

    def rows(self) -> Sequence[TokenRow]:
        """Every token, without its secret."""
        rows: Sequence[TokenRow] = self._link.ask(self._link.transport.tokens())
        return rows

    @property
    def frame(self) -> pd.DataFrame:
        """Every token. See `nexapod.views.frames.tokens_frame`."""
        frame: pd.DataFrame = view("frames").tokens_frame(self.rows())
        return frame

    def __repr__(self) -> str:
        return f"<Tokens: {len(self.rows())}; .frame lists them>"

    def _repr_html_(self) -> Any:
        return self.frame.to_html()
