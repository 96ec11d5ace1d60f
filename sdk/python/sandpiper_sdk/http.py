"""An API, the requests that are made to it, and its answers."""

from __future__ import annotations

import json as documents
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from . import host
from .errors import HttpError

#: Names and values; pairs where a name comes twice.
Pairs = Union[Mapping[str, Any], Iterable[tuple[str, Any]]]

_METHODS = ("get", "head", "post", "put", "patch", "delete")
_SHOWN = 200


class Endpoint:
    """A configured API. Paths are relative to its base URL, which a request cannot leave."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @staticmethod
    def open(system: str) -> Endpoint:
        """Opens a further system that the change declared in `uses`."""
        if host.http is None:
            raise HttpError("Denied", "no system in `uses` is an API")
        return Endpoint(host.called(HttpError, lambda: host.http.Endpoint.open(system)))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        headers: Pairs = (),
        body: Union[None, str, bytes] = None,
        json: Any = None,
        timeout: Optional[float] = None,
    ) -> Response:
        """Sends a request, its timeout in seconds. An answer of any status is a `Response`."""
        client: Any = host.http
        sent = [client.Header(name, value) for name, value in _pairs(headers)]
        if json is not None:
            sent.append(client.Header("Content-Type", "application/json"))
            body = json if isinstance(json, str) else documents.dumps(json)
        lower = method.lower()
        kind, payload = (lower.capitalize(), None) if lower in _METHODS else ("Other", method)
        request = client.Request(
            method=host.make(client, "Method", kind, payload),
            path=path,
            query=_pairs(query),
            headers=sent,
            body=body.encode() if isinstance(body, str) else body,
            timeout_ms=None if timeout is None else min(int(timeout * 1000), 2**32 - 1),
        )
        return Response(host.called(HttpError, lambda: self._handle.send(request)))

    def get(self, path: str, **options: Any) -> Response:
        return self.request("get", path, **options)

    def head(self, path: str, **options: Any) -> Response:
        return self.request("head", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.request("post", path, **options)

    def put(self, path: str, **options: Any) -> Response:
        return self.request("put", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        return self.request("patch", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        return self.request("delete", path, **options)


def _pairs(given: Pairs) -> list[tuple[str, str]]:
    pairs = given.items() if isinstance(given, Mapping) else given
    return [(name, str(value)) for name, value in pairs]


class Response:
    """The answer of an API."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status
        self.headers: list[tuple[str, str]] = [(header.name, header.value) for header in response.headers]
        self.body: bytes = response.body

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    def error_for_status(self) -> Response:
        """This response if it is a success, else an `HttpError`."""
        if self.ok:
            return self
        raise HttpError("Status", (self.status, self.body.decode(errors="replace").strip()[:_SHOWN]))

    def header(self, name: str) -> Optional[str]:
        """The first header of this name; case does not count."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as text."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise HttpError("NotText", "the body of the answer is not UTF-8") from None

    def json(self) -> Any:
        """The body as a document."""
        return documents.loads(self.text())
