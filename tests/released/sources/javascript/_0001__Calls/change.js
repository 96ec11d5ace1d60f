// Makes as many calls to a database as the variable `count` says.
export default {
  id: "released-calls",
  author: "sandpiper-tests",
  targetSystem: "target",

  apply(db, ctx) {
    const count = Number(ctx.variable("count") ?? 3);
    db.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, note TEXT)");
    for (let id = 1; id <= count; id++) db.execute("INSERT INTO calls VALUES (?, ?)", [id, "as the author says"]);
    ctx.info(`${db.query("SELECT count(*) FROM calls").value()} calls`);
  },
  rollback(db) { db.execute("DROP TABLE calls"); },
  verify: (db) => db.query("SELECT count(*) FROM sqlite_master WHERE name = 'calls'").value() === 1,
};
