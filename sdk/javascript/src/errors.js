// Why a change, or one of its calls, did not succeed.

/** Why a change did not succeed, and what is known of its effect. */
export class ChangeError extends Error {
  constructor(kind, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.kind = kind;
  }
}

/** A precondition did not hold: nothing was changed. */
export class Precondition extends ChangeError {
  constructor(message, options) { super("precondition", message, options); }
}

/** Something went wrong: the target system may have been changed. */
export class Failed extends ChangeError {
  constructor(message, options) { super("failed", message, options); }
}

/** Went wrong in a way that may be gone on the next attempt. */
export class Transient extends ChangeError {
  constructor(message, options) { super("transient", message, options); }
}

/** Of a rollback: this change cannot be taken back. */
export class Irreversible extends ChangeError {
  constructor(message, options) { super("irreversible", message, options); }
}

const TRANSIENT_CODES = ["40", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED"];

const SQL_WORDS = {
  "connection-lost": (message) => `the connection was lost: ${message}`,
  denied: (message) => `the host refused this: ${message}`,
  conversion: (message) => message,
  "row-count": (message) => message,
  "limit-exceeded": (message) => `a limit was reached: ${message}`,
  other: ([name, message]) => `${name}: ${message}`,
  refused(error) {
    let words = `${error.message} (${error.code})`;
    if (error.detail != null) words += `; detail: ${error.detail}`;
    if (error.hint != null) words += `; hint: ${error.hint}`;
    return words;
  },
};

/** Why a call to a database did not succeed: `kind` tells which case of the contract, `database` what the database said. */
export class SqlError extends Error {
  constructor(kind, payload) {
    super(SQL_WORDS[kind](payload));
    this.name = "SqlError";
    this.kind = kind;
    this.database = kind === "refused" ? payload : undefined;
  }

  /** The SQLSTATE, or the database's own code, if it is the database that refused. */
  get code() { return this.database?.code; }

  /** Whether this may be gone on the next attempt. */
  get isTransient() {
    if (this.kind === "refused") return TRANSIENT_CODES.some((code) => this.code.startsWith(code));
    return this.kind === "connection-lost";
  }
}

const HTTP_WORDS = {
  "not-sent": (message) => `the request was not sent: ${message}`,
  "no-answer": (message) => `no answer came, its effect is unknown: ${message}`,
  denied: (message) => `the host refused this: ${message}`,
  "limit-exceeded": (message) => `a limit was reached: ${message}`,
  "not-text": () => "the body of the answer is not UTF-8",
  other: ([name, message]) => `${name}: ${message}`,
  status: ([status, body]) => `the API answered with ${status}${body ? `: ${body}` : ""}`,
};

/** Why a request to an API did not succeed. */
export class HttpError extends Error {
  constructor(kind, payload) {
    super(HTTP_WORDS[kind](payload));
    this.name = "HttpError";
    this.kind = kind;
    this.status = kind === "status" ? payload[0] : undefined;
  }

  /** Whether this may be gone on the next attempt, and the API is known to have done nothing. */
  get isTransient() { return this.kind === "not-sent" || this.status === 429 || this.status === 503; }
}

/** Calls the host; an error of the contract becomes one of `Type`. */
export function called(Type, call) {
  try {
    return call();
  } catch (error) {
    const payload = error?.payload ?? error;
    if (payload !== null && typeof payload === "object" && typeof payload.tag === "string") {
      throw new Type(payload.tag, payload.val);
    }
    throw error;
  }
}
