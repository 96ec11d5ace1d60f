"""Why a change, or one of its calls, did not succeed."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Optional


class ChangeError(Exception):
    """Why a change did not succeed, and what is known of its effect."""

    kind = "failed"


class Precondition(ChangeError):
    """A precondition did not hold: nothing was changed."""

    kind = "precondition"


class Failed(ChangeError):
    """Something went wrong: the target system may have been changed."""


class Transient(ChangeError):
    """Went wrong in a way that may be gone on the next attempt."""

    kind = "transient"


class Irreversible(ChangeError):
    """Of a rollback: this change cannot be taken back."""

    kind = "irreversible"


_TRANSIENT_CODES = ("40", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED")


class SqlError(Exception):
    """Why a call to a database did not succeed: `kind` tells which case of the contract."""

    def __init__(self, kind: str, payload: Any) -> None:
        self.kind = kind
        #: What the database said, if it is the database that refused.
        self.database = payload if kind == "Refused" else None
        super().__init__(_words(kind, payload))

    @property
    def code(self) -> Optional[str]:
        """The SQLSTATE, or the database's own code, if it is the database that refused."""
        return self.database.code if self.database is not None else None

    @property
    def is_transient(self) -> bool:
        """Whether this may be gone on the next attempt."""
        if self.database is not None:
            return self.database.code.startswith(_TRANSIENT_CODES)
        return self.kind == "ConnectionLost"


class HttpError(Exception):
    """Why a request to an API did not succeed."""

    def __init__(self, kind: str, payload: Any) -> None:
        self.kind = kind
        self.status: Optional[int] = payload[0] if kind == "Status" else None
        super().__init__(_words(kind, payload))

    @property
    def is_transient(self) -> bool:
        """Whether this may be gone on the next attempt, and the API is known to have done nothing."""
        return self.kind == "NotSent" or self.status in (429, 503)


_PREFIXES = {
    "ConnectionLost": "the connection was lost: ",
    "Denied": "the host refused this: ",
    "LimitExceeded": "a limit was reached: ",
    "NotSent": "the request was not sent: ",
    "NoAnswer": "no answer came, its effect is unknown: ",
}


def _words(kind: str, payload: Any) -> str:
    if kind == "Refused":
        words = f"{payload.message} ({payload.code})"
        for name in ("detail", "hint"):
            if getattr(payload, name) is not None:
                words += f"; {name}: {getattr(payload, name)}"
        return words
    if kind == "Other":
        return f"{payload[0]}: {payload[1]}"
    if kind == "Status":
        return f"the API answered with {payload[0]}" + (f": {payload[1]}" if payload[1] else "")
    return f"{_PREFIXES.get(kind, '')}{payload}"


def failure(error: BaseException) -> tuple[str, str]:
    """An error as the contract has it: the kind, and the message."""
    if isinstance(error, ChangeError):
        return error.kind, with_causes(error)
    if isinstance(error, (SqlError, HttpError)):
        return ("transient" if error.is_transient else "failed"), with_causes(error)
    # Whoever looks for a mistake wants to know where it is.
    traceback.print_exception(error, file=sys.stderr)
    return "failed", f"{type(error).__name__}: {with_causes(error)}"


def with_causes(error: BaseException) -> str:
    words = str(error)
    cause = error.__cause__
    while cause is not None:
        if str(cause) not in words:
            words += f": {cause}"
        cause = cause.__cause__
    return words
