/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "api/routes/waiting.h"

#include <stdlib.h>

enum { PAGE_DEFAULT = 100 };

/* GET /v1/library?cursor=&limit= */
static enum status list(struct request *request, struct reply *reply,
                        struct error *err)
{
    uint64_t cursor = 0;
    uint64_t limit = 0;
    uint64_t next = 0;
    uint64_t version = 0;
    struct entry *entries = NULL;
    size_t count = 0;
    enum status status =
        request_number(request, "cursor", 0, INT64_MAX, 0, &cursor, err);
    if (status == STATUS_OK) {
        status = request_number(request, "limit", 1, LIBRARY_PAGE_MAX,
                                PAGE_DEFAULT, &limit, err);
    }
    if (status == STATUS_OK) {
        status = library_list(request->redis, request->principal.account_id,
                              cursor, (uint32_t)limit, &entries, &count, &next,
                              &version, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *tracks = json_array();
    for (size_t i = 0; i < count; i++) {
        list_json_add(&tracks, track_json(&entries[i]));
    }
    free(entries);
    reply_json(reply, 200,
               json_pack("{s:o, s:o, s:I}", "tracks", tracks, "next",
                         cursor_json(next), "version", (json_int_t)version));
    return STATUS_OK;
}

/* One change with the track as it is now. NULL and STATUS_OK for a track that
 * was removed later: its removal is told by a change of its own. */
static enum status change_json(struct request *request,
                               const struct change *change, json_t **out,
                               struct error *err)
{
    static const char *const words[] = {[CHANGE_ADDED] = "added",
                                        [CHANGE_CHANGED] = "changed",
                                        [CHANGE_REMOVED] = "removed"};
    struct entry entry;
    struct error none = {0};
    *out = NULL;
    if (change->kind == CHANGE_REMOVED) {
        *out = json_pack("{s:I, s:s, s:s}", "version",
                         (json_int_t)change->version, "kind",
                         words[change->kind], "track_id", change->track_id);
        return STATUS_OK;
    }
    enum status status =
        library_entry(request->redis, request->principal.account_id,
                      change->track_id, &entry, &none);
    if (status == STATUS_OK) {
        *out =
            json_pack("{s:I, s:s, s:o}", "version", (json_int_t)change->version,
                      "kind", words[change->kind], "track", track_json(&entry));
    } else if (status != STATUS_NOT_FOUND) {
        *err = none;
        return status;
    }
    return STATUS_OK;
}

static enum status reply_changes(struct request *request, struct reply *reply,
                                 const struct change *changes, size_t count,
                                 uint64_t since, struct error *err)
{
    json_t *array = json_array();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        json_t *item = NULL;
        status = change_json(request, &changes[i], &item, err);
        if (item != NULL) {
            list_json_add(&array, item);
        }
    }
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    uint64_t version = count == 0 ? since : changes[count - 1].version;
    reply_json(reply, 200,
               json_pack("{s:o, s:I}", "changes", array, "version",
                         (json_int_t)version));
    return STATUS_OK;
}

/* GET /v1/library/changes?since=VERSION&limit=&wait= */
static enum status changes(struct request *request, struct reply *reply,
                           struct error *err)
{
    uint64_t since = 0;
    uint64_t limit = 0;
    struct waiting waiting;
    struct change *found = NULL;
    size_t count = 0;
    enum status status =
        request_number(request, "since", 0, INT64_MAX, 0, &since, err);
    if (status == STATUS_OK) {
        status = request_number(request, "limit", 1, CHANGES_PAGE_MAX,
                                PAGE_DEFAULT, &limit, err);
    }
    if (status == STATUS_OK) {
        status = waiting_begin(&waiting, request, err);
    }
    if (status == STATUS_OK) {
        status = library_changes(request->redis, request->principal.account_id,
                                 since, (uint32_t)limit, &found, &count, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (count == 0 && request->now_ms < waiting.until_ms) {
        waiting_note(request, &waiting);
        reply_wait(reply, waiting.until_ms);
    } else {
        status = reply_changes(request, reply, found, count, since, err);
    }
    free(found);
    return status;
}

/* DELETE /v1/tracks/{id} */
static enum status remove_track(struct request *request, struct reply *reply,
                                struct error *err)
{
    enum status status =
        library_remove(request->redis, request->principal.account_id,
                       request->parameters[0], request->now_ms, err);
    if (status == STATUS_OK) {
        reply_empty(reply, 204);
    }
    return status;
}

/* POST /v1/tracks/{id}/restore */
static enum status restore(struct request *request, struct reply *reply,
                           struct error *err)
{
    struct entry entry;
    const char *account_id = request->principal.account_id;
    const char *track_id = request->parameters[0];
    enum status status =
        library_restore(request->redis, account_id, track_id, err);
    if (status == STATUS_OK) {
        status =
            library_entry(request->redis, account_id, track_id, &entry, err);
    }
    if (status == STATUS_OK) {
        reply_json(reply, 200, track_json(&entry));
    }
    return status;
}

/* Changes run off the loop: a page of them asks Redis once a track. */
const struct route routes_library[] = {
    {"GET", "/v1/library", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, list},
    {"GET", "/v1/library/changes", ROLE_SUBSCRIBER, BODY_NONE, SPEED_SLOW,
     changes},
    {"DELETE", "/v1/tracks/{id}", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     remove_track},
    {"POST", "/v1/tracks/{id}/restore", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     restore},
    {0},
};
