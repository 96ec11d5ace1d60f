// Handles that stand in for the host's, so that a change runs in a test without a component around it.
import { Context } from "./context.js";
import { Endpoint } from "./http.js";
import { Connection } from "./sql.js";
import { plain, toContract } from "./values.js";

/**
 * A database that answers as it is told, and keeps what it was asked: `db.calls` holds `{ statement, parameters }`.
 * `answers` maps the beginning of a statement to rows (objects), to a number of affected rows, or to an error to throw.
 */
export function fakeConnection(answers = {}, { dialect = "sqlite" } = {}) {
  const calls = [];
  const answer = (statement, parameters) => {
    calls.push({ statement, parameters: parameters.map(plain) });
    const key = Object.keys(answers).find((begin) => statement.startsWith(begin));
    const found = key === undefined ? undefined : answers[key];
    if (found instanceof Error) throw found;
    return found;
  };
  const count = (found) => BigInt(typeof found === "number" ? found : 0);
  const handle = {
    dialect: () => dialect,
    execute: (statement, parameters) => count(answer(statement, parameters)),
    executeMany: (statement, rows) => {
      for (const row of rows) answer(statement, row);
      return BigInt(rows.length);
    },
    runScript: (script) => { answer(script, []); },
    query(statement, parameters) {
      const rows = answer(statement, parameters) ?? [];
      const names = Object.keys(rows[0] ?? {});
      let left = rows.map((row) => names.map((name) => toContract(row[name])));
      return {
        columns: () => names.map((name) => ({ name, typeName: "" })),
        next(max) {
          const batch = left.slice(0, max);
          left = left.slice(max);
          return batch;
        },
      };
    },
  };
  return Object.assign(new Connection(handle), { calls });
}

/** An API that answers as it is told: `answers` maps `POST queues` to `{ status, body }`. `api.calls` holds the requests. */
export function fakeEndpoint(answers = {}) {
  const calls = [];
  const handle = {
    send(request) {
      calls.push(request);
      const method = (request.method.val ?? request.method.tag).toUpperCase();
      const { status = 200, headers = [], body = "" } = answers[`${method} ${request.path}`] ?? {};
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return { status, headers, body: new TextEncoder().encode(text) };
    },
  };
  return Object.assign(new Endpoint(handle), { calls });
}

/** A context; `ctx.lines` holds what was logged, `ctx.checkpoints` what was saved. */
export function fakeContext({ variables = {}, attempt = 1, tenant, checkpoint, cancelled = false } = {}) {
  const lines = [];
  const checkpoints = checkpoint === undefined ? [] : [new TextEncoder().encode(checkpoint)];
  const handle = {
    idempotencyKey: () => "test", attempt: () => attempt, tenant: () => tenant, variable: (name) => variables[name],
    log: (level, message) => { lines.push([level, message]); },
    progress: () => {}, saveCheckpoint: (data) => { checkpoints.push(data); },
    loadCheckpoint: () => checkpoints.at(-1), isCancelled: () => cancelled,
  };
  return Object.assign(new Context(handle), { lines, checkpoints });
}
