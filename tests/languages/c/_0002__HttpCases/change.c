/* The cases of `tests/languages` that work on an API, in C. */
#include <sandpiper.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

SANDPIPER_CHANGE(
    .id = "language-http-cases",
    .author = "sandpiper-tests",
    .target_system = "api",
    .description = "the cases of an API in C",
    .transactional = SP_NO,
    .uses = SP_NAMES("second"),
    .labels = SP_PAIRS({"language", "c"}),
    .retry = "2 100ms..100ms")

/* Sends a request; a status that is no success is an error. */
static const sp_error *sent(sp_endpoint api, sp_request request) {
    sp_response answer;
    SP_TRY(sp_send(api, &request, &answer));
    return sp_error_for_status(&answer);
}

static const sp_error *post(sp_endpoint api, const char *path) {
    return sent(api, (sp_request){SP_POST, .path = path});
}

static const sp_error *see(sp_endpoint api, const char *name, const char *seen) {
    const char *path = sp_format("seen/%s", name);
    return sent(api, (sp_request){SP_PUT, .path = path, .body = seen, .body_size = strlen(seen)});
}

static const sp_error *normal(sp_endpoint api, sp_context ctx) {
    sp_response answer;
    sp_request request = {
        SP_POST, .path = "queues", .query = SP_PAIRS({"text", "a b&c"}, {"page", "1"}, {"page", "2"}),
        .headers = SP_PAIRS({"X-Key", sp_idempotency_key(ctx)}, {"X-Two", "one"}, {"X-Two", "two"}),
        .json = "{\"name\": \"mail\", \"size\": 1}"};
    SP_TRY(sp_send(api, &request, &answer));
    SP_TRY(sp_error_for_status(&answer));
    const char *header = sp_header_value(&answer, "x-MADE-by"), *unset = sp_header_value(&answer, "x-unset");
    const char *two = "";
    for (size_t index = 0; index < answer.header_count; index++) {
        if (strcasecmp(answer.headers[index].name, "x-two")) continue;
        two = sp_format("%s%s%s", two, *two ? " " : "", answer.headers[index].value);
    }
    SP_TRY(see(api, "status", sp_format("%d", answer.status)));
    SP_TRY(see(api, "header", header ? header : "none"));
    SP_TRY(see(api, "headers", two));
    SP_TRY(see(api, "unset", unset ? unset : "none"));
    SP_TRY(see(api, "text", answer.body));
    /* A document is read with a library of one's own: the SDK has none. */
    const char *id = strstr(answer.body, "\"id\": ");
    return see(api, "id", id ? sp_format("%d", atoi(id + 6)) : "none");
}

static const sp_error *methods(sp_endpoint api) {
    for (int method = SP_GET; method <= SP_DELETE; method++) {
        SP_TRY(sent(api, (sp_request){(sp_method)method, .path = "methods"}));
    }
    return sent(api, (sp_request){SP_OTHER_METHOD, .other_method = "PURGE", .path = "methods"});
}

static const sp_error *bytes(sp_endpoint api) {
    sp_response answer;
    SP_TRY(sp_send(api, &(sp_request){SP_POST, .path = "echo", .body = "\x00\xff\x80", .body_size = 3}, &answer));
    const char *hex = "";
    for (size_t index = 0; index < answer.body_size; index++) {
        hex = sp_format("%s%02x", hex, (unsigned char)answer.body[index]);
    }
    return see(api, "bytes", hex);
}

static const sp_error *handled(sp_endpoint api) {
    sp_response answer;
    SP_TRY(sp_send(api, &(sp_request){SP_POST, .path = "taken"}, &answer));
    const sp_error *error = sp_error_for_status(&answer);
    if (!error || error->kind == SP_TRANSIENT) return error;
    return see(api, "handled", sp_format("%d %s", answer.status, answer.body));
}

static const sp_error *uses(sp_endpoint api) {
    sp_connection second;
    sp_rows *rows;
    SP_TRY(sp_open_connection("second", &second));
    SP_TRY(sp_query(second, "SELECT id, note FROM there ORDER BY id", SP_NONE, &rows));
    for (;;) {
        sp_row row;
        SP_TRY(sp_next(rows, &row));
        if (!row.values) return NULL;
        const sp_value *note = &row.values[1];
        bool is_null = note->kind == SP_NULL;
        sp_request request = {
            SP_PUT, .path = sp_format("items/%lld", row.values[0].integer),
            .body = is_null ? NULL : note->text.data, .body_size = is_null ? 0 : note->text.size};
        sp_response answer;
        SP_TRY(sp_send(api, &request, &answer));
        sp_row made = SP_VALUES(row.values[0], sp_integer(answer.status));
        SP_TRY(sp_execute(second, "INSERT INTO made VALUES (?, ?)", made, NULL));
    }
}

static const sp_error *run(const char *name, sp_endpoint api, sp_context ctx) {
    sp_response answer;
    sp_endpoint third;
    const char *text;
    if (!strcmp(name, "normal")) return normal(api, ctx);
    if (!strcmp(name, "delete")) return sent(api, (sp_request){SP_DELETE, .path = "queues/7"});
    if (!strcmp(name, "nothing")) return NULL;
    if (!strcmp(name, "methods")) return methods(api);
    if (!strcmp(name, "bytes")) return bytes(api);
    if (!strcmp(name, "not-text")) {
        SP_TRY(sp_send(api, &(sp_request){SP_GET, .path = "bytes"}, &answer));
        return sp_response_text(&answer, &text);
    }
    if (!strcmp(name, "missing")) return sent(api, (sp_request){SP_GET, .path = "missing"});
    if (!strcmp(name, "busy")) return post(api, "busy");
    if (!strcmp(name, "handled")) return handled(api);
    if (!strcmp(name, "stopped")) {
        SP_TRY(post(api, "stop"));
        return post(api, "queues");
    }
    if (!strcmp(name, "lost")) return post(api, "close");
    if (!strcmp(name, "late")) return sent(api, (sp_request){SP_POST, .path = "silence", .timeout_ms = 200});
    if (!strcmp(name, "denied")) return sent(api, (sp_request){SP_GET, .path = "../secret"});
    if (!strcmp(name, "precondition")) return sp_precondition("as the case says");
    if (!strcmp(name, "failed")) {
        SP_TRY(post(api, "queues"));
        return sp_failed("as the case says");
    }
    if (!strcmp(name, "transient")) return sp_transient("as the case says");
    if (!strcmp(name, "irreversible")) return sp_irreversible("as the case says");
    if (!strcmp(name, "log")) {
        sp_log(ctx, SP_WARN, "a line of the level warn");
        puts("a line that was printed");
        fflush(stdout);
        return NULL;
    }
    if (!strcmp(name, "uses")) return uses(api);
    if (!strcmp(name, "undeclared")) return sp_open_endpoint("third", &third);
    if (!strcmp(name, "trap")) abort();
    return sp_failed("there is no case `%s`", name);
}

static const sp_error *apply(sp_endpoint api, sp_context ctx) {
    const char *name = sp_variable(ctx, "case");
    return run(name ? name : "normal", api, ctx);
}

static const sp_error *rollback(sp_endpoint api, sp_context ctx) {
    const char *name = sp_variable(ctx, "rollback");
    return run(name ? name : "delete", api, ctx);
}

static const sp_error *verify(sp_endpoint api, sp_context ctx, sp_verdict *verdict) {
    (void)ctx;
    sp_response answer;
    SP_TRY(sp_send(api, &(sp_request){SP_GET, .path = "queues/7"}, &answer));
    *verdict = answer.status == 404 ? SP_NOT_APPLIED : SP_APPLIED;
    return answer.status == 404 ? NULL : sp_error_for_status(&answer);
}

SANDPIPER_HTTP(apply, rollback)
SANDPIPER_HTTP_VERIFY(verify)
