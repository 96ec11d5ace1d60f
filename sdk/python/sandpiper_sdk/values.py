"""Python values as SQL values and back. The names of kinds are the contract's, in CamelCase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Union
from uuid import UUID


@dataclass(frozen=True)
class Json:
    """A JSON document, as text."""

    text: str


@dataclass(frozen=True)
class Other:
    """A value of another type of the database: the name of the type, and the database's own text form."""

    type: str
    text: str


@dataclass(frozen=True)
class Value:
    """A value whose kind is said: `Value("Text", "a")`, `Value("Decimal", "0.10")`, `Value("Null")`."""

    kind: str
    value: Any = None


#: What may stand in a list of parameters.
Parameter = Union[None, bool, int, float, Decimal, str, bytes, bytearray, UUID, date, time, datetime, Json, Other, Value]


def to_contract(value: Parameter) -> tuple[str, Any]:
    """A parameter as the contract has it: its kind, and what it holds."""
    match value:
        case None:
            return "Null", None
        case Value():
            return value.kind, value.value
        case bool():
            return "Boolean", value
        case int():
            return ("Integer", value) if -(2**63) <= value < 2**63 else ("Decimal", str(value))
        case float():
            return "Double", value
        case Decimal():
            return "Decimal", format(value, "f")
        case str():
            return "Text", value
        case bytes() | bytearray():
            return "Bytes", bytes(value)
        case UUID():
            return "Uuid", str(value)
        case datetime():
            return "Timestamp", value.isoformat()
        case date():
            return "Date", value.isoformat()
        case time():
            return "Time", value.isoformat()
        case Json():
            return "Json", value.text
        case Other():
            return "Other", (value.type, value.text)
    raise TypeError(f"{type(value).__name__} is no SQL value: say which with `Value(kind, ..)`")


_PARSERS = {
    "Decimal": Decimal, "Uuid": UUID, "Date": date.fromisoformat, "Time": time.fromisoformat,
    "Timestamp": datetime.fromisoformat,
}


def plain(kind: str, value: Any) -> Any:
    """A value of the contract as Python has it; what Python cannot hold (a date before the year 1) stays text."""
    if kind == "Null":
        return None
    if kind == "Json":
        return Json(value)
    if kind == "Other":
        return Other(*value)
    parse = _PARSERS.get(kind)
    if parse is None:
        return value
    try:
        return parse(value)
    except (ValueError, InvalidOperation):
        return value
