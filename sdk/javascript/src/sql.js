// A connection to a database: statements, scripts and queries.
import { SqlError, called } from "./errors.js";
import { clients, release } from "./host.js";
import { plain, toContract, typed } from "./values.js";

const CHUNK_ROWS = 1_000;
const CHUNK_BYTES = 1 << 20;
const BATCH = 256;

/** A connection to a database, lent for one call. Statements take the database's own placeholders (`?`, `$1`). */
export class Connection {
  #handle;

  constructor(handle) { this.#handle = handle; }

  /** Opens a further system that the change declared in `uses`. */
  static open(system) {
    if (!clients.sql) throw new SqlError("denied", "no system in `uses` is a database");
    return new Connection(called(SqlError, () => clients.sql.Connection.open(system)));
  }

  /** `sqlite`, `postgres`, `mysql`, `mariadb`, ... */
  get dialect() { return this.#handle.dialect(); }

  /** Runs one statement, and gives the number of rows affected. */
  execute(statement, parameters = []) {
    const values = parameters.map(toContract);
    return Number(called(SqlError, () => this.#handle.execute(statement, values)));
  }

  /** Runs one statement once for each row of parameters, in calls of at most 1,000. */
  executeMany(statement, rows) {
    let affected = 0;
    let chunk = [];
    let bytes = 0;
    const send = () => {
      if (chunk.length > 0) affected += Number(called(SqlError, () => this.#handle.executeMany(statement, chunk)));
      chunk = [];
      bytes = 0;
    };
    for (const row of rows) {
      const values = row.map(toContract);
      bytes += values.reduce((sum, { val }) => sum + 24 + (val?.length ?? 0), 0);
      chunk.push(values);
      if (chunk.length >= CHUNK_ROWS || bytes >= CHUNK_BYTES) send();
    }
    send();
    return affected;
  }

  /** Runs any number of statements that take no parameters. */
  runScript(script) {
    called(SqlError, () => this.#handle.runScript(script));
  }

  /** Runs a query whose rows are read one after the other. */
  query(statement, parameters = []) {
    const values = parameters.map(toContract);
    return new Rows(called(SqlError, () => this.#handle.query(statement, values)), this);
  }
}

/** The rows of a query, fetched in batches while they are read: objects with a property for each column. */
export class Rows {
  #cursor;
  #columns;
  #batch = [];
  #at = 0;
  #size = BATCH;
  #ended = false;
  #make;
  // A connection that nobody refers to any more is given back, and its cursors with it.
  #connection;

  constructor(cursor, connection) {
    this.#cursor = cursor;
    this.#connection = connection;
    this.#columns = cursor.columns();
    this.#make = (values) => Object.fromEntries(this.#columns.map(({ name }, index) => [name, plain(values[index])]));
  }

  /** Names and types of the columns, in their order. */
  get columns() { return this.#columns; }

  /** Fetches so many rows at a time instead of 256. */
  batchSize(rows) {
    this.#size = Math.max(1, rows);
    return this;
  }

  /** Rows become arrays of `Value`, which tell the kind of each. */
  typed() {
    this.#make = (values) => values.map(typed);
    return this;
  }

  /** Whoever leaves the loop early gives the query back. */
  *[Symbol.iterator]() {
    try {
      for (let row = this.#next(); row !== undefined; row = this.#next()) yield row;
    } finally {
      this.close();
    }
  }

  /** Ends the query: the rows that were not read are not fetched. */
  close() {
    this.#batch = [];
    this.#at = 0;
    if (!this.#ended) this.#end();
  }

  /** All rows at once. */
  all() { return [...this]; }

  /** The only row, or undefined when there is none. */
  optional() {
    if (this.#size === BATCH) this.#size = 2;
    const row = this.#next();
    if (row !== undefined && this.#next() !== undefined) {
      this.close();
      throw new SqlError("row-count", "the query was to find one row and found more");
    }
    return row;
  }

  /** The only row. */
  one() {
    const row = this.optional();
    if (row === undefined) throw new SqlError("row-count", "the query was to find one row and found none");
    return row;
  }

  /** The first column of the only row. */
  value() {
    const row = this.one();
    return Array.isArray(row) ? row[0] : row[this.#columns[0].name];
  }

  #next() {
    if (this.#at === this.#batch.length && !this.#ended) {
      this.#at = 0;
      try {
        this.#batch = called(SqlError, () => this.#cursor.next(this.#size));
      } catch (error) {
        this.#batch = [];
        this.#end();
        throw error;
      }
      if (this.#batch.length === 0) this.#end();
    }
    return this.#at < this.#batch.length ? this.#make(this.#batch[this.#at++]) : undefined;
  }

  #end() {
    this.#ended = true;
    release(this.#cursor);
  }
}
