// An API, the requests that are made to it, and its answers.
import { HttpError, called } from "./errors.js";
import { clients } from "./host.js";

const METHODS = ["get", "head", "post", "put", "patch", "delete"];
const SHOWN = 200;

/** A configured API. Paths are relative to its base URL, which a request cannot leave. */
export class Endpoint {
  #handle;

  constructor(handle) { this.#handle = handle; }

  /** Opens a further system that the change declared in `uses`. */
  static open(system) {
    if (!clients.http) throw new HttpError("denied", "no system in `uses` is an API");
    return new Endpoint(called(HttpError, () => clients.http.Endpoint.open(system)));
  }

  get(path, options) { return this.request("get", path, options); }
  head(path, options) { return this.request("head", path, options); }
  post(path, options) { return this.request("post", path, options); }
  put(path, options) { return this.request("put", path, options); }
  patch(path, options) { return this.request("patch", path, options); }
  delete(path, options) { return this.request("delete", path, options); }

  /**
   * Sends a request of any method: `{ query, headers, body, json, timeout }`, the timeout in milliseconds. An answer of
   * any status is a `Response`.
   */
  request(method, path, { query = {}, headers = {}, body, json, timeout } = {}) {
    const lower = method.toLowerCase();
    const sent = pairs(headers).map(([name, value]) => ({ name, value }));
    let content = typeof body === "string" ? new TextEncoder().encode(body) : body;
    if (json !== undefined) {
      sent.push({ name: "Content-Type", value: "application/json" });
      content = new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json));
    }
    const request = {
      method: METHODS.includes(lower) ? { tag: lower } : { tag: "other", val: method },
      path, query: pairs(query), headers: sent, body: content, timeoutMs: timeout,
    };
    return new Response(called(HttpError, () => this.#handle.send(request)));
  }
}

/** The answer of an API. */
export class Response {
  constructor({ status, headers, body }) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** Whether the status is one of 200 to 299. */
  get ok() { return this.status >= 200 && this.status < 300; }

  /** This response if it is a success, else an `HttpError`. */
  errorForStatus() {
    if (this.ok) return this;
    const shown = [...new TextDecoder().decode(this.body).trim()].slice(0, SHOWN).join("");
    throw new HttpError("status", [this.status, shown]);
  }

  /** The first header of this name; case does not count. */
  header(name) {
    return this.headers.find((header) => header.name.toLowerCase() === name.toLowerCase())?.value;
  }

  /** The body as text. */
  text() {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.body);
    } catch {
      throw new HttpError("not-text");
    }
  }

  /** The body as a document. */
  json() { return JSON.parse(this.text()); }
}

const pairs = (from) => (Array.isArray(from) ? from : Object.entries(from)).map(([name, value]) => [name, String(value)]);
