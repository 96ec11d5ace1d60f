// JavaScript values as SQL values and back.

const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;

/** A value whose kind is said: one of the contract's (`decimal`, `uuid`, ...), and what it holds. */
export class Value {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
    Object.freeze(this);
  }

  toString() { return this.kind === "other" ? this.value[1] : String(this.value); }
}

/** An exact number in base 10, as text. */
export const decimal = (text) => new Value("decimal", String(text));
export const uuid = (text) => new Value("uuid", text);
/** `2026-01-31` */
export const date = (text) => new Value("date", text);
/** `23:59:59.5` */
export const time = (text) => new Value("time", text);
/** `2026-01-31T23:59:59Z` */
export const timestamp = (text) => new Value("timestamp", text);
/** A document: a text as it is, anything else is written as JSON. */
export const json = (document) => new Value("json", typeof document === "string" ? document : JSON.stringify(document));
/** A number with a fraction, also where it has none: `double(1)`. */
export const double = (number) => new Value("double", number);
export const integer = (number) => new Value("integer", BigInt(number));
export const text = (value) => new Value("text", value);
export const bytes = (value) => new Value("bytes", value);
/** A value of another type of the database: the name of the type, and the database's own text form. */
export const other = (type, text) => new Value("other", [type, text]);

/** A parameter as the contract has it. */
export function toContract(value) {
  if (value instanceof Value) {
    return value.kind === "null" ? { tag: "null" } : { tag: value.kind, val: value.value };
  }
  switch (typeof value) {
    case "boolean": return { tag: "boolean", val: value };
    case "string": return { tag: "text", val: value };
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? { tag: "integer", val: BigInt(value) }
        : { tag: "double", val: value };
    case "bigint":
      return value >= LEAST && value <= GREATEST
        ? { tag: "integer", val: value }
        : { tag: "decimal", val: value.toString() };
    default:
  }
  if (value == null) return { tag: "null" };
  if (value instanceof Uint8Array) return { tag: "bytes", val: value };
  if (value instanceof ArrayBuffer) return { tag: "bytes", val: new Uint8Array(value) };
  if (value instanceof Date) return { tag: "timestamp", val: value.toISOString() };
  throw new TypeError(`${describe(value)} is no SQL value: say which with \`json(..)\`, \`text(..)\` and their like`);
}

/** A value of the contract, with its kind. */
export const typed = ({ tag, val }) => new Value(tag, tag === "null" ? null : val);

/**
 * The same as a plain value: integers are numbers, and bigints beyond 2^53; bytes are a Uint8Array; decimals, UUIDs,
 * dates, times and JSON are texts.
 */
export function plain({ tag, val }) {
  if (tag === "null") return null;
  if (tag === "integer") {
    const number = Number(val);
    return Number.isSafeInteger(number) ? number : val;
  }
  return tag === "other" ? val[1] : val;
}

function describe(value) {
  return typeof value === "object" ? `an object (${value.constructor?.name ?? "without a type"})` : `a ${typeof value}`;
}
