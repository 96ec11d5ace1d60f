"""Makes as many calls to a database as the variable `count` says."""

from sandpiper_sdk import Change, Connection, Context


class Calls(Change):
    id = "released-calls"
    author = "sandpiper-tests"
    target_system = "target"

    def apply(self, db: Connection, ctx: Context) -> None:
        count = int(ctx.variable("count") or 3)
        db.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, note TEXT)")
        for number in range(1, count + 1):
            db.execute("INSERT INTO calls VALUES (?, ?)", [number, "as the author says"])
        made = db.query("SELECT count(*) FROM calls").value()
        ctx.info(f"{made} calls")

    def rollback(self, db: Connection, ctx: Context) -> None:
        db.execute("DROP TABLE calls")

    def verify(self, db: Connection, ctx: Context) -> bool:
        return db.query("SELECT count(*) FROM sqlite_master WHERE name = 'calls'").value() == 1
