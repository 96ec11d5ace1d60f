"""What a change is: its metadata as attributes of a class, and up to three methods."""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Mapping, Optional, Sequence, Union


class Verdict(Enum):
    """What a look at the target system says about a change."""

    APPLIED = "applied"
    NOT_APPLIED = "not-applied"
    PARTLY_APPLIED = "partly-applied"
    UNKNOWN = "unknown"


class Change:
    """The base of a change. `id`, `author` and `target_system` are required."""

    id: ClassVar[str]
    author: ClassVar[str]
    target_system: ClassVar[str]
    description: ClassVar[Optional[str]] = None
    transactional: ClassVar[Optional[bool]] = None
    #: `manual-intervention` or `always-retry`
    recovery: ClassVar[Optional[str]] = None
    #: `once`, `on-change` or `always`
    cadence: ClassVar[Optional[str]] = None
    uses: ClassVar[Sequence[str]] = ()
    labels: ClassVar[Mapping[str, str]] = {}
    when: ClassVar[Optional[str]] = None
    #: `3 1s..30s`
    retry: ClassVar[Optional[str]] = None

    def apply(self, target: Any, ctx: Any) -> None:
        """Applies it: `target` is a `Connection` or an `Endpoint`."""
        raise NotImplementedError

    def rollback(self, target: Any, ctx: Any) -> None:
        """Takes it back; where there is no way back, raise `Irreversible`."""
        raise NotImplementedError

    # A change that can tell whether it is applied has `verify(self, target, ctx)`, which gives a `bool` or a `Verdict`.


Answer = Union[bool, Verdict]

_RECOVERY = ("manual-intervention", "always-retry")
_CADENCE = ("once", "on-change", "always")
# The flags of a generator, a coroutine and an asynchronous generator, as `inspect` has them: a call runs nothing of it.
_ANSWERS_LATER = 0x20 | 0x80 | 0x200


def find(module: Any) -> type[Change]:
    """The one change of a module."""
    found = [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Change) and value is not Change
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(
            f"`{module.__name__}` is to hold one class that derives from `Change`, and holds {len(found)}"
        )
    return found[0]


def problems(change: type[Change]) -> list[str]:
    """What is wrong with a change, in words; an empty list when nothing is."""
    found = [
        f"`{name}` is missing: write a text" for name in ("id", "author", "target_system")
        if not isinstance(getattr(change, name, None), str)
    ]
    for name, hint in (("apply", ""), ("rollback", "; where there is no way back, raise `Irreversible`")):
        if getattr(change, name) is getattr(Change, name):
            found.append(f"`{name}` is missing: write `def {name}(self, db, ctx)`{hint}")
    for name in ("apply", "rollback", "verify"):
        code = getattr(getattr(change, name, None), "__code__", None)
        if code is not None and code.co_flags & _ANSWERS_LATER:
            found.append(f"`{name}` answers at once: write it without `async` and `yield`, or nothing of it runs")
    for name, words in (("recovery", _RECOVERY), ("cadence", _CADENCE)):
        if getattr(change, name) not in (None, *words):
            found.append(f"`{name}` is one of {', '.join(words)}, not {getattr(change, name)!r}")
    if isinstance(change.uses, str):
        found.append("`uses` is a list of names: write `uses = [\"crm\"]`")
    return found


def facts(change: type[Change]) -> dict[str, Any]:
    """What `sandpiper build` has to know of a change."""
    return {"target_system": change.target_system, "uses": list(change.uses), "verify": hasattr(change, "verify")}
