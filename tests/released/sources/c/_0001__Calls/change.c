/* Makes as many calls to a database as the variable `count` says. */
#include <sandpiper.h>

#include <stdlib.h>

SANDPIPER_CHANGE(.id = "released-calls", .author = "sandpiper-tests", .target_system = "target")

static const sp_error *apply(sp_connection db, sp_context ctx) {
    const char *text = sp_variable(ctx, "count");
    int count = text ? atoi(text) : 3;
    int64_t made;
    SP_TRY(sp_execute(db, "CREATE TABLE calls (id INTEGER PRIMARY KEY, note TEXT)", SP_NONE, NULL));
    for (int id = 1; id <= count; id++) {
        sp_row row = SP_VALUES(sp_integer(id), sp_text("as the author says"));
        SP_TRY(sp_execute(db, "INSERT INTO calls VALUES (?, ?)", row, NULL));
    }
    SP_TRY(sp_query_integer(db, "SELECT count(*) FROM calls", SP_NONE, &made));
    sp_log(ctx, SP_INFO, "%lld calls", made);
    return NULL;
}

static const sp_error *rollback(sp_connection db, sp_context ctx) {
    (void)ctx;
    return sp_execute(db, "DROP TABLE calls", SP_NONE, NULL);
}

static const sp_error *verify(sp_connection db, sp_context ctx, sp_verdict *verdict) {
    (void)ctx;
    int64_t there;
    SP_TRY(sp_query_integer(db, "SELECT count(*) FROM sqlite_master WHERE name = 'calls'", SP_NONE, &there));
    *verdict = there ? SP_APPLIED : SP_NOT_APPLIED;
    return NULL;
}

SANDPIPER_SQL(apply, rollback)
SANDPIPER_SQL_VERIFY(verify)
