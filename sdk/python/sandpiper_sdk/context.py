"""The attempt that a change runs in: its variables, its log, its checkpoints."""

from __future__ import annotations

from enum import Enum
from typing import Any, Optional, Union

from .errors import Failed, Precondition


class Level(Enum):
    """How much a line of the log matters."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


class Context:
    """What the host lends a change besides its target system."""

    def __init__(self, handle: Any, levels: Any = Level) -> None:
        self._handle = handle
        self._levels = levels

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt of one change: the idempotency key for systems that take one."""
        return self._handle.idempotency_key()

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""
        return self._handle.attempt()

    @property
    def tenant(self) -> Optional[str]:
        """The tenant of this run, where the pipeline has tenants."""
        return self._handle.tenant()

    def variable(self, name: str) -> Optional[str]:
        """A variable of the configuration, if it is set."""
        return self._handle.variable(name)

    def required_variable(self, name: str) -> str:
        """The same; that it is not set is a precondition that does not hold."""
        value = self.variable(name)
        if value is None:
            raise Precondition(f"variable `{name}` is not set; set it in `variables:` or with --set")
        return value

    def log(self, level: Level, message: object) -> None:
        """Writes a line into the log of this attempt."""
        self._handle.log(self._levels[level.name], str(message))

    def trace(self, message: object) -> None:
        self.log(Level.TRACE, message)

    def debug(self, message: object) -> None:
        self.log(Level.DEBUG, message)

    def info(self, message: object) -> None:
        self.log(Level.INFO, message)

    def warn(self, message: object) -> None:
        self.log(Level.WARN, message)

    def error(self, message: object) -> None:
        self.log(Level.ERROR, message)

    def progress(self, done: int, total: int = 0) -> None:
        """Says how far the change is. `total` is 0 if unknown."""
        self._handle.progress(done, total)

    def save_checkpoint(self, data: Union[str, bytes]) -> None:
        """Keeps bytes, or a text, for the next attempt of this change."""
        try:
            self._handle.save_checkpoint(data.encode() if isinstance(data, str) else data)
        except Exception as error:
            raise Failed(f"the checkpoint was not saved: {getattr(error, 'value', error)}") from None

    def load_checkpoint(self) -> Optional[bytes]:
        """What was saved last, by this or an earlier attempt."""
        return self._handle.load_checkpoint()

    @property
    def is_cancelled(self) -> bool:
        """True once the host wants the change to stop at its next safe point."""
        return self._handle.is_cancelled()
