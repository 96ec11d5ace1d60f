// The cases of `tests/languages`, in JavaScript.
import {
  Connection, Failed, Irreversible, Precondition, Transient, date, decimal, json, other, time, timestamp, uuid,
} from "sandpiper-sdk";

function see(db, name, seen) {
  db.execute("CREATE TABLE IF NOT EXISTS case_seen (name TEXT, seen TEXT)");
  db.execute("INSERT INTO case_seen VALUES (?, ?)", [name, seen]);
}

function values(db) {
  db.execute("CREATE TABLE case_values (a, b, c, d, e, f, g, h, i, j, k, l, m)");
  db.execute("INSERT INTO case_values VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
    true, -(2n ** 63n), 0.1, decimal("12345678901234567890.0123456789"), "gr\u00fcn \u{1f426} 'quoted' \\ ?",
    new Uint8Array([0, 255, 128]), uuid("0191e6b2-6d3c-7c4e-8f00-0123456789ab"), date("2026-02-28"), time("23:59:59"),
    timestamp("2026-02-28T23:59:59"), json('{"a": [1, null]}'), other("point", "(1,2)"), null,
  ]);
  const rows = db.query("SELECT * FROM case_values");
  const row = rows.typed().one();
  rows.columns.forEach(({ name }, index) => {
    const { kind, value } = row[index];
    const hex = () => Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
    see(db, name, kind === "null" ? "null" : `${kind} ${kind === "bytes" ? hex() : value}`);
  });
}

// Goes on after the checkpoint; the first attempt fails before the fourth step.
function steps(db, ctx) {
  db.execute("CREATE TABLE IF NOT EXISTS case_steps (step INTEGER, attempt INTEGER)");
  const done = ctx.loadCheckpoint();
  for (let step = (done ? Number(new TextDecoder().decode(done)) : 0) + 1; step <= 6; step++) {
    if (step === 4 && ctx.variable("stop") !== undefined) throw new Failed("as the case says");
    db.execute("INSERT INTO case_steps VALUES (?, ?)", [step, ctx.attempt]);
    ctx.saveCheckpoint(String(step));
  }
}

const CASES = {
  normal(db) {
    db.runScript("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT);");
    db.execute("INSERT INTO case_rows VALUES (?, ?)", [1, "first"]);
    db.execute("INSERT INTO case_rows VALUES (?, ?)", [2, null]);
    see(db, "rows", String(db.query("SELECT count(*) FROM case_rows").value()));
  },
  drop(db) {
    for (const table of ["case_rows", "case_values", "case_seen", "case_steps"]) db.execute(`DROP TABLE IF EXISTS ${table}`);
  },
  values,
  cursor(db) {
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)");
    const rows = Array.from({ length: 1_200 }, (_, index) => [index + 1, `row ${index + 1}`]);
    const affected = db.executeMany("INSERT INTO case_rows VALUES (?, ?)", rows);
    let count = 0;
    let sum = 0;
    for (const { id } of db.query("SELECT id FROM case_rows ORDER BY id").batchSize(7)) {
      count += 1;
      sum += id;
    }
    see(db, "cursor", `${affected} ${count} ${sum}`);
  },
  refused: (db) => db.query("SELECT * FROM no_such_table"),
  "one-of-many": (db) => db.query("SELECT 1 UNION SELECT 2").one(),
  precondition() { throw new Precondition("as the case says"); },
  failed() { throw new Failed("as the case says"); },
  "failed-after-write"(db) {
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY)");
    throw new Failed("as the case says");
  },
  transient() { throw new Transient("as the case says"); },
  irreversible() { throw new Irreversible("as the case says"); },
  log(_, ctx) {
    for (const level of ["trace", "debug", "info", "warn", "error"]) ctx.log(level, `a line of the level ${level}`);
    console.log("a line that was printed");
  },
  progress(_, ctx) {
    for (let done = 0; done <= 10; done++) ctx.progress(done, 10);
  },
  context(db, ctx) {
    see(db, "attempt", String(ctx.attempt));
    see(db, "key", ctx.idempotencyKey.length > 10 ? "long" : "short");
    see(db, "tenant", ctx.tenant ?? "none");
    see(db, "unset", ctx.variable("no such variable") ?? "none");
    see(db, "checkpoint", ctx.loadCheckpoint() ? "some" : "none");
    see(db, "cancelled", ctx.isCancelled ? "yes" : "no");
    see(db, "dialect", db.dialect);
  },
  required: (_, ctx) => ctx.requiredVariable("no-such-variable"),
  steps,
  // JavaScript cannot crash: what comes next to it is an error that nobody expects.
  trap() { undefined.asTheCaseSays(); },
  endless() { for (;;); },
  memory() {
    const held = [];
    for (;;) held.push(new Uint8Array(1 << 20).fill(1));
  },
  uses(db) {
    db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)");
    for (const { id, note } of Connection.open("second").query("SELECT id, note FROM there")) {
      db.execute("INSERT INTO case_rows VALUES (?, ?)", [id, note]);
    }
  },
  undeclared: () => Connection.open("third"),
};

function run(name, db, ctx) {
  if (!(name in CASES)) throw new Failed(`there is no case \`${name}\``);
  CASES[name](db, ctx);
}

export default {
  id: "language-cases",
  author: "sandpiper-tests",
  targetSystem: "target",
  description: "the cases in JavaScript",
  transactional: false,
  uses: ["second"],
  labels: { language: "javascript" },
  retry: "2 100ms..100ms",

  apply(db, ctx) { run(ctx.variable("case") ?? "normal", db, ctx); },
  rollback(db, ctx) { run(ctx.variable("rollback") ?? "drop", db, ctx); },
  verify(db, ctx) {
    const verdict = ctx.variable("verdict");
    if (verdict !== undefined) return verdict;
    return db.query("SELECT count(*) FROM sqlite_master WHERE name = 'case_rows'").value() === 1;
  },
};
