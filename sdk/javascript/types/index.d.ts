/** What a change is: the default export of its file. */
export interface Change<Handle = Connection> {
  /** Unique in the whole pipeline, and never reused. */
  id: string;
  author: string;
  /** The configured system that this change is applied to. */
  targetSystem: string;
  description?: string;
  /** Run inside one transaction. Default: where the system allows it. */
  transactional?: boolean;
  recovery?: "manual-intervention" | "always-retry";
  cadence?: "once" | "on-change" | "always";
  /** Further configured systems that this change may open by name. */
  uses?: string[];
  labels?: Record<string, string>;
  when?: string;
  /** `3 1s..30s` */
  retry?: string;
  apply(target: Handle, ctx: Context): void;
  /** Where there is no way back, throw `Irreversible`. */
  rollback(target: Handle, ctx: Context): void;
  /** Tells from the system whether the change is applied. */
  verify?(target: Handle, ctx: Context): boolean | Verdict;
}

export type Verdict = "applied" | "not-applied" | "partly-applied" | "unknown";
export type Level = "trace" | "debug" | "info" | "warn" | "error";

/** A change to a database, and to an API. */
export type SqlChange = Change<Connection>;
export type HttpChange = Change<Endpoint>;

/** What may stand in a list of parameters. */
export type Parameter = null | undefined | boolean | number | bigint | string | Uint8Array | ArrayBuffer | Date | Value;
/** What a column is read as. */
export type Plain = null | boolean | number | bigint | string | Uint8Array;
export type Row = Record<string, Plain>;
export type Kind =
  | "null" | "boolean" | "integer" | "double" | "decimal" | "text" | "bytes" | "uuid" | "date" | "time" | "timestamp"
  | "json" | "other";

export class Value {
  readonly kind: Kind;
  readonly value: unknown;
  constructor(kind: Kind, value: unknown);
  toString(): string;
}
export function decimal(text: string | number | bigint): Value;
export function uuid(text: string): Value;
export function date(text: string): Value;
export function time(text: string): Value;
export function timestamp(text: string): Value;
export function json(document: unknown): Value;
export function double(number: number): Value;
export function integer(number: number | bigint): Value;
export function text(value: string): Value;
export function bytes(value: Uint8Array): Value;
export function other(type: string, text: string): Value;

export interface Column { name: string; typeName: string }

export class Connection {
  private constructor();
  static open(system: string): Connection;
  readonly dialect: string;
  execute(statement: string, parameters?: Parameter[]): number;
  executeMany(statement: string, rows: Iterable<Parameter[]>): number;
  runScript(script: string): void;
  query(statement: string, parameters?: Parameter[]): Rows<Row>;
}

export class Rows<T> implements Iterable<T> {
  private constructor();
  readonly columns: Column[];
  batchSize(rows: number): this;
  typed(): Rows<Value[]>;
  all(): T[];
  one(): T;
  optional(): T | undefined;
  value(): T extends Value[] ? Value : Plain;
  /** Ends the query; leaving a loop over it early does so too. */
  close(): void;
  [Symbol.iterator](): Iterator<T>;
}

export interface RequestOptions {
  query?: Record<string, unknown> | [string, unknown][];
  headers?: Record<string, string> | [string, string][];
  body?: string | Uint8Array;
  json?: unknown;
  /** In milliseconds. */
  timeout?: number;
}

export class Endpoint {
  private constructor();
  static open(system: string): Endpoint;
  get(path: string, options?: RequestOptions): Response;
  head(path: string, options?: RequestOptions): Response;
  post(path: string, options?: RequestOptions): Response;
  put(path: string, options?: RequestOptions): Response;
  patch(path: string, options?: RequestOptions): Response;
  delete(path: string, options?: RequestOptions): Response;
  request(method: string, path: string, options?: RequestOptions): Response;
}

export class Response {
  readonly status: number;
  readonly headers: { name: string; value: string }[];
  readonly body: Uint8Array;
  readonly ok: boolean;
  errorForStatus(): this;
  header(name: string): string | undefined;
  text(): string;
  json(): any;
}

export class Context {
  private constructor();
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly tenant: string | undefined;
  readonly isCancelled: boolean;
  variable(name: string): string | undefined;
  requiredVariable(name: string): string;
  log(level: Level, message: unknown): void;
  trace(message: unknown): void;
  debug(message: unknown): void;
  info(message: unknown): void;
  warn(message: unknown): void;
  error(message: unknown): void;
  progress(done: number | bigint, total?: number | bigint): void;
  saveCheckpoint(data: string | Uint8Array): void;
  loadCheckpoint(): Uint8Array | undefined;
}

export class ChangeError extends Error {
  readonly kind: "precondition" | "failed" | "transient" | "irreversible";
}
export class Precondition extends ChangeError { constructor(message: string, options?: { cause?: unknown }) }
export class Failed extends ChangeError { constructor(message: string, options?: { cause?: unknown }) }
export class Transient extends ChangeError { constructor(message: string, options?: { cause?: unknown }) }
export class Irreversible extends ChangeError { constructor(message: string, options?: { cause?: unknown }) }

export interface DatabaseError {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
  position?: number;
  extras: [string, string][];
}
export class SqlError extends Error {
  readonly kind: "refused" | "connection-lost" | "denied" | "conversion" | "limit-exceeded" | "row-count" | "other";
  readonly database: DatabaseError | undefined;
  readonly code: string | undefined;
  readonly isTransient: boolean;
}
export class HttpError extends Error {
  readonly kind: "not-sent" | "no-answer" | "denied" | "limit-exceeded" | "status" | "not-text" | "other";
  readonly status: number | undefined;
  readonly isTransient: boolean;
}
