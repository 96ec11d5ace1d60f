// The SDK on handles that stand in for the host's: values, rows, errors as every language words them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Irreversible, Precondition, SqlError, date, decimal, double } from "../src/index.js";
import { answered, failure, problems } from "../src/component.js";
import { fakeConnection, fakeContext, fakeEndpoint } from "../src/testing.js";
import { toContract } from "../src/values.js";

const refused = (code) => new SqlError("refused", { code, message: "no", extras: [] });

test("every kind of value goes out as the contract has it", () => {
  const cases = [
    [null, { tag: "null" }], [undefined, { tag: "null" }], [true, { tag: "boolean", val: true }],
    [7, { tag: "integer", val: 7n }], [0.5, { tag: "double", val: 0.5 }], [double(1), { tag: "double", val: 1 }],
    [2n ** 63n, { tag: "decimal", val: "9223372036854775808" }], ["a", { tag: "text", val: "a" }],
    [decimal("0.10"), { tag: "decimal", val: "0.10" }], [date("2026-01-31"), { tag: "date", val: "2026-01-31" }],
    [new Date(0), { tag: "timestamp", val: "1970-01-01T00:00:00.000Z" }],
  ];
  for (const [value, expected] of cases) assert.deepEqual(toContract(value), expected);
  assert.throws(() => toContract({ a: 1 }), /an object \(Object\) is no SQL value/);
});

test("rows are read as objects, one by one or all", () => {
  const db = fakeConnection({ "SELECT": [{ id: 1, note: "a" }, { id: 2n ** 60n, note: null }] });
  assert.deepEqual(db.query("SELECT * FROM t").batchSize(1).all(), [{ id: 1, note: "a" }, { id: 2n ** 60n, note: null }]);
  assert.throws(() => db.query("SELECT 1").one(), /was to find one row and found more/);
  assert.throws(() => fakeConnection().query("SELECT 1").value(), /was to find one row and found none/);
  assert.equal(db.query("SELECT *").typed().all()[1][0].kind, "integer");
});

test("many rows are sent a thousand at a time", () => {
  const db = fakeConnection();
  assert.equal(db.executeMany("INSERT", Array.from({ length: 2_500 }, (_, id) => [id])), 2_500);
});

test("each error becomes the failure of its kind", () => {
  assert.deepEqual(failure(new Precondition("a")), { tag: "precondition", val: "a" });
  assert.deepEqual(failure(new Irreversible("b", { cause: new Error("c") })), { tag: "irreversible", val: "b: c" });
  assert.deepEqual(failure(refused("40P01")), { tag: "transient", val: "no (40P01)" });
  assert.deepEqual(failure(refused("23505")), { tag: "failed", val: "no (23505)" });
  assert.deepEqual(failure("text"), { tag: "failed", val: "text" });
});

test("what is wrong with a change is told at once", () => {
  assert.equal(problems({ id: "a", author: "b", targetSystem: "c", apply() {}, rollback() {} }).length, 0);
  const found = problems({ id: "a", author: "b", async apply() {}, tagret: 1 });
  assert.equal(found.length, 4);
});

test("a promise is a mistake", () => {
  assert.equal(answered("verify", true), true);
  assert.throws(() => answered("apply", Promise.resolve()), /`apply` gave a promise/);
});

test("a generator is a mistake", () => {
  const found = problems({ id: "a", author: "b", targetSystem: "c", *apply() {}, async *rollback() {} });
  assert.deepEqual(found.map((it) => it.split(":")[0]), ["`apply` cannot be a generator", "`rollback` cannot be a generator"]);
  assert.throws(() => answered("apply", (function* () {})()), /`apply` gave a generator/);
});

test("a query that is left early is closed", () => {
  const rows = fakeConnection({ SELECT: [{ a: 1 }, { a: 2 }] }).query("SELECT a FROM m");
  for (const row of rows) if (row.a === 1) break;
  assert.deepEqual(rows.all(), []);
});

test("an API answers as it is told", () => {
  const api = fakeEndpoint({ "POST queues": { status: 201, body: { id: 7 } }, "GET x": { status: 503, body: " busy " } });
  assert.equal(api.post("queues", { json: { name: "mail" } }).errorForStatus().json().id, 7);
  assert.throws(() => api.get("x").errorForStatus(), /the API answered with 503: busy/);
});

test("a variable that is not set is a precondition", () => {
  assert.throws(() => fakeContext().requiredVariable("region"), /variable `region` is not set/);
});
