// What authors of changes use. Nothing here needs a component around it: a change runs in tests as it is.
export {
  ChangeError, Failed, HttpError, Irreversible, Precondition, SqlError, Transient,
} from "./errors.js";
export { Context } from "./context.js";
export { Connection, Rows } from "./sql.js";
export { Endpoint, Response } from "./http.js";
export {
  Value, bytes, date, decimal, double, integer, json, other, text, time, timestamp, uuid,
} from "./values.js";
