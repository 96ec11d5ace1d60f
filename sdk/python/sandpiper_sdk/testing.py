"""Handles that stand in for the host's, so that a change runs in a test without a component around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Mapping, Optional, Union

from . import host
from .context import Context, Level
from .http import Endpoint
from .sql import Connection
from .values import plain, to_contract


def _variant(name: str, kinds: str) -> dict[str, type]:
    def make(kind: str) -> type:
        def init(self: Any, value: Any = None) -> None:
            self.value = value
        return type(f"{name}_{kind}", (), {"__init__": init})
    return {f"{name}_{kind}": make(kind) for kind in kinds.split()}


_SQL = SimpleNamespace(
    **_variant("Value", "Null Boolean Integer Double Decimal Text Bytes Uuid Date Time Timestamp Json Other")
)
_HTTP = SimpleNamespace(
    Header=lambda name, value: SimpleNamespace(name=name, value=value), Request=SimpleNamespace,
    **_variant("Method", "Get Head Post Put Patch Delete Other"),
)

Rows = list[Mapping[str, Any]]


class FakeConnection(Connection):
    """A database that answers as it is told, and keeps what it was asked: `db.calls` holds statements and parameters.

    `answers` maps the beginning of a statement to rows (mappings), to a number of affected rows, or to an error.
    """

    def __init__(self, answers: Mapping[str, Union[Rows, int, Exception]] = {}, dialect: str = "sqlite") -> None:
        host.sql = host.sql or _SQL
        self.calls: list[tuple[str, list[Any]]] = []
        self._answers = answers
        count = lambda found: found if isinstance(found, int) else 0
        super().__init__(SimpleNamespace(
            dialect=lambda: dialect,
            execute=lambda statement, values: count(self._answer(statement, values)),
            execute_many=lambda statement, rows: len([self._answer(statement, row) for row in rows]),
            run_script=lambda script: self._answer(script, []),
            query=lambda statement, values: self._rows(self._answer(statement, values)),
        ))

    def _answer(self, statement: str, values: list[Any]) -> Any:
        self.calls.append((statement, [plain(*host.case(value)) for value in values]))
        found = next((self._answers[begin] for begin in self._answers if statement.startswith(begin)), None)
        if isinstance(found, Exception):
            raise found
        return found

    @staticmethod
    def _rows(found: Optional[Rows]) -> Any:
        rows = found or []
        names = list(rows[0]) if rows else []
        left = [[host.make(host.sql, "Value", *to_contract(row[name])) for name in names] for row in rows]

        def following(most: int) -> list[Any]:
            batch = left[:most]
            del left[:most]
            return batch
        columns = [SimpleNamespace(name=name, type_name="") for name in names]
        return SimpleNamespace(columns=lambda: columns, next=following)


class FakeEndpoint(Endpoint):
    """An API that answers as it is told: `answers` maps `POST queues` to a status and a body."""

    def __init__(self, answers: Mapping[str, tuple[int, str]] = {}) -> None:
        host.http = host.http or _HTTP
        #: The requests that were sent.
        self.calls: list[Any] = []

        def send(request: Any) -> Any:
            self.calls.append(request)
            kind, other = host.case(request.method)
            status, body = answers.get(f"{(other or kind).upper()} {request.path}", (200, ""))
            return SimpleNamespace(status=status, headers=[], body=body.encode())
        super().__init__(SimpleNamespace(send=send))


class FakeContext(Context):
    """A context; `ctx.lines` holds what was logged, `ctx.checkpoints` what was saved."""

    def __init__(
        self,
        variables: Mapping[str, str] = {},
        attempt: int = 1,
        tenant: Optional[str] = None,
        checkpoint: Optional[bytes] = None,
        cancelled: bool = False,
    ) -> None:
        self.lines: list[tuple[Level, str]] = []
        self.checkpoints: list[bytes] = [] if checkpoint is None else [checkpoint]
        super().__init__(SimpleNamespace(
            idempotency_key=lambda: "test", attempt=lambda: attempt, tenant=lambda: tenant, variable=variables.get,
            log=lambda level, message: self.lines.append((level, message)), progress=lambda done, total: None,
            save_checkpoint=self.checkpoints.append,
            load_checkpoint=lambda: self.checkpoints[-1] if self.checkpoints else None,
            is_cancelled=lambda: cancelled,
        ))
