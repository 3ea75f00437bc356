/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/audit.h"
#include "api/routes/routes.h"
#include "api/upkeep.h"

#include <string.h>

enum {
    GRACE_DEFAULT_S = 24 * 60 * 60,
    GRACE_MAX_S = 365 * 24 * 60 * 60,
    DURATION_MAX_S = 30 * 24 * 60 * 60,
};

static void accept_run(struct reply *reply, const char *run_id)
{
    reply_json(reply, 202, json_pack("{s:s}", "run_id", run_id));
}

static enum status collect_audited(struct request *request, struct reply *reply,
                                   struct audit *audit, struct error *err)
{
    uint64_t grace_s = 0;
    uint64_t dry_run = 0;
    enum status status = request_number(request, "grace_s", 0, GRACE_MAX_S,
                                        GRACE_DEFAULT_S, &grace_s, err);
    if (status == STATUS_OK) {
        status = request_number(request, "dry_run", 0, 1, 0, &dry_run, err);
    }
    if (status == STATUS_OK) {
        status =
            upkeep_collect(request->service->upkeep, (int64_t)grace_s * 1000,
                           dry_run == 1, audit->target, err);
    }
    if (status == STATUS_OK) {
        accept_run(reply, audit->target);
    }
    return status;
}

/* POST /v1/admin/vault/gc?grace_s=&dry_run= */
static enum status start_collect(struct request *request, struct reply *reply,
                                 struct error *err)
{
    return audit_call(request, reply, collect_audited, err);
}

static enum status check_audited(struct request *request, struct reply *reply,
                                 struct audit *audit, struct error *err)
{
    uint64_t read_data = 0;
    uint64_t max_duration_s = 0;
    enum status status =
        request_number(request, "read_data", 0, 1, 0, &read_data, err);
    if (status == STATUS_OK) {
        status = request_number(request, "max_duration_s", 0, DURATION_MAX_S, 0,
                                &max_duration_s, err);
    }
    if (status == STATUS_OK) {
        status = upkeep_check(request->service->upkeep, read_data == 1,
                              (uint32_t)max_duration_s, audit->target, err);
    }
    if (status == STATUS_OK) {
        accept_run(reply, audit->target);
    }
    return status;
}

/* POST /v1/admin/vault/check?read_data=&max_duration_s= */
static enum status start_check(struct request *request, struct reply *reply,
                               struct error *err)
{
    return audit_call(request, reply, check_audited, err);
}

static enum status report_audited(struct request *request, struct reply *reply,
                                  struct audit *audit, struct error *err)
{
    uint64_t wait_s = 0;
    json_t *run = NULL;
    memcpy(audit->target, request->parameters[0], ID_SIZE);
    enum status status =
        request_number(request, "wait", 0, UPKEEP_WAIT_MAX_S, 0, &wait_s, err);
    if (status == STATUS_OK) {
        status = upkeep_report(request->service->upkeep, request->parameters[0],
                               (unsigned)wait_s, &run, err);
    }
    if (status == STATUS_OK) {
        reply_json(reply, 200, run);
    }
    return status;
}

/* GET /v1/admin/vault/runs/{id}?wait= */
static enum status report(struct request *request, struct reply *reply,
                          struct error *err)
{
    return audit_call(request, reply, report_audited, err);
}

static enum status stats_audited(struct request *request, struct reply *reply,
                                 struct audit *audit, struct error *err)
{
    const struct service *service = request->service;
    const struct check_options options = {.region = UPKEEP_REGION};
    static const struct check_watch unwatched;
    struct check_counts counts;
    (void)audit;
    enum status status =
        check(&counts, request->redis, service->keyring,
              vault_store(service->vault), &options, &unwatched, err);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t unowned =
        counts.orphan_count + counts.condemned_count + counts.pinned_count;
    /* sealing adds a little, which little sharing does not make up for */
    uint64_t shared = counts.logical_bytes > counts.owned_bytes
                          ? counts.logical_bytes - counts.owned_bytes
                          : 0;
    reply_json(reply, 200,
               json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                         "accounts", (json_int_t)counts.account_count,
                         "matched_tracks", (json_int_t)counts.matched_count,
                         "uploaded_tracks", (json_int_t)counts.uploaded_count,
                         "logical_bytes", (json_int_t)counts.logical_bytes,
                         "owned_bytes", (json_int_t)counts.owned_bytes,
                         "stored_bytes", (json_int_t)counts.seen_bytes,
                         "stored_objects", (json_int_t)counts.seen_count,
                         "unowned_objects", (json_int_t)unowned,
                         "saved_by_matching_bytes",
                         (json_int_t)counts.matched_bytes,
                         "saved_by_sharing_bytes", (json_int_t)shared));
    return STATUS_OK;
}

/* GET /v1/admin/vault/stats */
static enum status stats(struct request *request, struct reply *reply,
                         struct error *err)
{
    return audit_call(request, reply, stats_audited, err);
}

const struct route routes_admin_vault[] = {
    {"POST", "/v1/admin/vault/gc", ROLE_OPERATOR, BODY_NONE, SPEED_LOOP,
     start_collect},
    {"POST", "/v1/admin/vault/check", ROLE_OPERATOR, BODY_NONE, SPEED_LOOP,
     start_check},
    {"GET", "/v1/admin/vault/runs/{id}", ROLE_OPERATOR, BODY_NONE, SPEED_SLOW,
     report},
    {"GET", "/v1/admin/vault/stats", ROLE_OPERATOR, BODY_NONE, SPEED_SLOW,
     stats},
    {0},
};
