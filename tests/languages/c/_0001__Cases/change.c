/* The cases of `tests/languages`, in C. */
#include <sandpiper.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SANDPIPER_CHANGE(
    .id = "language-cases",
    .author = "sandpiper-tests",
    .target_system = "target",
    .description = "the cases in C",
    .transactional = SP_NO,
    .uses = SP_NAMES("second"),
    .labels = SP_PAIRS({"language", "c"}),
    .retry = "2 100ms..100ms")

static const sp_error *see(sp_connection db, const char *name, const char *seen) {
    SP_TRY(sp_execute(db, "CREATE TABLE IF NOT EXISTS case_seen (name TEXT, seen TEXT)", SP_NONE, NULL));
    return sp_execute(db, "INSERT INTO case_seen VALUES (?, ?)", SP_VALUES(sp_text(name), sp_text(seen)), NULL);
}

static const sp_error *create_rows(sp_connection db) {
    return sp_execute(db, "CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)", SP_NONE, NULL);
}

static const sp_error *normal(sp_connection db) {
    const char *insert = "INSERT INTO case_rows VALUES (?, ?)";
    SP_TRY(sp_run_script(db, "CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT);"));
    SP_TRY(sp_execute(db, insert, SP_VALUES(sp_integer(1), sp_text("first")), NULL));
    SP_TRY(sp_execute(db, insert, SP_VALUES(sp_integer(2), sp_null()), NULL));
    int64_t count;
    SP_TRY(sp_query_integer(db, "SELECT count(*) FROM case_rows", SP_NONE, &count));
    return see(db, "rows", sp_format("%lld", count));
}

static const sp_error *drop(sp_connection db) {
    static const char *const tables[] = {"case_rows", "case_values", "case_seen", "case_steps"};
    for (size_t index = 0; index < 4; index++) {
        SP_TRY(sp_execute(db, sp_format("DROP TABLE IF EXISTS %s", tables[index]), SP_NONE, NULL));
    }
    return NULL;
}

static const char *seen_of(const sp_value *value) {
    if (value->kind == SP_NULL) return "null";
    if (value->kind == SP_INTEGER) return sp_format("integer %lld", value->integer);
    if (value->kind == SP_DOUBLE) return sp_format("double %g", value->number);
    if (value->kind == SP_TEXT) return sp_format("text %s", sp_as_text(value));
    if (value->kind != SP_BYTES) return sp_format("another kind: %s", sp_kind_name(value));
    const char *hex = "bytes ";
    for (size_t index = 0; index < value->text.size; index++) {
        hex = sp_format("%s%02x", hex, (unsigned char)value->text.data[index]);
    }
    return hex;
}

static const sp_error *values(sp_connection db) {
    SP_TRY(sp_execute(db, "CREATE TABLE case_values (a, b, c, d, e, f, g, h, i, j, k, l, m)", SP_NONE, NULL));
    sp_row all = SP_VALUES(
        sp_boolean(true), sp_integer(INT64_MIN), sp_double(0.1), sp_decimal("12345678901234567890.0123456789"),
        sp_text("gr\u00fcn \U0001f426 'quoted' \\ ?"), sp_bytes("\x00\xff\x80", 3),
        sp_uuid("0191e6b2-6d3c-7c4e-8f00-0123456789ab"), sp_date("2026-02-28"), sp_time("23:59:59"),
        sp_timestamp("2026-02-28T23:59:59"), sp_json("{\"a\": [1, null]}"), sp_other("point", "(1,2)"), sp_null());
    SP_TRY(sp_execute(db, "INSERT INTO case_values VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", all, NULL));
    sp_rows *rows;
    sp_row row;
    size_t count;
    SP_TRY(sp_query(db, "SELECT * FROM case_values", SP_NONE, &rows));
    const sp_column *columns = sp_columns(rows, &count);
    SP_TRY(sp_next(rows, &row));
    for (size_t index = 0; index < count; index++) {
        SP_TRY(see(db, columns[index].name, seen_of(&row.values[index])));
    }
    return NULL;
}

static const sp_error *cursor(sp_connection db) {
    enum { COUNT = 1200 };
    static sp_value cells[COUNT][2];
    static sp_row inserted[COUNT];
    for (int index = 0; index < COUNT; index++) {
        cells[index][0] = sp_integer(index + 1);
        cells[index][1] = sp_text(sp_format("row %d", index + 1));
        inserted[index] = (sp_row){cells[index], 2};
    }
    uint64_t affected;
    SP_TRY(create_rows(db));
    SP_TRY(sp_execute_many(db, "INSERT INTO case_rows VALUES (?, ?)", inserted, COUNT, &affected));
    sp_rows *rows;
    SP_TRY(sp_query(db, "SELECT id FROM case_rows ORDER BY id", SP_NONE, &rows));
    sp_batch_size(rows, 7);
    int64_t count = 0, sum = 0;
    for (;;) {
        sp_row row;
        SP_TRY(sp_next(rows, &row));
        if (!row.values) break;
        count++;
        sum += row.values[0].integer;
    }
    return see(db, "cursor", sp_format("%llu %lld %lld", affected, count, sum));
}

static const sp_error *log_lines(sp_context ctx) {
    static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
    for (int level = SP_TRACE; level <= SP_ERROR; level++) {
        sp_log(ctx, (sp_level)level, "a line of the level %s", names[level]);
    }
    puts("a line that was printed");
    fflush(stdout);
    return NULL;
}

static const sp_error *context(sp_connection db, sp_context ctx) {
    const char *tenant = sp_tenant(ctx), *unset = sp_variable(ctx, "no such variable");
    SP_TRY(see(db, "attempt", sp_format("%u", sp_attempt(ctx))));
    SP_TRY(see(db, "key", strlen(sp_idempotency_key(ctx)) > 10 ? "long" : "short"));
    SP_TRY(see(db, "tenant", tenant ? tenant : "none"));
    SP_TRY(see(db, "unset", unset ? unset : "none"));
    SP_TRY(see(db, "checkpoint", sp_load_checkpoint(ctx, NULL) ? "some" : "none"));
    SP_TRY(see(db, "cancelled", sp_is_cancelled(ctx) ? "yes" : "no"));
    return see(db, "dialect", sp_dialect(db));
}

/* Goes on after the checkpoint; the first attempt fails before the fourth step. */
static const sp_error *steps(sp_connection db, sp_context ctx) {
    SP_TRY(sp_execute(db, "CREATE TABLE IF NOT EXISTS case_steps (step INTEGER, attempt INTEGER)", SP_NONE, NULL));
    const char *done = sp_load_checkpoint(ctx, NULL);
    for (int step = (done ? atoi(done) : 0) + 1; step <= 6; step++) {
        if (step == 4 && sp_variable(ctx, "stop")) return sp_failed("as the case says");
        sp_row row = SP_VALUES(sp_integer(step), sp_integer(sp_attempt(ctx)));
        SP_TRY(sp_execute(db, "INSERT INTO case_steps VALUES (?, ?)", row, NULL));
        const char *text = sp_format("%d", step);
        SP_TRY(sp_save_checkpoint(ctx, text, strlen(text)));
    }
    return NULL;
}

static const sp_error *memory(void) {
    for (;;) {
        char *held = malloc(1 << 20);
        if (!held) abort();
        memset(held, 1, 1 << 20);
        __asm__ volatile("" : : "r"(held) : "memory");
    }
}

static const sp_error *uses(sp_connection db) {
    SP_TRY(create_rows(db));
    sp_connection second;
    sp_rows *rows;
    SP_TRY(sp_open_connection("second", &second));
    SP_TRY(sp_query(second, "SELECT id, note FROM there", SP_NONE, &rows));
    for (;;) {
        sp_row row;
        SP_TRY(sp_next(rows, &row));
        if (!row.values) return NULL;
        SP_TRY(sp_execute(db, "INSERT INTO case_rows VALUES (?, ?)", row, NULL));
    }
}

static const sp_error *run(const char *name, sp_connection db, sp_context ctx) {
    sp_row row;
    sp_rows *rows;
    sp_connection third;
    const char *value;
    if (!strcmp(name, "normal")) return normal(db);
    if (!strcmp(name, "drop")) return drop(db);
    if (!strcmp(name, "values")) return values(db);
    if (!strcmp(name, "cursor")) return cursor(db);
    if (!strcmp(name, "refused")) return sp_query(db, "SELECT * FROM no_such_table", SP_NONE, &rows);
    if (!strcmp(name, "one-of-many")) return sp_query_one(db, "SELECT 1 UNION SELECT 2", SP_NONE, &row);
    if (!strcmp(name, "precondition")) return sp_precondition("as the case says");
    if (!strcmp(name, "failed")) return sp_failed("as the case says");
    if (!strcmp(name, "failed-after-write")) {
        SP_TRY(create_rows(db));
        return sp_failed("as the case says");
    }
    if (!strcmp(name, "transient")) return sp_transient("as the case says");
    if (!strcmp(name, "irreversible")) return sp_irreversible("as the case says");
    if (!strcmp(name, "log")) return log_lines(ctx);
    if (!strcmp(name, "progress")) {
        for (uint64_t done = 0; done <= 10; done++) sp_progress(ctx, done, 10);
        return NULL;
    }
    if (!strcmp(name, "context")) return context(db, ctx);
    if (!strcmp(name, "required")) return sp_required_variable(ctx, "no-such-variable", &value);
    if (!strcmp(name, "steps")) return steps(db, ctx);
    if (!strcmp(name, "trap")) abort();
    if (!strcmp(name, "endless")) {
        for (volatile int forever = 1; forever;) {
        }
    }
    if (!strcmp(name, "memory")) return memory();
    if (!strcmp(name, "uses")) return uses(db);
    if (!strcmp(name, "undeclared")) return sp_open_connection("third", &third);
    return sp_failed("there is no case `%s`", name);
}

static const sp_error *apply(sp_connection db, sp_context ctx) {
    const char *name = sp_variable(ctx, "case");
    return run(name ? name : "normal", db, ctx);
}

static const sp_error *rollback(sp_connection db, sp_context ctx) {
    const char *name = sp_variable(ctx, "rollback");
    return run(name ? name : "drop", db, ctx);
}

static const sp_error *verify(sp_connection db, sp_context ctx, sp_verdict *verdict) {
    static const char *const names[] = {"applied", "not-applied", "partly-applied", "unknown"};
    const char *name = sp_variable(ctx, "verdict");
    for (int index = 0; name && index < 4; index++) {
        if (!strcmp(name, names[index])) *verdict = (sp_verdict)index;
    }
    if (name) return NULL;
    int64_t count;
    SP_TRY(sp_query_integer(db, "SELECT count(*) FROM sqlite_master WHERE name = 'case_rows'", SP_NONE, &count));
    *verdict = count == 1 ? SP_APPLIED : SP_NOT_APPLIED;
    return NULL;
}

SANDPIPER_SQL(apply, rollback)
SANDPIPER_SQL_VERIFY(verify)
