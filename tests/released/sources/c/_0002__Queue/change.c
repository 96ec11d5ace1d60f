/* Makes a queue by an API. */
#include <sandpiper.h>

SANDPIPER_CHANGE(.id = "released-queue", .author = "sandpiper-tests", .target_system = "api")

static const sp_error *apply(sp_endpoint api, sp_context ctx) {
    sp_response made;
    sp_request request = {
        SP_POST, .path = "queues", .query = SP_PAIRS({"page", "1"}), .json = "{\"name\": \"mail\"}"};
    SP_TRY(sp_send(api, &request, &made));
    sp_log(ctx, SP_INFO, "%s", made.body);
    return sp_error_for_status(&made);
}

static const sp_error *rollback(sp_endpoint api, sp_context ctx) {
    (void)ctx;
    sp_response removed;
    SP_TRY(sp_send(api, &(sp_request){SP_DELETE, .path = "queues/7"}, &removed));
    return sp_error_for_status(&removed);
}

static const sp_error *verify(sp_endpoint api, sp_context ctx, sp_verdict *verdict) {
    (void)ctx;
    sp_response found;
    SP_TRY(sp_send(api, &(sp_request){SP_GET, .path = "queues/7"}, &found));
    *verdict = found.status == 200 ? SP_APPLIED : SP_NOT_APPLIED;
    return NULL;
}

SANDPIPER_HTTP(apply, rollback)
SANDPIPER_HTTP_VERIFY(verify)
