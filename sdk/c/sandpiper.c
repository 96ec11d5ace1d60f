/* The contract's functions as the header has them. Structures whose members are named after the contract lie in memory
 * as its binary form has them (the canonical ABI): results are read where the host wrote them. */
#include "sandpiper.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXECUTION "sandpiper:change/execution@0.1.0"
#define SQL "sandpiper:sql/client@0.1.0"
#define HTTP "sandpiper:http/client@0.1.0"

typedef struct { const char *data; size_t size; } text;
typedef struct { const void *items; size_t count; } list;
typedef struct { uint8_t is_set; text value; } optional_text;

/* ---- Memory: everything of a call in one arena, the rows of a cursor in one of its own ---- */

typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(8) char data[];
} chunk;
typedef struct { chunk *first; } arena;

static arena everything;
static arena *current = &everything;

static void *allocate(arena *from, size_t size) {
    size_t rounded = (size + 7) & ~(size_t)7;
    chunk *top = from->first;
    if (!top || top->size - top->used < rounded) {
        size_t room = rounded > 32768 ? rounded : 32768;
        top = malloc(sizeof(chunk) + room);
        if (!top) abort();
        *top = (chunk){from->first, 0, room};
        from->first = top;
    }
    void *given = top->data + top->used;
    top->used += rounded;
    return given;
}

static void clear(arena *of) {
    while (of->first) {
        chunk *next = of->first->next;
        free(of->first);
        of->first = next;
    }
}

/* The host asks for memory. One byte more ends a text with zero. */
__attribute__((export_name("cabi_realloc"), used)) void *cabi_realloc(void *, size_t, size_t, size_t);
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align;
    char *given = allocate(current, size + 1);
    if (old && old_size) memcpy(given, old, old_size < size ? old_size : size);
    given[size] = 0;
    return given;
}

static const char *zero_ended(text from) { return from.size ? from.data : ""; }

static const char *format_list(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    char *into = allocate(&everything, (size_t)size + 1);
    vsnprintf(into, (size_t)size + 1, format, again);
    va_end(again);
    return into;
}

const char *sp_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *made = format_list(format, arguments);
    va_end(arguments);
    return made;
}

/* ---- Errors ---- */

static const sp_error *error_of(sp_error_kind kind, const char *message, const char *code) {
    sp_error *error = allocate(&everything, sizeof *error);
    *error = (sp_error){kind, message, code};
    return error;
}

#define ERROR_OF_KIND(name, kind)                                     \
    const sp_error *name(const char *format, ...) {                   \
        va_list arguments;                                            \
        va_start(arguments, format);                                  \
        const char *message = format_list(format, arguments);         \
        va_end(arguments);                                            \
        return error_of(kind, message, NULL);                         \
    }
ERROR_OF_KIND(sp_precondition, SP_PRECONDITION)
ERROR_OF_KIND(sp_failed, SP_FAILED)
ERROR_OF_KIND(sp_transient, SP_TRANSIENT)
ERROR_OF_KIND(sp_irreversible, SP_IRREVERSIBLE)

const sp_error *sp_context_of(const sp_error *error, const char *doing) {
    return error_of(error->kind, sp_format("%s: %s", doing, error->message), error->code);
}

/* ---- The attempt ---- */

IMPORT(EXECUTION, "[method]context.idempotency-key") void context_key(int32_t, text *);
IMPORT(EXECUTION, "[method]context.attempt") int32_t context_attempt(int32_t);
IMPORT(EXECUTION, "[method]context.tenant") void context_tenant(int32_t, optional_text *);
IMPORT(EXECUTION, "[method]context.variable") void context_variable(int32_t, const char *, size_t, optional_text *);
IMPORT(EXECUTION, "[method]context.log") void context_log(int32_t, int32_t, const char *, size_t);
IMPORT(EXECUTION, "[method]context.progress") void context_progress(int32_t, int64_t, int64_t);
IMPORT(EXECUTION, "[method]context.save-checkpoint")
void context_save(int32_t, const void *, size_t, optional_text *);
IMPORT(EXECUTION, "[method]context.load-checkpoint") void context_load(int32_t, optional_text *);
IMPORT(EXECUTION, "[method]context.is-cancelled") int32_t context_is_cancelled(int32_t);
IMPORT(EXECUTION, "[resource-drop]context") void context_drop(int32_t);

const char *sp_idempotency_key(sp_context ctx) {
    text key;
    context_key(ctx.handle, &key);
    return zero_ended(key);
}

uint32_t sp_attempt(sp_context ctx) { return (uint32_t)context_attempt(ctx.handle); }

const char *sp_tenant(sp_context ctx) {
    optional_text tenant;
    context_tenant(ctx.handle, &tenant);
    return tenant.is_set ? zero_ended(tenant.value) : NULL;
}

const char *sp_variable(sp_context ctx, const char *name) {
    optional_text value;
    context_variable(ctx.handle, name, strlen(name), &value);
    return value.is_set ? zero_ended(value.value) : NULL;
}

const sp_error *sp_required_variable(sp_context ctx, const char *name, const char **value) {
    *value = sp_variable(ctx, name);
    if (*value) return NULL;
    return sp_precondition("variable `%s` is not set; set it in `variables:` or with --set", name);
}

void sp_log(sp_context ctx, sp_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *line = format_list(format, arguments);
    va_end(arguments);
    context_log(ctx.handle, (int32_t)level, line, strlen(line));
}

void sp_progress(sp_context ctx, uint64_t done, uint64_t total) {
    context_progress(ctx.handle, (int64_t)done, (int64_t)total);
}

const sp_error *sp_save_checkpoint(sp_context ctx, const void *data, size_t size) {
    optional_text error;
    context_save(ctx.handle, data, size, &error);
    return error.is_set ? sp_failed("the checkpoint was not saved: %s", zero_ended(error.value)) : NULL;
}

const char *sp_load_checkpoint(sp_context ctx, size_t *size) {
    optional_text data;
    context_load(ctx.handle, &data);
    if (size) *size = data.is_set ? data.value.size : 0;
    return data.is_set ? zero_ended(data.value) : NULL;
}

bool sp_is_cancelled(sp_context ctx) { return context_is_cancelled(ctx.handle); }

/* ---- SQL: errors ---- */

typedef struct {
    text code, message;
    optional_text detail, hint;
    struct { uint8_t is_set; uint32_t value; } position;
    list extras;
} database_error;
typedef struct {
    uint8_t which; /* refused, connection-lost, denied, conversion, limit-exceeded, other */
    union {
        database_error refused;
        text message;
        struct { text name, message; } other;
    };
} sql_error;

/* As the SDKs of all languages word and judge it. */
static const sp_error *sql_failure(const sql_error *error) {
    const char *message = zero_ended(error->message);
    switch (error->which) {
        case 0: {
            const database_error *refused = &error->refused;
            const char *code = zero_ended(refused->code);
            const char *words = sp_format("%s (%s)", zero_ended(refused->message), code);
            if (refused->detail.is_set) words = sp_format("%s; detail: %s", words, zero_ended(refused->detail.value));
            if (refused->hint.is_set) words = sp_format("%s; hint: %s", words, zero_ended(refused->hint.value));
            bool transient = !strncmp(code, "40", 2) || !strncmp(code, "55P03", 5) ||
                             !strncmp(code, "SQLITE_BUSY", 11) || !strncmp(code, "SQLITE_LOCKED", 13);
            return error_of(transient ? SP_TRANSIENT : SP_FAILED, words, code);
        }
        case 1: return sp_transient("the connection was lost: %s", message);
        case 2: return sp_failed("the host refused this: %s", message);
        case 3: return sp_failed("%s", message);
        case 4: return sp_failed("a limit was reached: %s", message);
        default: return sp_failed("%s: %s", zero_ended(error->other.name), zero_ended(error->other.message));
    }
}

/* ---- SQL: calls ---- */

typedef struct { uint8_t is_error; union { uint64_t count; sql_error error; }; } count_result;
typedef struct { uint8_t is_error; union { int32_t handle; list rows; sql_error error; }; } sql_result;

IMPORT(SQL, "[static]connection.open") void connection_open(const char *, size_t, sql_result *);
IMPORT(SQL, "[method]connection.dialect") void connection_dialect(int32_t, text *);
IMPORT(SQL, "[method]connection.execute")
void connection_execute(int32_t, const char *, size_t, const sp_value *, size_t, count_result *);
IMPORT(SQL, "[method]connection.execute-many")
void connection_execute_many(int32_t, const char *, size_t, const sp_row *, size_t, count_result *);
IMPORT(SQL, "[method]connection.run-script") void connection_run_script(int32_t, const char *, size_t, sql_result *);
IMPORT(SQL, "[method]connection.query")
void connection_query(int32_t, const char *, size_t, const sp_value *, size_t, sql_result *);
IMPORT(SQL, "[resource-drop]connection") void connection_drop(int32_t);
IMPORT(SQL, "[method]cursor.columns") void cursor_columns(int32_t, list *);
IMPORT(SQL, "[method]cursor.next") void cursor_next(int32_t, uint32_t, sql_result *);
IMPORT(SQL, "[resource-drop]cursor") void cursor_drop(int32_t);

const sp_error *sp_open_connection(const char *system, sp_connection *db) {
    sql_result result;
    connection_open(system, strlen(system), &result);
    if (result.is_error) return sql_failure(&result.error);
    db->handle = result.handle;
    return NULL;
}

const char *sp_dialect(sp_connection db) {
    text dialect;
    connection_dialect(db.handle, &dialect);
    return zero_ended(dialect);
}

static const sp_error *counted(const count_result *result, uint64_t *affected) {
    if (result->is_error) return sql_failure(&result->error);
    if (affected) *affected += result->count;
    return NULL;
}

const sp_error *sp_execute(sp_connection db, const char *statement, sp_row parameters, uint64_t *affected) {
    count_result result;
    connection_execute(db.handle, statement, strlen(statement), parameters.values, parameters.count, &result);
    if (affected) *affected = 0;
    return counted(&result, affected);
}

static size_t size_of(const sp_value *value) {
    bool is_text = value->kind >= SP_DECIMAL && value->kind != SP_OTHER;
    return sizeof *value + (is_text ? value->text.size : value->kind == SP_OTHER ? value->other.size : 0);
}

const sp_error *sp_execute_many(
    sp_connection db, const char *statement, const sp_row *rows, size_t count, uint64_t *affected) {
    if (affected) *affected = 0;
    while (count) {
        size_t taken = 0, bytes = 0;
        while (taken < count && taken < 1000 && bytes < 1 << 20) {
            for (size_t column = 0; column < rows[taken].count; column++) bytes += size_of(&rows[taken].values[column]);
            taken++;
        }
        count_result result;
        connection_execute_many(db.handle, statement, strlen(statement), rows, taken, &result);
        SP_TRY(counted(&result, affected));
        rows += taken;
        count -= taken;
    }
    return NULL;
}

const sp_error *sp_run_script(sp_connection db, const char *script) {
    sql_result result;
    connection_run_script(db.handle, script, strlen(script), &result);
    return result.is_error ? sql_failure(&result.error) : NULL;
}

/* ---- SQL: cursors ---- */

struct sp_rows {
    int32_t handle;
    uint32_t batch_size;
    bool ended;
    arena memory;
    const sp_row *batch;
    size_t left;
};

const sp_error *sp_query(sp_connection db, const char *statement, sp_row parameters, sp_rows **rows) {
    sql_result result;
    connection_query(db.handle, statement, strlen(statement), parameters.values, parameters.count, &result);
    if (result.is_error) return sql_failure(&result.error);
    *rows = allocate(&everything, sizeof **rows);
    **rows = (sp_rows){.handle = result.handle, .batch_size = 256};
    return NULL;
}

void sp_batch_size(sp_rows *rows, uint32_t batch_size) { rows->batch_size = batch_size ? batch_size : 1; }

const sp_column *sp_columns(sp_rows *rows, size_t *count) {
    list columns;
    cursor_columns(rows->handle, &columns);
    *count = columns.count;
    return columns.items;
}

const sp_error *sp_next(sp_rows *rows, sp_row *row) {
    *row = SP_NONE;
    if (rows->ended) return NULL;
    if (!rows->left) {
        clear(&rows->memory);
        current = &rows->memory;
        sql_result result;
        cursor_next(rows->handle, rows->batch_size, &result);
        current = &everything;
        rows->ended = result.is_error || !result.rows.count;
        if (rows->ended) cursor_drop(rows->handle);
        if (result.is_error) return sql_failure(&result.error);
        rows->batch = result.rows.items;
        rows->left = result.rows.count;
        if (rows->ended) return NULL;
    }
    *row = *rows->batch++;
    rows->left--;
    return NULL;
}

const sp_error *sp_query_one(sp_connection db, const char *statement, sp_row parameters, sp_row *row) {
    sp_rows *rows;
    SP_TRY(sp_query(db, statement, parameters, &rows));
    rows->batch_size = 2;
    SP_TRY(sp_next(rows, row));
    if (!row->values) return sp_failed("the query was to find one row and found none");
    return rows->left ? sp_failed("the query was to find one row and found more") : NULL;
}

const sp_error *sp_query_value(sp_connection db, const char *statement, sp_row parameters, sp_value *value) {
    sp_row row;
    SP_TRY(sp_query_one(db, statement, parameters, &row));
    *value = row.values[0];
    return NULL;
}

const sp_error *sp_query_integer(sp_connection db, const char *statement, sp_row parameters, int64_t *value) {
    sp_value found;
    SP_TRY(sp_query_value(db, statement, parameters, &found));
    *value = found.integer;
    if (found.kind == SP_INTEGER) return NULL;
    if (found.kind == SP_DECIMAL) {
        char *end;
        const char *digits = sp_as_text(&found);
        *value = strtoll(digits, &end, 10);
        if (!*end) return NULL;
    }
    return sp_failed("column 0 holds %s, which is no integer", sp_kind_name(&found));
}

/* ---- SQL: values ---- */

sp_value sp_null(void) { return (sp_value){.kind = SP_NULL}; }
sp_value sp_boolean(bool value) { return (sp_value){.kind = SP_BOOLEAN, .boolean = value}; }
sp_value sp_integer(int64_t value) { return (sp_value){.kind = SP_INTEGER, .integer = value}; }
sp_value sp_double(double value) { return (sp_value){.kind = SP_DOUBLE, .number = value}; }
sp_value sp_bytes(const void *data, size_t size) { return (sp_value){.kind = SP_BYTES, .text = {data, size}}; }

static sp_value text_of(sp_kind kind, const char *from) {
    return from ? (sp_value){.kind = (uint8_t)kind, .text = {from, strlen(from)}} : sp_null();
}
sp_value sp_text(const char *from) { return text_of(SP_TEXT, from); }
sp_value sp_decimal(const char *from) { return text_of(SP_DECIMAL, from); }
sp_value sp_uuid(const char *from) { return text_of(SP_UUID, from); }
sp_value sp_date(const char *from) { return text_of(SP_DATE, from); }
sp_value sp_time(const char *from) { return text_of(SP_TIME, from); }
sp_value sp_timestamp(const char *from) { return text_of(SP_TIMESTAMP, from); }
sp_value sp_json(const char *document) { return text_of(SP_JSON, document); }
sp_value sp_other(const char *type, const char *from) {
    return (sp_value){.kind = SP_OTHER, .other = {type, strlen(type), from, strlen(from)}};
}

const char *sp_as_text(const sp_value *value) {
    if (value->kind == SP_OTHER) return value->other.size ? value->other.data : "";
    if (value->kind < SP_DECIMAL || value->kind == SP_BYTES) return NULL;
    return value->text.size ? value->text.data : "";
}

const char *sp_kind_name(const sp_value *value) {
    static const char *const names[] = {"NULL", "a boolean", "an integer", "a double", "a decimal", "text", "bytes",
                                        "a UUID", "a date", "a time", "a timestamp", "JSON"};
    return value->kind == SP_OTHER ? value->other.type : names[value->kind];
}

/* ---- HTTP ---- */

typedef struct { uint8_t which; text first, second; } http_error;
typedef struct { uint16_t status; list headers; text body; } http_response;
typedef struct { uint8_t is_error; union { int32_t handle; http_response response; http_error error; }; } http_result;

IMPORT(HTTP, "[static]endpoint.open") void endpoint_open(const char *, size_t, http_result *);
IMPORT(HTTP, "[method]endpoint.send")
void endpoint_send(
    int32_t, int32_t, const char *, size_t, const char *, size_t, const sp_header *, size_t, const sp_header *, size_t,
    int32_t, const void *, size_t, int32_t, uint32_t, http_result *);
IMPORT(HTTP, "[resource-drop]endpoint") void endpoint_drop(int32_t);

static const sp_error *http_failure(const http_error *error) {
    const char *message = zero_ended(error->first);
    switch (error->which) {
        case 0: return sp_transient("the request was not sent: %s", message);
        case 1: return sp_failed("no answer came, its effect is unknown: %s", message);
        case 2: return sp_failed("the host refused this: %s", message);
        case 3: return sp_failed("a limit was reached: %s", message);
        default: return sp_failed("%s: %s", message, zero_ended(error->second));
    }
}

const sp_error *sp_open_endpoint(const char *system, sp_endpoint *api) {
    http_result result;
    endpoint_open(system, strlen(system), &result);
    if (result.is_error) return http_failure(&result.error);
    api->handle = result.handle;
    return NULL;
}

/* Pairs as the contract has them, with room for one more. */
static sp_header *pairs(const sp_pair *from, size_t *count) {
    *count = 0;
    while (from && from[*count].name) ++*count;
    sp_header *into = allocate(&everything, (*count + 1) * sizeof *into);
    for (size_t index = 0; index < *count; index++) {
        const sp_pair *pair = &from[index];
        into[index] = (sp_header){pair->name, strlen(pair->name), pair->value, strlen(pair->value)};
    }
    return into;
}

const sp_error *sp_send(sp_endpoint api, const sp_request *request, sp_response *response) {
    size_t query_count, header_count;
    const sp_header *query = pairs(request->query, &query_count);
    sp_header *headers = pairs(request->headers, &header_count);
    const void *body = request->body;
    size_t size = request->body_size;
    if (request->json) {
        headers[header_count++] = (sp_header){"Content-Type", 12, "application/json", 16};
        body = request->json;
        size = strlen(request->json);
    }
    http_result result;
    const char *other = request->method == SP_OTHER_METHOD && request->other_method ? request->other_method : "";
    endpoint_send(
        api.handle, (int32_t)request->method, other, strlen(other), request->path, strlen(request->path), query, query_count,
        headers, header_count, body != NULL, body, size, request->timeout_ms != 0, request->timeout_ms, &result);
    if (result.is_error) return http_failure(&result.error);
    const http_response *answer = &result.response;
    if (response) {
        *response = (sp_response){
            answer->status, answer->headers.items, answer->headers.count, zero_ended(answer->body), answer->body.size};
    }
    return NULL;
}

const sp_error *sp_error_for_status(const sp_response *response) {
    unsigned status = response->status;
    if (status >= 200 && status < 300) return NULL;
    const char *body = response->body;
    size_t size = response->body_size;
    while (size && (unsigned char)*body <= ' ') body++, size--;
    while (size && (unsigned char)body[size - 1] <= ' ') size--;
    /* The first 200 characters of UTF-8. */
    size_t shown = 0;
    for (size_t characters = 0; shown < size; shown++) {
        if (((unsigned char)body[shown] & 0xc0) != 0x80 && ++characters > 200) break;
    }
    const char *words = sp_format("the API answered with %u%s%.*s", status, shown ? ": " : "", (int)shown, body);
    return error_of(status == 429 || status == 503 ? SP_TRANSIENT : SP_FAILED, words, NULL);
}

/* The size of a character of UTF-8 that begins here; 0 when none does. */
static size_t character(const unsigned char *at, size_t size) {
    unsigned first = at[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (!length || length > size) return 0;
    for (size_t index = 1; index < length; index++) {
        if ((at[index] & 0xc0) != 0x80) return 0;
    }
    /* Longer than need be, half of a pair of UTF-16, beyond the last character. */
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0;
    return (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f) ? 0 : length;
}

const sp_error *sp_response_text(const sp_response *response, const char **text) {
    for (size_t at = 0; at < response->body_size;) {
        size_t length = character((const unsigned char *)response->body + at, response->body_size - at);
        if (!length) return sp_failed("the body of the answer is not UTF-8");
        at += length;
    }
    *text = response->body;
    return NULL;
}

const char *sp_header_value(const sp_response *response, const char *name) {
    size_t size = strlen(name);
    for (size_t index = 0; index < response->header_count; index++) {
        const sp_header *header = &response->headers[index];
        if (header->name_size == size && !strncasecmp(header->name, name, size)) {
            return header->value_size ? header->value : "";
        }
    }
    return NULL;
}

/* ---- What a change exports ---- */

typedef struct {
    text id, author, target_system;
    optional_text description;
    struct { uint8_t is_set, value; } transactional, recovery, cadence;
    list uses, labels, options;
} change_info;
typedef struct {
    uint8_t is_error;
    union {
        uint8_t verdict;
        struct { uint8_t which; text message; } failure;
    };
    char room[16]; /* of cases that this SDK has no use for */
} outcome;

static text text_from(const char *from) { return from ? (text){from, strlen(from)} : (text){"", 0}; }

const void *sp_describe_change(const sp_change *change) {
    static change_info info;
    size_t uses = 0, labels, options = 0;
    while (change->uses && change->uses[uses]) uses++;
    text *names = allocate(&everything, (uses + 1) * sizeof *names);
    for (size_t index = 0; index < uses; index++) names[index] = text_from(change->uses[index]);
    const sp_header *label_pairs = pairs(change->labels, &labels);
    sp_pair set[3] = {{NULL, NULL}};
    if (change->when) set[options++] = (sp_pair){"when", change->when};
    if (change->retry) set[options++] = (sp_pair){"retry", change->retry};
    const sp_header *option_pairs = pairs(set, &options);
    info = (change_info){
        text_from(change->id), text_from(change->author), text_from(change->target_system),
        {change->description != NULL, text_from(change->description)},
        {change->transactional != SP_UNSET, change->transactional == SP_YES},
        {change->recovery != SP_RECOVERY_UNSET, change->recovery == SP_ALWAYS_RETRY},
        {change->cadence != SP_CADENCE_UNSET, change->cadence ? (uint8_t)(change->cadence - 1) : 0},
        {names, uses}, {label_pairs, labels}, {option_pairs, options}};
    return &info;
}

static outcome *outcome_of(const sp_error *error, sp_verdict verdict) {
    static const uint8_t which[] = {0, 1, 3, 4};
    outcome *made = allocate(&everything, sizeof *made);
    if (error) {
        *made = (outcome){.is_error = 1, .failure = {which[error->kind], text_from(error->message)}};
    } else {
        *made = (outcome){.is_error = 0, .verdict = (uint8_t)verdict};
    }
    return made;
}

const void *sp_call_sql(sp_sql_function function, int32_t db, int32_t ctx) {
    const sp_error *error = function((sp_connection){db}, (sp_context){ctx});
    connection_drop(db);
    context_drop(ctx);
    return outcome_of(error, SP_APPLIED);
}

const void *sp_call_http(sp_http_function function, int32_t api, int32_t ctx) {
    const sp_error *error = function((sp_endpoint){api}, (sp_context){ctx});
    endpoint_drop(api);
    context_drop(ctx);
    return outcome_of(error, SP_APPLIED);
}

const void *sp_call_sql_verify(sp_sql_verify function, int32_t db, int32_t ctx) {
    sp_verdict verdict = SP_UNKNOWN;
    const sp_error *error = function((sp_connection){db}, (sp_context){ctx}, &verdict);
    connection_drop(db);
    context_drop(ctx);
    return outcome_of(error, verdict);
}

const void *sp_call_http_verify(sp_http_verify function, int32_t api, int32_t ctx) {
    sp_verdict verdict = SP_UNKNOWN;
    const sp_error *error = function((sp_endpoint){api}, (sp_context){ctx}, &verdict);
    endpoint_drop(api);
    context_drop(ctx);
    return outcome_of(error, verdict);
}
