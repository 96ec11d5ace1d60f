// Makes what the contract asks a component to export of what an author wrote.
import { Context } from "./context.js";
import { ChangeError, HttpError, SqlError } from "./errors.js";
import { Endpoint } from "./http.js";
import { Connection } from "./sql.js";

const TEXTS = ["id", "author", "targetSystem"];
const KEYS = [
  ...TEXTS, "description", "transactional", "recovery", "cadence", "uses", "labels", "when", "retry", "apply", "rollback",
  "verify",
];
const VERDICTS = ["applied", "not-applied", "partly-applied", "unknown"];

/** What is wrong with a change, in words; an empty list when nothing is. */
export function problems(change) {
  if (change === null || typeof change !== "object") return ["write `export default { id: .., apply(db, ctx) { .. } }`"];
  const found = TEXTS.filter((key) => typeof change[key] !== "string").map((key) => `\`${key}\` is missing: write a text`);
  if (typeof change.apply !== "function") found.push("`apply` is missing: write `apply(db, ctx) { .. }`");
  if (typeof change.rollback !== "function") {
    found.push("`rollback` is missing: write `rollback(db, ctx) { .. }`; where there is no way back, throw `Irreversible`");
  }
  for (const key of ["apply", "rollback", "verify"]) {
    const kind = change[key]?.constructor?.name;
    if (kind === "AsyncFunction") found.push(`\`${key}\` cannot be \`async\`: calls answer at once`);
    if (kind === "GeneratorFunction" || kind === "AsyncGeneratorFunction") {
      found.push(`\`${key}\` cannot be a generator: nobody would ask for what it yields, and nothing of it would run`);
    }
  }
  for (const key of Object.keys(change)) {
    if (!KEYS.includes(key)) found.push(`\`${key}\` is no key of a change: it has ${KEYS.map((it) => `\`${it}\``).join(", ")}`);
  }
  return found;
}

/** What `sandpiper build` has to know of a change. */
export function facts(change) {
  return { target_system: change.targetSystem, uses: change.uses ?? [], verify: typeof change.verify === "function" };
}

/** The interfaces that the component exports. `target` is the capability of its target system. */
export function exported(change, target) {
  const Handle = target === "sql" ? Connection : Endpoint;
  const run = (name, after) => (handle, ctx) => {
    try {
      return after(answered(name, change[name](new Handle(handle), new Context(ctx))));
    } catch (error) {
      throw Object.assign(new Error("a failure of the change"), { payload: failure(error) });
    }
  };
  const nothing = () => undefined;
  return {
    description: { describe: () => info(change) },
    change: { apply: run("apply", nothing), rollback: run("rollback", nothing) },
    verify: { verify: run("verify", verdict) },
  };
}

/** What a function of a change gave. Nobody waits for a promise or a generator: what it was to do would not be done. */
export function answered(name, answer) {
  if (typeof answer?.then === "function") {
    throw new TypeError(`\`${name}\` gave a promise: calls answer at once, and nothing is awaited`);
  }
  if (typeof answer?.next === "function") {
    throw new TypeError(`\`${name}\` gave a generator: nobody asks for what it yields, and nothing of it ran`);
  }
  return answer;
}

/** What the contract asks of a change. */
export function info(change) {
  const options = ["when", "retry"].filter((name) => change[name] !== undefined).map((name) => [name, String(change[name])]);
  return {
    id: change.id, author: change.author, targetSystem: change.targetSystem, description: change.description,
    transactional: change.transactional, recovery: change.recovery, cadence: change.cadence, uses: change.uses ?? [],
    labels: Object.entries(change.labels ?? {}).map(([name, value]) => [name, String(value)]), options,
  };
}

/** What `verify` gave, as the contract has it. */
export function verdict(answer) {
  if (typeof answer === "boolean") return answer ? "applied" : "not-applied";
  if (VERDICTS.includes(answer)) return answer;
  throw new TypeError(`\`verify\` gives a boolean or one of ${VERDICTS.join(", ")}, not ${String(answer)}`);
}

/** An error as the contract has it. */
export function failure(error) {
  if (error instanceof ChangeError) return { tag: error.kind, val: withCauses(error) };
  if (error instanceof SqlError || error instanceof HttpError) {
    return { tag: error.isTransient ? "transient" : "failed", val: withCauses(error) };
  }
  if (!(error instanceof Error)) return { tag: "failed", val: String(error) };
  // Whoever looks for a mistake wants to know where it is.
  if (error.stack) console.error(error.stack);
  return { tag: "failed", val: error.name === "Error" ? withCauses(error) : `${error.name}: ${withCauses(error)}` };
}

function withCauses(error) {
  let words = error.message;
  for (let { cause } = error; cause instanceof Error; { cause } = cause) {
    if (!words.includes(cause.message)) words += `: ${cause.message}`;
  }
  return words;
}
