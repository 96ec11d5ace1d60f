"""The clients of the host that this change may call: put here when the component starts, or by a test."""

from __future__ import annotations

from typing import Any, Callable, Optional, TypeVar

#: The modules of `sandpiper:sql/client` and `sandpiper:http/client`, where the world has them.
sql: Optional[Any] = None
http: Optional[Any] = None

T = TypeVar("T")


def called(error_type: type[Exception], call: Callable[[], T]) -> T:
    """Calls the host; an error of the contract becomes one of `error_type`."""
    try:
        return call()
    except Exception as error:
        payload = getattr(error, "value", None)
        _, _, kind = type(payload).__name__.partition("Error_")
        if not kind:
            raise
        raise error_type(kind, payload.value) from None


def case(value: Any) -> tuple[str, Any]:
    """The name of a variant's case, and what it holds."""
    _, _, kind = type(value).__name__.partition("_")
    return kind, getattr(value, "value", None)


def make(module: Any, variant: str, kind: str, value: Any) -> Any:
    """A case of a variant of a client's module."""
    build = getattr(module, f"{variant}_{kind}")
    return build() if value is None else build(value)
