"""The language plugin `python`: runs changes that are written as Python source, with the SDK for Python."""

import sys
import traceback
from types import ModuleType

from componentize_py_types import Err
from sandpiper_sdk import Connection, Context, Endpoint, Verdict, host
from sandpiper_sdk.change import Change, find, problems
from sandpiper_sdk.errors import failure
from wit_world.exports import language
from wit_world.imports import execution, http_client, sql_client, types

import sandpiper_library  # noqa: F401  what a source may import has to be in memory when the plugin is made

host.sql, host.http = sql_client, http_client

#: The module that a source is.
MODULE = "change"


def _load(source):
    """The change of a source."""
    module = ModuleType(MODULE)
    module.__file__ = source.file_name
    sys.modules[MODULE] = module
    exec(compile(source.text, source.file_name, "exec"), module.__dict__)
    return find(module)


def _position(error, source):
    """The line and column, both from 1, at which an error of a source arose; none where that is not known."""
    if isinstance(error, SyntaxError) and error.filename == source.file_name and error.lineno:
        return error.lineno, max(error.offset or 1, 1)
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == source.file_name:
            found = (frame, line)
    if found is None:
        return None
    frame, line = found
    at = _instruction(error.__traceback__, frame)
    positions = list(frame.f_code.co_positions())
    column = positions[at // 2][2] if at is not None and at // 2 < len(positions) else None
    if column is None:
        return line, 1
    # Python counts bytes.
    text = source.text.splitlines()[line - 1].encode()[:column]
    return line, len(text.decode(errors="replace")) + 1


def _instruction(trace, frame):
    while trace is not None:
        if trace.tb_frame is frame:
            at = trace.tb_lasti
        trace = trace.tb_next
    return at


def _offset(source, position):
    """The byte at a position."""
    line, column = position
    lines = source.text.split("\n")
    before = "".join(f"{text}\n" for text in lines[: line - 1]) + lines[line - 1][: column - 1]
    return len(before.encode())


def _words(error):
    if isinstance(error, SyntaxError):
        return error.msg
    return f"{type(error).__name__}: {error}"


def _of_key(source, message):
    """Where the key stands that a problem begins with, else the class."""
    name = message.split("`")[1] if message.startswith("`") else ""
    for number, line in enumerate(source.text.split("\n"), 1):
        for start in (name, f"def {name}"):
            if name and line.lstrip().startswith(start) and line.lstrip()[len(start):].lstrip()[:1] in ("=", "(", ":"):
                return number, line.index(start) + 1
    for number, line in enumerate(source.text.split("\n"), 1):
        if line.startswith("class "):
            return number, 1
    return 1, 1


def _problem(position, message):
    message, _, hint = message.partition(": write ")
    return language.Problem(*position, message, f"write {hint}" if hint else None)


def _enum(enumeration, word):
    return None if word is None else enumeration[word.upper().replace("-", "_")]


class Language:
    def describe(self):
        return language.Info("python", ["py"])

    def inspect(self, source):
        try:
            change = _load(source)
        except Exception as error:
            raise Err([_problem(_position(error, source) or _of_key(source, ""), _words(error))]) from None
        has_rollback = change.rollback is not Change.rollback
        # A source file may leave `rollback` out, as a data file may.
        found = [it for it in problems(change) if has_rollback or not it.startswith("`rollback` is missing")]
        if found:
            raise Err([_problem(_of_key(source, message), message) for message in found])
        options = [(name, getattr(change, name)) for name in ("when", "retry") if getattr(change, name) is not None]
        info = types.ChangeInfo(
            id=change.id, author=change.author, target_system=change.target_system, description=change.description,
            transactional=change.transactional, recovery=_enum(types.Recovery, change.recovery),
            cadence=_enum(types.Cadence, change.cadence), uses=list(change.uses),
            labels=[(name, str(value)) for name, value in change.labels.items()], options=options,
        )
        return language.Inspected(info, has_rollback, hasattr(change, "verify"))


def _run(name, source, handle, ctx):
    try:
        change = _load(source)()
        return getattr(change, name)(handle, Context(ctx, execution.Level))
    except Exception as error:
        kind, message = failure(error)
        position = _position(error, source)
    if kind == "failed" and position is not None:
        raise Err(types.Failure_FailedAt((message, types.Place("", _offset(source, position)))))
    raise Err(getattr(types, f"Failure_{kind.capitalize()}")(message))


def _verdict(answer):
    if isinstance(answer, bool):
        answer = Verdict.APPLIED if answer else Verdict.NOT_APPLIED
    if not isinstance(answer, Verdict):
        raise Err(types.Failure_Failed(f"`verify` gives a bool or a Verdict, not {answer!r}"))
    return types.Verdict[answer.name]


class SqlRunner:
    def apply(self, source, db, ctx):
        _run("apply", source, Connection(db), ctx)

    def rollback(self, source, db, ctx):
        _run("rollback", source, Connection(db), ctx)

    def verify(self, source, db, ctx):
        return _verdict(_run("verify", source, Connection(db), ctx))


class HttpRunner:
    def apply(self, source, api, ctx):
        _run("apply", source, Endpoint(api), ctx)

    def rollback(self, source, api, ctx):
        _run("rollback", source, Endpoint(api), ctx)

    def verify(self, source, api, ctx):
        return _verdict(_run("verify", source, Endpoint(api), ctx))
