"""The cases of `tests/languages` that work on an API, in Python."""

import os

from sandpiper_sdk import (
    Change, Connection, Context, Endpoint, Failed, HttpError, Irreversible, Precondition, Transient, Verdict,
)


def see(api: Endpoint, name: str, seen: str) -> None:
    api.put(f"seen/{name}", body=seen).error_for_status()


def normal(api: Endpoint, ctx: Context) -> None:
    answer = api.post(
        "queues",
        query=[("text", "a b&c"), ("page", 1), ("page", 2)],
        headers=[("X-Key", ctx.idempotency_key), ("X-Two", "one"), ("X-Two", "two")],
        json={"name": "mail", "size": 1},
    ).error_for_status()
    see(api, "status", str(answer.status))
    see(api, "header", answer.header("x-MADE-by") or "none")
    see(api, "headers", " ".join(value for name, value in answer.headers if name.lower() == "x-two"))
    see(api, "unset", answer.header("x-unset") or "none")
    see(api, "text", answer.text())
    see(api, "id", str(answer.json()["id"]))


def delete(api: Endpoint, ctx: Context) -> None:
    api.delete("queues/7").error_for_status()


def nothing(api: Endpoint, ctx: Context) -> None:
    pass


def methods(api: Endpoint, ctx: Context) -> None:
    for method in (api.get, api.head, api.post, api.put, api.patch, api.delete):
        method("methods").error_for_status()
    api.request("PURGE", "methods").error_for_status()


def in_bytes(api: Endpoint, ctx: Context) -> None:
    see(api, "bytes", api.post("echo", body=b"\x00\xff\x80").error_for_status().body.hex())


def not_text(api: Endpoint, ctx: Context) -> None:
    api.get("bytes").text()


def missing(api: Endpoint, ctx: Context) -> None:
    api.get("missing").error_for_status()


def busy(api: Endpoint, ctx: Context) -> None:
    api.post("busy").error_for_status()


def handled(api: Endpoint, ctx: Context) -> None:
    answer = api.post("taken")
    try:
        answer.error_for_status()
    except HttpError as error:
        if error.is_transient:
            raise
        see(api, "handled", f"{error.status} {answer.text()}")


def stopped(api: Endpoint, ctx: Context) -> None:
    api.post("stop")
    api.post("queues")


def lost(api: Endpoint, ctx: Context) -> None:
    api.post("close")


def late(api: Endpoint, ctx: Context) -> None:
    api.post("silence", timeout=0.2)


def denied(api: Endpoint, ctx: Context) -> None:
    api.get("../secret")


def precondition(api: Endpoint, ctx: Context) -> None:
    raise Precondition("as the case says")


def failed(api: Endpoint, ctx: Context) -> None:
    api.post("queues")
    raise Failed("as the case says")


def transient(api: Endpoint, ctx: Context) -> None:
    raise Transient("as the case says")


def irreversible(api: Endpoint, ctx: Context) -> None:
    raise Irreversible("as the case says")


def log(api: Endpoint, ctx: Context) -> None:
    ctx.warn("a line of the level warn")
    print("a line that was printed")


def uses(api: Endpoint, ctx: Context) -> None:
    second = Connection.open("second")
    for row in second.query("SELECT id, note FROM there ORDER BY id"):
        answer = api.put(f"items/{row['id']}", body=row["note"]).error_for_status()
        second.execute("INSERT INTO made VALUES (?, ?)", [row["id"], answer.status])


def undeclared(api: Endpoint, ctx: Context) -> None:
    Endpoint.open("third")


def trap(api: Endpoint, ctx: Context) -> None:
    os.abort()


CASES = {
    function.__name__.replace("_", "-"): function for function in (
        normal, delete, nothing, methods, not_text, missing, busy, handled, stopped, lost, late, denied, precondition,
        failed, transient, irreversible, log, uses, undeclared, trap,
    )
} | {"bytes": in_bytes}


class HttpCases(Change):
    id = "language-http-cases"
    author = "sandpiper-tests"
    target_system = "api"
    description = "the cases of an API in Python"
    transactional = False
    uses = ["second"]
    labels = {"language": "python"}
    retry = "2 100ms..100ms"

    def apply(self, api: Endpoint, ctx: Context) -> None:
        self.run(ctx.variable("case") or "normal", api, ctx)

    def rollback(self, api: Endpoint, ctx: Context) -> None:
        self.run(ctx.variable("rollback") or "delete", api, ctx)

    def verify(self, api: Endpoint, ctx: Context) -> Verdict:
        answer = api.get("queues/7")
        if answer.status == 404:
            return Verdict.NOT_APPLIED
        answer.error_for_status()
        return Verdict.APPLIED

    def run(self, name: str, api: Endpoint, ctx: Context) -> None:
        if name not in CASES:
            raise Failed(f"there is no case `{name}`")
        CASES[name](api, ctx)
