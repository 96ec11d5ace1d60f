"""Makes what the contract asks a component to export of what an author wrote. `sandpiper_guest` is written for each
project: it names the module of its change."""

from componentize_py_types import Err
from sandpiper_guest import CLIENTS, TARGET, module
from sandpiper_sdk import Connection, Context, Endpoint, Verdict, host
from sandpiper_sdk.change import find
from sandpiper_sdk.errors import failure
from wit_world.imports import execution, types

host.sql, host.http = CLIENTS["sql"], CLIENTS["http"]

_CHANGE = find(module)()
_HANDLE = Connection if TARGET == "sql" else Endpoint


def _run(name, handle, ctx):
    try:
        return getattr(_CHANGE, name)(_HANDLE(handle), Context(ctx, execution.Level))
    except Exception as error:
        kind, message = failure(error)
    raise Err(getattr(types, f"Failure_{kind.capitalize()}")(message))


def _enum(enumeration, word):
    return None if word is None else enumeration[word.upper().replace("-", "_")]


class Description:
    def describe(self):
        options = [(name, getattr(_CHANGE, name)) for name in ("when", "retry") if getattr(_CHANGE, name) is not None]
        return types.ChangeInfo(
            id=_CHANGE.id, author=_CHANGE.author, target_system=_CHANGE.target_system,
            description=_CHANGE.description, transactional=_CHANGE.transactional,
            recovery=_enum(types.Recovery, _CHANGE.recovery), cadence=_enum(types.Cadence, _CHANGE.cadence),
            uses=list(_CHANGE.uses), labels=[(name, str(value)) for name, value in _CHANGE.labels.items()],
            options=options,
        )


class Change:
    def apply(self, handle, ctx):
        _run("apply", handle, ctx)

    def rollback(self, handle, ctx):
        _run("rollback", handle, ctx)


class Verify:
    def verify(self, handle, ctx):
        answer = _run("verify", handle, ctx)
        if isinstance(answer, bool):
            answer = Verdict.APPLIED if answer else Verdict.NOT_APPLIED
        if not isinstance(answer, Verdict):
            raise Err(types.Failure_Failed(f"`verify` gives a bool or a Verdict, not {answer!r}"))
        return types.Verdict[answer.name]
