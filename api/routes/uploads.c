/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/log.h"
#include "api/metrics.h"
#include "api/routes/membership.h"
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "api/routes/waiting.h"
#include "api/stash.h"
#include "matcher/utf8.h"

#include <stdio.h>
#include <string.h>

/* Idempotency keys of clients are UUIDs and the like; a bound all the same. */
enum { IDEMPOTENCY_KEY_MAX = 255 };

/* The upload as it stands: 200 with its outcome, 202 while it waits; or the
 * wait for it. */
static enum status answer(struct request *request, struct reply *reply,
                          const struct waiting *waiting, const char *upload_id,
                          struct error *err)
{
    struct upload upload;
    char location[sizeof "/v1/uploads/" + ID_SIZE];
    enum status status = upload_read(
        request->redis, request->principal.account_id, upload_id, &upload, err);
    if (status != STATUS_OK) {
        return status;
    }
    bool pending = upload.status == UPLOAD_WAITING;
    if (pending && request->now_ms < waiting->until_ms) {
        waiting_note(request, waiting);
        reply_wait(reply, waiting->until_ms);
        return STATUS_OK;
    }
    reply_json(reply, pending ? 202 : 200, upload_json(&upload));
    (void)snprintf(location, sizeof location, "/v1/uploads/%s", upload.id);
    reply_header(reply, "Location", location);
    return STATUS_OK;
}

/* What can be told before anything is kept. */
static enum status check(const struct request *request, struct error *err)
{
    struct account account;
    const char *key = request_header(request, "Idempotency-Key");
    enum status status = account_read(
        request->redis, request->principal.account_id, &account, err);
    if (status == STATUS_OK) {
        status = membership_check(&account, &request->service->config,
                                  request->now_ms, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (request->body_bytes == 0) {
        return error_set(err, STATUS_INVALID, "empty",
                         "the request has no body: send the audio file as it "
                         "is");
    }
    const char *track = request_query(request, "track");
    if (track != NULL && !id_valid(track)) {
        return error_set(err, STATUS_INVALID, "bad_parameter",
                         "track has to be the id of a track");
    }
    if (key != NULL && (key[0] == '\0' || strlen(key) > IDEMPOTENCY_KEY_MAX)) {
        return error_set(err, STATUS_INVALID, "bad_idempotency_key",
                         "Idempotency-Key has to be 1 to %d characters long",
                         (int)IDEMPOTENCY_KEY_MAX);
    }
    return STATUS_OK;
}

static void describe(const struct request *request, struct upload *wanted)
{
    const char *filename = request_query(request, "filename");
    const char *track = request_query(request, "track");
    *wanted = (struct upload){.size_bytes = request->body_bytes,
                              .created_ms = request->now_ms};
    id_random(wanted->id, "upl");
    memcpy(wanted->account_id, request->principal.account_id,
           sizeof wanted->account_id);
    if (filename != NULL) {
        utf8_copy(wanted->filename, sizeof wanted->filename, filename,
                  strlen(filename));
    }
    if (track != NULL) {
        (void)snprintf(wanted->for_track, sizeof wanted->for_track, "%s",
                       track);
    }
}

/* Gives an upload that waits its job. In a full queue it ends as our error, so
 * that the same Idempotency-Key may try again. */
static enum status enqueue(struct request *request, const struct upload *upload,
                           const struct stash_item *item, struct error *err)
{
    const struct upload_outcome refused = {.status = UPLOAD_ERROR,
                                           .reason = "queue_full"};
    struct upload ended;
    struct error ignored = {0};
    enum status status =
        jobs_add(request->redis, upload->account_id, upload->id, err);
    if (status == STATUS_LIMIT &&
        upload_finish(request->redis, upload->account_id, upload->id, &refused,
                      &ended, &ignored) == STATUS_OK) {
        stash_remove(item);
    }
    return status;
}

/* Spool file synced → record → job; only then may anyone be told. A crash in
 * between leaves what the sweep at the next start repairs. */
static enum status accept(struct request *request, char upload_id[ID_SIZE],
                          struct error *err)
{
    struct upload wanted;
    struct upload upload;
    bool known = false;
    describe(request, &wanted);
    const struct stash_item item = {request->service->spool_folder,
                                    wanted.account_id, wanted.id};
    enum status status =
        stash_keep(&item, request->body_fd, request->body_path, err);
    if (status != STATUS_OK) {
        return status;
    }
    request->body_path[0] = '\0'; /* taken */
    status = upload_create(request->redis, &wanted,
                           request_header(request, "Idempotency-Key"), &upload,
                           &known, err);
    /* After STATUS_UNAVAILABLE the record may exist, and then its audio has to
     * be there: the sweep decides. */
    if (known || (status != STATUS_OK && status != STATUS_UNAVAILABLE)) {
        stash_remove(&item);
    }
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(upload_id, upload.id, ID_SIZE);
    if (upload.status != UPLOAD_WAITING) {
        return STATUS_OK;
    }
    const struct stash_item kept = {request->service->spool_folder,
                                    upload.account_id, upload.id};
    status = enqueue(request, &upload, &kept, err);
    if (status == STATUS_OK && !known) {
        metrics_add(request->service->metrics, METRIC_UPLOADS_ACCEPTED, 1);
        log_event(request->service->log, LOG_INFO, "upload_accepted",
                  "request_id=%s upload_id=%s account_id=%s bytes=%llu",
                  request->id, upload.id, upload.account_id,
                  (unsigned long long)upload.size_bytes);
    }
    return status;
}

/* POST /v1/uploads?filename=&wait= */
static enum status post(struct request *request, struct reply *reply,
                        struct error *err)
{
    struct waiting waiting;
    enum status status = waiting_begin(&waiting, request, err);
    if (status == STATUS_OK && request->run == 0) {
        status = check(request, err);
        if (status == STATUS_OK) {
            status = accept(request, waiting.id, err);
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    return answer(request, reply, &waiting, waiting.id, err);
}

/* GET /v1/uploads/{id}?wait= */
static enum status get(struct request *request, struct reply *reply,
                       struct error *err)
{
    struct waiting waiting;
    enum status status = waiting_begin(&waiting, request, err);
    if (status != STATUS_OK) {
        return status;
    }
    return answer(request, reply, &waiting, request->parameters[0], err);
}

const struct route routes_uploads[] = {
    {"POST", "/v1/uploads", ROLE_SUBSCRIBER, BODY_FILE, SPEED_SLOW, post},
    {"GET", "/v1/uploads/{id}", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, get},
    {0},
};
