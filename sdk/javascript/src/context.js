// The attempt that a change runs in: its variables, its log, its checkpoints.
import { Failed, Precondition } from "./errors.js";

/** What the host lends a change besides its target system. */
export class Context {
  #handle;

  constructor(handle) { this.#handle = handle; }

  /** The same text for every attempt of one change: the idempotency key for systems that take one. */
  get idempotencyKey() { return this.#handle.idempotencyKey(); }

  /** Which attempt this is, counted from 1. */
  get attempt() { return this.#handle.attempt(); }

  /** The tenant of this run, where the pipeline has tenants. */
  get tenant() { return this.#handle.tenant(); }

  /** A variable of the configuration; undefined when it is not set. */
  variable(name) { return this.#handle.variable(name); }

  /** The same; that it is not set is a precondition that does not hold. */
  requiredVariable(name) {
    const value = this.variable(name);
    if (value === undefined) {
      throw new Precondition(`variable \`${name}\` is not set; set it in \`variables:\` or with --set`);
    }
    return value;
  }

  /** Writes a line into the log of this attempt: `trace`, `debug`, `info`, `warn` or `error`. */
  log(level, message) { this.#handle.log(level, String(message)); }
  trace(message) { this.log("trace", message); }
  debug(message) { this.log("debug", message); }
  info(message) { this.log("info", message); }
  warn(message) { this.log("warn", message); }
  error(message) { this.log("error", message); }

  /** Says how far the change is. `total` is 0 if unknown. */
  progress(done, total = 0) { this.#handle.progress(BigInt(done), BigInt(total)); }

  /** Keeps bytes, or a text, for the next attempt of this change. */
  saveCheckpoint(data) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    try {
      this.#handle.saveCheckpoint(bytes);
    } catch (error) {
      throw new Failed(`the checkpoint was not saved: ${error?.payload ?? error?.message ?? error}`);
    }
  }

  /** What was saved last, by this or an earlier attempt; undefined when nothing was. */
  loadCheckpoint() { return this.#handle.loadCheckpoint(); }

  /** True once the host wants the change to stop at its next safe point. */
  get isCancelled() { return this.#handle.isCancelled(); }
}
