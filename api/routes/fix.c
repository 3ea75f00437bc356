/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/fix.h"
#include "api/routes/routes.h"
#include "api/routes/track_json.h"

/* The track as it is now, and whether it wants the subscriber's own audio. */
static enum status answer(struct request *request, struct reply *reply,
                          struct error *err)
{
    struct entry entry;
    enum status status =
        library_entry(request->redis, request->principal.account_id,
                      request->parameters[0], &entry, err);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *track = track_json(&entry);
    if (json_object_set_new(track, "wanted",
                            json_boolean(entry_wants_audio(&entry))) != 0) {
        json_decref(track);
        track = NULL;
    }
    reply_json(reply, 200, track);
    return STATUS_OK;
}

/* POST /v1/tracks/{id}/fix: "this is not my song" */
static enum status fix(struct request *request, struct reply *reply,
                       struct error *err)
{
    enum status status =
        library_fix(request->redis, request->principal.account_id,
                    request->parameters[0], request->now_ms, err);
    return status == STATUS_OK ? answer(request, reply, err) : status;
}

/* DELETE /v1/tracks/{id}/fix: it is, after all */
static enum status unfix(struct request *request, struct reply *reply,
                         struct error *err)
{
    enum status status =
        library_unfix(request->redis, request->principal.account_id,
                      request->parameters[0], err);
    return status == STATUS_OK ? answer(request, reply, err) : status;
}

const struct route routes_fix[] = {
    {"POST", "/v1/tracks/{id}/fix", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     fix},
    {"DELETE", "/v1/tracks/{id}/fix", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     unfix},
    {0},
};
