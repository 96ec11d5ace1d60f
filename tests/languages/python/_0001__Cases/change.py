"""The cases of `tests/languages`, in Python."""

import os
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from sandpiper_sdk import (
    Change, Connection, Context, Failed, Irreversible, Json, Level, Other, Precondition, Transient, Verdict,
)


def see(db: Connection, name: str, seen: str) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS case_seen (name TEXT, seen TEXT)")
    db.execute("INSERT INTO case_seen VALUES (?, ?)", [name, seen])


def normal(db: Connection, ctx: Context) -> None:
    db.run_script("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT);")
    db.execute("INSERT INTO case_rows VALUES (?, ?)", [1, "first"])
    db.execute("INSERT INTO case_rows VALUES (?, ?)", [2, None])
    see(db, "rows", str(db.query("SELECT count(*) FROM case_rows").value()))


def drop(db: Connection, ctx: Context) -> None:
    for table in ("case_rows", "case_values", "case_seen", "case_steps"):
        db.execute(f"DROP TABLE IF EXISTS {table}")


def values(db: Connection, ctx: Context) -> None:
    db.execute("CREATE TABLE case_values (a, b, c, d, e, f, g, h, i, j, k, l, m)")
    db.execute("INSERT INTO case_values VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
        True, -(2**63), 0.1, Decimal("12345678901234567890.0123456789"), "gr\u00fcn \U0001f426 'quoted' \\ ?",
        b"\x00\xff\x80", UUID("0191e6b2-6d3c-7c4e-8f00-0123456789ab"), date(2026, 2, 28), time(23, 59, 59),
        datetime(2026, 2, 28, 23, 59, 59), Json('{"a": [1, null]}'), Other("point", "(1,2)"), None,
    ])
    row = db.query("SELECT * FROM case_values").one()
    for name in row.keys():
        typed = row.typed(name)
        seen = typed.value.hex() if typed.kind == "Bytes" else typed.value
        see(db, name, "null" if typed.kind == "Null" else f"{typed.kind.lower()} {seen}")


def cursor(db: Connection, ctx: Context) -> None:
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)")
    rows = ([number, f"row {number}"] for number in range(1, 1_201))
    affected = db.execute_many("INSERT INTO case_rows VALUES (?, ?)", rows)
    ids = [row["id"] for row in db.query("SELECT id FROM case_rows ORDER BY id").batch_size(7)]
    see(db, "cursor", f"{affected} {len(ids)} {sum(ids)}")


def refused(db: Connection, ctx: Context) -> None:
    db.query("SELECT * FROM no_such_table")


def one_of_many(db: Connection, ctx: Context) -> None:
    db.query("SELECT 1 UNION SELECT 2").one()


def precondition(db: Connection, ctx: Context) -> None:
    raise Precondition("as the case says")


def failed(db: Connection, ctx: Context) -> None:
    raise Failed("as the case says")


def failed_after_write(db: Connection, ctx: Context) -> None:
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY)")
    raise Failed("as the case says")


def transient(db: Connection, ctx: Context) -> None:
    raise Transient("as the case says")


def irreversible(db: Connection, ctx: Context) -> None:
    raise Irreversible("as the case says")


def log(db: Connection, ctx: Context) -> None:
    for level in Level:
        ctx.log(level, f"a line of the level {level.name.lower()}")
    print("a line that was printed")


def progress(db: Connection, ctx: Context) -> None:
    for done in range(11):
        ctx.progress(done, 10)


def context(db: Connection, ctx: Context) -> None:
    see(db, "attempt", str(ctx.attempt))
    see(db, "key", "long" if len(ctx.idempotency_key) > 10 else "short")
    see(db, "tenant", ctx.tenant or "none")
    see(db, "unset", ctx.variable("no such variable") or "none")
    see(db, "checkpoint", "none" if ctx.load_checkpoint() is None else "some")
    see(db, "cancelled", "yes" if ctx.is_cancelled else "no")
    see(db, "dialect", db.dialect)


def required(db: Connection, ctx: Context) -> None:
    ctx.required_variable("no-such-variable")


def steps(db: Connection, ctx: Context) -> None:
    """Goes on after the checkpoint; the first attempt fails before the fourth step."""
    db.execute("CREATE TABLE IF NOT EXISTS case_steps (step INTEGER, attempt INTEGER)")
    for step in range(int(ctx.load_checkpoint() or b"0") + 1, 7):
        if step == 4 and ctx.variable("stop") is not None:
            raise Failed("as the case says")
        db.execute("INSERT INTO case_steps VALUES (?, ?)", [step, ctx.attempt])
        ctx.save_checkpoint(str(step))


def trap(db: Connection, ctx: Context) -> None:
    os.abort()


def endless(db: Connection, ctx: Context) -> None:
    while True:
        pass


def memory(db: Connection, ctx: Context) -> None:
    held = []
    while True:
        held.append(bytearray(1 << 20))


def uses(db: Connection, ctx: Context) -> None:
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)")
    for row in Connection.open("second").query("SELECT id, note FROM there"):
        db.execute("INSERT INTO case_rows VALUES (?, ?)", list(row))


def undeclared(db: Connection, ctx: Context) -> None:
    Connection.open("third")


CASES = {
    function.__name__.replace("_", "-"): function for function in (
        normal, drop, values, cursor, refused, one_of_many, precondition, failed, failed_after_write, transient,
        irreversible, log, progress, context, required, steps, trap, endless, memory, uses, undeclared,
    )
}


class Cases(Change):
    id = "language-cases"
    author = "sandpiper-tests"
    target_system = "target"
    description = "the cases in Python"
    transactional = False
    uses = ["second"]
    labels = {"language": "python"}
    retry = "2 100ms..100ms"

    def apply(self, db: Connection, ctx: Context) -> None:
        self.run(ctx.variable("case") or "normal", db, ctx)

    def rollback(self, db: Connection, ctx: Context) -> None:
        self.run(ctx.variable("rollback") or "drop", db, ctx)

    def verify(self, db: Connection, ctx: Context) -> bool | Verdict:
        verdict = ctx.variable("verdict")
        if verdict is not None:
            return Verdict(verdict)
        return db.query("SELECT count(*) FROM sqlite_master WHERE name = 'case_rows'").value() == 1

    def run(self, name: str, db: Connection, ctx: Context) -> None:
        if name not in CASES:
            raise Failed(f"there is no case `{name}`")
        CASES[name](db, ctx)
