"""A connection to a database: statements, scripts and queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from . import host
from .errors import SqlError
from .values import Parameter, Value, plain, to_contract

_CHUNK_ROWS = 1_000
_CHUNK_BYTES = 1 << 20
_BATCH = 256


@dataclass(frozen=True)
class Column:
    """A column of a query."""

    name: str
    type_name: str


def _values(parameters: Iterable[Parameter]) -> list[Any]:
    return [host.make(host.sql, "Value", *to_contract(parameter)) for parameter in parameters]


class Connection:
    """A connection to a database, lent for one call. Statements take the database's own placeholders (`?`, `$1`)."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @staticmethod
    def open(system: str) -> Connection:
        """Opens a further system that the change declared in `uses`."""
        if host.sql is None:
            raise SqlError("Denied", "no system in `uses` is a database")
        return Connection(host.called(SqlError, lambda: host.sql.Connection.open(system)))

    @property
    def dialect(self) -> str:
        """`sqlite`, `postgres`, `mysql`, `mariadb`, ..."""
        return self._handle.dialect()

    def execute(self, statement: str, parameters: Sequence[Parameter] = ()) -> int:
        """Runs one statement, and gives the number of rows affected."""
        values = _values(parameters)
        return host.called(SqlError, lambda: self._handle.execute(statement, values))

    def execute_many(self, statement: str, rows: Iterable[Sequence[Parameter]]) -> int:
        """Runs one statement once for each row of parameters, in calls of at most 1,000."""
        affected, chunk, size = 0, [], 0
        for row in rows:
            chunk.append(_values(row))
            size += sum(24 + (len(value) if isinstance(value, (str, bytes)) else 0) for value in row)
            if len(chunk) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
                affected += host.called(SqlError, lambda: self._handle.execute_many(statement, chunk))
                chunk, size = [], 0
        if chunk:
            affected += host.called(SqlError, lambda: self._handle.execute_many(statement, chunk))
        return affected

    def run_script(self, script: str) -> None:
        """Runs any number of statements that take no parameters."""
        host.called(SqlError, lambda: self._handle.run_script(script))

    def query(self, statement: str, parameters: Sequence[Parameter] = ()) -> Rows:
        """Runs a query whose rows are read one after the other."""
        values = _values(parameters)
        return Rows(host.called(SqlError, lambda: self._handle.query(statement, values)), self)


class Row:
    """One row of a query: `row["name"]`, `row[0]`, `list(row)`."""

    def __init__(self, columns: list[Column], values: list[Any]) -> None:
        self._columns = columns
        self._values = values

    def __getitem__(self, key: Union[int, str]) -> Any:
        return plain(*host.case(self._values[self._position(key)]))

    def typed(self, key: Union[int, str]) -> Value:
        """A column with its kind."""
        return Value(*host.case(self._values[self._position(key)]))

    def __iter__(self) -> Iterator[Any]:
        return (plain(*host.case(value)) for value in self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> list[str]:
        """The names of the columns: `dict(row)` works."""
        return [column.name for column in self._columns]

    def __repr__(self) -> str:
        return f"Row({dict(zip(self.keys(), self))!r})"

    def _position(self, key: Union[int, str]) -> int:
        if isinstance(key, int):
            return key
        names = self.keys()
        for same in (lambda name: name == key, lambda name: name.lower() == key.lower()):
            for index, name in enumerate(names):
                if same(name):
                    return index
        raise SqlError(
            "Conversion", f"there is no column `{key}`; the query has {', '.join(f'`{name}`' for name in names)}"
        )


class Rows:
    """The rows of a query, fetched in batches while they are read."""

    def __init__(self, cursor: Any, connection: Connection) -> None:
        self._cursor = cursor
        # A connection that nobody refers to any more is given back, and its cursors with it.
        self._connection = connection
        #: Names and types of the columns, in their order.
        self.columns = [Column(column.name, column.type_name) for column in cursor.columns()]
        self._size = _BATCH

    def batch_size(self, rows: int) -> Rows:
        """Fetches so many rows at a time instead of 256."""
        self._size = max(1, rows)
        return self

    def __iter__(self) -> Iterator[Row]:
        while self._cursor is not None:
            try:
                batch = host.called(SqlError, lambda: self._cursor.next(self._size))
            except SqlError:
                self._end()
                raise
            if not batch:
                self._end()
            for values in batch:
                yield Row(self.columns, values)

    def optional(self) -> Optional[Row]:
        """The only row, or none."""
        self._size = min(self._size, 2)
        rows = iter(self)
        row = next(rows, None)
        if row is not None and next(rows, None) is not None:
            raise SqlError("RowCount", "the query was to find one row and found more")
        return row

    def one(self) -> Row:
        """The only row."""
        row = self.optional()
        if row is None:
            raise SqlError("RowCount", "the query was to find one row and found none")
        return row

    def value(self) -> Any:
        """The first column of the only row."""
        return self.one()[0]

    def _end(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None and hasattr(cursor, "__exit__"):
            cursor.__exit__(None, None, None)
