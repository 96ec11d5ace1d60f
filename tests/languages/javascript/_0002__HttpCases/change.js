// The cases of `tests/languages` that work on an API, in JavaScript.
import { Connection, Endpoint, Failed, HttpError, Irreversible, Precondition, Transient } from "sandpiper-sdk";

const see = (api, name, seen) => api.put(`seen/${name}`, { body: seen }).errorForStatus();

const CASES = {
  normal(api, ctx) {
    const answer = api.post("queues", {
      query: [["text", "a b&c"], ["page", 1], ["page", 2]],
      headers: [["X-Key", ctx.idempotencyKey], ["X-Two", "one"], ["X-Two", "two"]],
      json: { name: "mail", size: 1 },
    }).errorForStatus();
    see(api, "status", String(answer.status));
    see(api, "header", answer.header("x-MADE-by") ?? "none");
    const two = answer.headers.filter(({ name }) => name.toLowerCase() === "x-two");
    see(api, "headers", two.map(({ value }) => value).join(" "));
    see(api, "unset", answer.header("x-unset") ?? "none");
    see(api, "text", answer.text());
    see(api, "id", String(answer.json().id));
  },
  delete: (api) => api.delete("queues/7").errorForStatus(),
  nothing() {},
  methods(api) {
    for (const method of ["get", "head", "post", "put", "patch", "delete"]) api[method]("methods").errorForStatus();
    api.request("PURGE", "methods").errorForStatus();
  },
  bytes(api) {
    const { body } = api.post("echo", { body: new Uint8Array([0, 255, 128]) }).errorForStatus();
    see(api, "bytes", Array.from(body, (byte) => byte.toString(16).padStart(2, "0")).join(""));
  },
  "not-text": (api) => api.get("bytes").text(),
  missing: (api) => api.get("missing").errorForStatus(),
  busy: (api) => api.post("busy").errorForStatus(),
  handled(api) {
    const answer = api.post("taken");
    try {
      answer.errorForStatus();
    } catch (error) {
      if (!(error instanceof HttpError) || error.isTransient) throw error;
      see(api, "handled", `${error.status} ${answer.text()}`);
    }
  },
  stopped(api) {
    api.post("stop");
    api.post("queues");
  },
  lost: (api) => api.post("close"),
  late: (api) => api.post("silence", { timeout: 200 }),
  denied: (api) => api.get("../secret"),
  precondition() { throw new Precondition("as the case says"); },
  failed(api) {
    api.post("queues");
    throw new Failed("as the case says");
  },
  transient() { throw new Transient("as the case says"); },
  irreversible() { throw new Irreversible("as the case says"); },
  log(_, ctx) {
    ctx.warn("a line of the level warn");
    console.log("a line that was printed");
  },
  uses(api) {
    const second = Connection.open("second");
    for (const { id, note } of second.query("SELECT id, note FROM there ORDER BY id")) {
      const { status } = api.put(`items/${id}`, { body: note ?? undefined }).errorForStatus();
      second.execute("INSERT INTO made VALUES (?, ?)", [id, status]);
    }
  },
  undeclared: () => Endpoint.open("third"),
  trap() { undefined.asTheCaseSays(); },
};

function run(name, api, ctx) {
  if (!(name in CASES)) throw new Failed(`there is no case \`${name}\``);
  CASES[name](api, ctx);
}

export default {
  id: "language-http-cases",
  author: "sandpiper-tests",
  targetSystem: "api",
  description: "the cases of an API in JavaScript",
  transactional: false,
  uses: ["second"],
  labels: { language: "javascript" },
  retry: "2 100ms..100ms",

  apply(api, ctx) { run(ctx.variable("case") ?? "normal", api, ctx); },
  rollback(api, ctx) { run(ctx.variable("rollback") ?? "delete", api, ctx); },
  verify(api) {
    const answer = api.get("queues/7");
    if (answer.status === 404) return "not-applied";
    return answer.errorForStatus().ok;
  },
};
