// Joins the SDK to the functions of the plugin: handles as a component would have them, and what a JavaScript engine alone
// lacks.
import * as native from "./native";
import { answered, failure, info, problems, verdict } from "./component.js";
import { Context } from "./context.js";
import { Endpoint } from "./http.js";
import { clients } from "./host.js";
import { Connection } from "./sql.js";

const DISPOSE = Symbol.dispose ?? Symbol.for("dispose");

class RawConnection {
  #it;

  constructor(it) { this.#it = it; }

  static open(system) { return new RawConnection(native.openConnection(system)); }

  dialect() { return native.dialect(this.#it); }
  execute(statement, values) { return native.execute(this.#it, statement, values); }
  executeMany(statement, rows) { return native.executeMany(this.#it, statement, rows); }
  runScript(script) { native.runScript(this.#it, script); }
  query(statement, values) { return new RawCursor(native.query(this.#it, statement, values)); }
}

class RawCursor {
  #it;

  constructor(it) { this.#it = it; }

  columns() { return native.columns(this.#it); }
  next(most) { return native.next(this.#it, most); }
  [DISPOSE]() { native.release(this.#it); }
}

class RawEndpoint {
  #it;

  constructor(it) { this.#it = it; }

  static open(system) { return new RawEndpoint(native.openEndpoint(system)); }

  send(request) { return native.send(this.#it, request); }
}

clients.sql = { Connection: RawConnection };
clients.http = { Endpoint: RawEndpoint };

const HANDLES = { sql: () => new Connection(new RawConnection()), http: () => new Endpoint(new RawEndpoint()) };

/** What the source says of itself: what is wrong with it, or what the contract asks. */
export function inspected(change) {
  const found = problems(withRollback(change));
  if (found.length > 0) return { problems: found };
  return {
    problems: [], info: info(change), hasRollback: change.rollback !== undefined, hasVerify: change.verify !== undefined,
  };
}

/** A source file may leave `rollback` out, as a data file may; a component says in it that there is no way back. */
function withRollback(change) {
  if (change === null || typeof change !== "object" || change.rollback !== undefined) return change;
  return Object.assign(Object.create(Object.getPrototypeOf(change)), change, { rollback() {} });
}

/** Calls a function of the change. A failure comes with the stack of the error. */
export function called(change, name, target) {
  try {
    if (change[name] === undefined) return {};
    const answer = answered(name, change[name](HANDLES[target](), new Context(native)));
    return name === "verify" ? { verdict: verdict(answer) } : {};
  } catch (error) {
    return { failure: failure(error), stack: error?.stack };
  }
}

const levels = { debug: "debug", error: "error", info: "info", log: "info", trace: "trace", warn: "warn" };
globalThis.console = Object.fromEntries(
  Object.entries(levels).map(([name, level]) => [name, (...values) => native.print(level, values.map(shown).join(" "))]),
);

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ? `${value}\n${value.stack.trimEnd()}` : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part)) ?? String(value);
  } catch {
    return String(value);
  }
}

globalThis.TextEncoder = class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return native.encode(String(text)); }
};

globalThis.TextDecoder = class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`\`${label}\` is no encoding that is known here: \`utf-8\` is`);
    }
    this.#fatal = fatal;
    this.#ignoreBOM = ignoreBOM;
  }

  get encoding() { return "utf-8"; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  decode(bytes = new Uint8Array()) {
    const view = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    const { tag, val } = native.decode(view);
    if (tag === "replaced" && this.#fatal) throw new TypeError("the bytes are not UTF-8");
    return !this.#ignoreBOM && val.startsWith("\uFEFF") ? val.slice(1) : val;
  }
};

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

globalThis.crypto = {
  getRandomValues(array) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    bytes.set(native.random(bytes.length));
    return array;
  },
  randomUUID() {
    const bytes = native.random(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  },
};
