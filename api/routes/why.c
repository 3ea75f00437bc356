/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "catalog/library/fix.h"

/* GET /v1/tracks/{id}/why: the evidence behind an outcome */
static enum status why(struct request *request, struct reply *reply,
                       struct error *err)
{
    struct entry entry;
    enum status status =
        library_entry(request->redis, request->principal.account_id,
                      request->parameters[0], &entry, err);
    if (status != STATUS_OK) {
        return status;
    }
    reply_json(
        reply, 200,
        json_pack(
            "{s:s, s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I}", "track_id",
            entry.id, "status",
            entry.status == ENTRY_MATCHED ? "matched" : "uploaded", "reason",
            text_json(entry.reason), "fixed_at", time_json(entry.fixed_ms),
            "wanted", entry_wants_audio(&entry) ? 1 : 0, "explanation",
            explanation_json(&entry), "match", match_json(&entry.evidence),
            "nearest", nearest_json(&entry.evidence), "attempt",
            attempt_json(entry.evidence.attempt), "candidate_count",
            (json_int_t)entry.evidence.candidate_count));
    return STATUS_OK;
}

const struct route routes_why[] = {
    {"GET", "/v1/tracks/{id}/why", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, why},
    {0},
};
