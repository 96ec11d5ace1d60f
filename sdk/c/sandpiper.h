/* Write changes for Sandpiper in C: README.md begins with a whole one.
 *
 * Whatever a function here gives back lives until the call of the change ends; nothing is to be freed. Rows of a query
 * live until the next one is read. Texts end with a zero byte and tell their size as well. */
#ifndef SANDPIPER_H
#define SANDPIPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What a change is ---- */

typedef enum { SP_UNSET, SP_YES, SP_NO } sp_choice;
typedef enum { SP_RECOVERY_UNSET, SP_MANUAL_INTERVENTION, SP_ALWAYS_RETRY } sp_recovery;
typedef enum { SP_CADENCE_UNSET, SP_ONCE, SP_ON_CHANGE, SP_ALWAYS } sp_cadence;
typedef struct { const char *name, *value; } sp_pair;

/* What `SANDPIPER_CHANGE` takes. `id`, `author` and `target_system` are required. */
typedef struct {
    const char *id;
    const char *author;
    const char *target_system;
    const char *description;
    sp_choice transactional;
    sp_recovery recovery;
    sp_cadence cadence;
    const char *const *uses;  /* SP_NAMES("crm", "media") */
    const sp_pair *labels;    /* SP_PAIRS({"team", "orders"}) */
    const char *when;         /* "environment == production" */
    const char *retry;        /* "3 1s..30s" */
} sp_change;

#define SP_NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SP_PAIRS(...) ((const sp_pair[]){__VA_ARGS__, {NULL, NULL}})

/* ---- Errors: NULL is success ---- */

typedef enum {
    SP_PRECONDITION, /* a precondition did not hold: nothing was changed */
    SP_FAILED,       /* the target system may have been changed */
    SP_TRANSIENT,    /* may be gone on the next attempt */
    SP_IRREVERSIBLE  /* of a rollback: there is no way back */
} sp_error_kind;

typedef struct {
    sp_error_kind kind;
    const char *message;
    const char *code; /* SQLSTATE, or the database's own code; NULL where the database said nothing */
} sp_error;

/* Each takes a format and its arguments, as printf does. */
const sp_error *sp_precondition(const char *format, ...) __attribute__((format(printf, 1, 2)));
const sp_error *sp_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
const sp_error *sp_transient(const char *format, ...) __attribute__((format(printf, 1, 2)));
const sp_error *sp_irreversible(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same error, its message preceded by what was being done. */
const sp_error *sp_context_of(const sp_error *error, const char *doing);
/* A text that lives until the call ends. */
const char *sp_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the function with the error of a call that did not succeed. */
#define SP_TRY(call)                              \
    do {                                          \
        const sp_error *sp_try_error = (call);    \
        if (sp_try_error) return sp_try_error;    \
    } while (0)

/* ---- The attempt ---- */

typedef struct { int32_t handle; } sp_context;
typedef enum { SP_TRACE, SP_DEBUG, SP_INFO, SP_WARN, SP_ERROR } sp_level;

/* The same text for every attempt of one change. */
const char *sp_idempotency_key(sp_context ctx);
/* Counted from 1. */
uint32_t sp_attempt(sp_context ctx);
/* NULL where the pipeline has no tenants. */
const char *sp_tenant(sp_context ctx);
/* A variable of the configuration; NULL when it is not set. */
const char *sp_variable(sp_context ctx, const char *name);
/* The same; that it is not set is a precondition that does not hold. */
const sp_error *sp_required_variable(sp_context ctx, const char *name, const char **value);
/* Writes a line into the log of this attempt. */
void sp_log(sp_context ctx, sp_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `total` is 0 if unknown. */
void sp_progress(sp_context ctx, uint64_t done, uint64_t total);
/* Keeps bytes for the next attempt. */
const sp_error *sp_save_checkpoint(sp_context ctx, const void *data, size_t size);
/* What was saved last, with a zero byte after it; NULL when nothing was. */
const char *sp_load_checkpoint(sp_context ctx, size_t *size);
/* True once the host wants the change to stop at its next safe point. */
bool sp_is_cancelled(sp_context ctx);

/* ---- SQL ---- */

typedef enum {
    SP_NULL, SP_BOOLEAN, SP_INTEGER, SP_DOUBLE, SP_DECIMAL, SP_TEXT, SP_BYTES,
    SP_UUID, SP_DATE, SP_TIME, SP_TIMESTAMP, SP_JSON, SP_OTHER
} sp_kind;

/* A value; it lies in memory as the contract has it. */
typedef struct {
    uint8_t kind; /* an sp_kind */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct { const char *data; size_t size; } text; /* decimals, UUIDs, dates, JSON and bytes too */
        struct { const char *type; size_t type_size; const char *data; size_t size; } other;
    };
} sp_value;

typedef struct { const sp_value *values; size_t count; } sp_row;
typedef struct { const char *name; size_t name_size; const char *type; size_t type_size; } sp_column;
typedef struct { int32_t handle; } sp_connection;
typedef struct sp_rows sp_rows;

sp_value sp_null(void);
sp_value sp_boolean(bool value);
sp_value sp_integer(int64_t value);
sp_value sp_double(double value);
sp_value sp_text(const char *text);          /* NULL is NULL */
sp_value sp_bytes(const void *data, size_t size);
sp_value sp_decimal(const char *text);       /* "0.10": exact */
sp_value sp_uuid(const char *text);
sp_value sp_date(const char *text);          /* "2026-01-31" */
sp_value sp_time(const char *text);          /* "23:59:59.5" */
sp_value sp_timestamp(const char *text);     /* "2026-01-31T23:59:59Z" */
sp_value sp_json(const char *document);
sp_value sp_other(const char *type, const char *text);

/* What is text on its way: decimals, UUIDs, dates, JSON; NULL when it is none. */
const char *sp_as_text(const sp_value *value);
/* What kind of value it is, in words: `an integer`. */
const char *sp_kind_name(const sp_value *value);

/* The parameters of a statement: SP_VALUES(sp_integer(7), sp_text("new")), or SP_NONE. */
#define SP_VALUES(...) \
    ((sp_row){(const sp_value[]){__VA_ARGS__}, sizeof((sp_value[]){__VA_ARGS__}) / sizeof(sp_value)})
#define SP_NONE ((sp_row){NULL, 0})

/* Opens a further system that the change declared in `uses`. */
const sp_error *sp_open_connection(const char *system, sp_connection *db);
/* `sqlite`, `postgres`, `mysql`, `mariadb`, ... */
const char *sp_dialect(sp_connection db);
/* One statement; `affected` may be NULL. Placeholders are the database's own: `?`, `$1`. */
const sp_error *sp_execute(sp_connection db, const char *statement, sp_row parameters, uint64_t *affected);
/* One statement once for each row of parameters, in calls of at most 1,000; `affected` may be NULL. */
const sp_error *sp_execute_many(
    sp_connection db, const char *statement, const sp_row *rows, size_t count, uint64_t *affected);
/* Any number of statements without parameters. */
const sp_error *sp_run_script(sp_connection db, const char *script);
/* Begins a query whose rows are read with `sp_next`. */
const sp_error *sp_query(sp_connection db, const char *statement, sp_row parameters, sp_rows **rows);
/* Fetches so many rows at a time instead of 256. */
void sp_batch_size(sp_rows *rows, uint32_t batch_size);
/* Names and types of the columns. */
const sp_column *sp_columns(sp_rows *rows, size_t *count);
/* The next row; `row->values` is NULL after the last one. */
const sp_error *sp_next(sp_rows *rows, sp_row *row);
/* The only row of a query: none, and more than one, are errors. */
const sp_error *sp_query_one(sp_connection db, const char *statement, sp_row parameters, sp_row *row);
/* Its first column. */
const sp_error *sp_query_value(sp_connection db, const char *statement, sp_row parameters, sp_value *value);
/* The same as an integer. */
const sp_error *sp_query_integer(sp_connection db, const char *statement, sp_row parameters, int64_t *value);

/* ---- HTTP ---- */

typedef enum { SP_GET, SP_HEAD, SP_POST, SP_PUT, SP_PATCH, SP_DELETE, SP_OTHER_METHOD } sp_method;
typedef struct { const char *name; size_t name_size; const char *value; size_t value_size; } sp_header;
typedef struct { int32_t handle; } sp_endpoint;

typedef struct {
    sp_method method;
    const char *path;        /* below the API's base URL */
    const sp_pair *query;    /* SP_PAIRS({"page", "2"}), or NULL */
    const sp_pair *headers;  /* the same */
    const void *body;
    size_t body_size;
    const char *json;        /* a document: the body, with the header that goes with it */
    uint32_t timeout_ms;     /* 0: the host's own */
    const char *other_method; /* the name of an SP_OTHER_METHOD */
} sp_request;

typedef struct {
    uint16_t status;
    const sp_header *headers;
    size_t header_count;
    const char *body; /* ends with a zero byte */
    size_t body_size;
} sp_response;

const sp_error *sp_open_endpoint(const char *system, sp_endpoint *api);
/* Sends a request; an answer of any status is a success. `response` may be NULL. */
const sp_error *sp_send(sp_endpoint api, const sp_request *request, sp_response *response);
/* An error unless the status is one of 200 to 299. */
const sp_error *sp_error_for_status(const sp_response *response);
/* The body, which is an error unless it is UTF-8. */
const sp_error *sp_response_text(const sp_response *response, const char **text);
/* The first header of this name, in any case; NULL when there is none. */
const char *sp_header_value(const sp_response *response, const char *name);

/* ---- What a change exports ---- */

typedef enum { SP_APPLIED, SP_NOT_APPLIED, SP_PARTLY_APPLIED, SP_UNKNOWN } sp_verdict;
typedef const sp_error *(*sp_sql_function)(sp_connection db, sp_context ctx);
typedef const sp_error *(*sp_http_function)(sp_endpoint api, sp_context ctx);
typedef const sp_error *(*sp_sql_verify)(sp_connection db, sp_context ctx, sp_verdict *verdict);
typedef const sp_error *(*sp_http_verify)(sp_endpoint api, sp_context ctx, sp_verdict *verdict);

#define SP_EXPORT(name) __attribute__((export_name(name), used))

/* What the change is: SANDPIPER_CHANGE(.id = "backfill-status", .author = "orders-team", .target_system = "orders-db") */
#define SANDPIPER_CHANGE(...)                                                                             \
    static const sp_change sp_this_change = {__VA_ARGS__};                                                \
    SP_EXPORT("sandpiper:change/description@0.1.0#describe") const void *sp_describe(void);               \
    const void *sp_describe(void) { return sp_describe_change(&sp_this_change); }

/* What applies it to a database and takes it back. */
#define SANDPIPER_SQL(apply, rollback)                                                                    \
    SP_EXPORT("sandpiper:sql/change@0.1.0#apply") const void *sp_sql_apply(int32_t, int32_t);             \
    const void *sp_sql_apply(int32_t db, int32_t ctx) { return sp_call_sql(apply, db, ctx); }             \
    SP_EXPORT("sandpiper:sql/change@0.1.0#rollback") const void *sp_sql_rollback(int32_t, int32_t);       \
    const void *sp_sql_rollback(int32_t db, int32_t ctx) { return sp_call_sql(rollback, db, ctx); }

/* What tells whether it is applied; it is given a verdict of SP_UNKNOWN to replace. */
#define SANDPIPER_SQL_VERIFY(verify)                                                                      \
    SP_EXPORT("sandpiper:sql/verify@0.1.0#verify") const void *sp_sql_verify_(int32_t, int32_t);          \
    const void *sp_sql_verify_(int32_t db, int32_t ctx) { return sp_call_sql_verify(verify, db, ctx); }

/* The same for an API. */
#define SANDPIPER_HTTP(apply, rollback)                                                                   \
    SP_EXPORT("sandpiper:http/change@0.1.0#apply") const void *sp_http_apply(int32_t, int32_t);           \
    const void *sp_http_apply(int32_t api, int32_t ctx) { return sp_call_http(apply, api, ctx); }         \
    SP_EXPORT("sandpiper:http/change@0.1.0#rollback") const void *sp_http_rollback(int32_t, int32_t);     \
    const void *sp_http_rollback(int32_t api, int32_t ctx) { return sp_call_http(rollback, api, ctx); }

#define SANDPIPER_HTTP_VERIFY(verify)                                                                     \
    SP_EXPORT("sandpiper:http/verify@0.1.0#verify") const void *sp_http_verify_(int32_t, int32_t);        \
    const void *sp_http_verify_(int32_t api, int32_t ctx) { return sp_call_http_verify(verify, api, ctx); }

/* What the macros above are made of. */
const void *sp_describe_change(const sp_change *change);
const void *sp_call_sql(sp_sql_function function, int32_t db, int32_t ctx);
const void *sp_call_http(sp_http_function function, int32_t api, int32_t ctx);
const void *sp_call_sql_verify(sp_sql_verify function, int32_t db, int32_t ctx);
const void *sp_call_http_verify(sp_http_verify function, int32_t api, int32_t ctx);

#endif
