/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/audit.h"
#include "api/routes/membership.h"
#include "api/routes/new_account.h"
#include "api/routes/routes.h"
#include "api/routes/times.h"

#include <string.h>

enum { AUDIT_DEFAULT = 100, AUDIT_MAX = 1000 };

/* The account of the body's "email". */
static enum status find_account(struct request *request, const json_t *body,
                                struct audit *audit, struct error *err)
{
    const char *email = NULL;
    enum status status = request_json_text(body, "email", &email, err);
    if (status == STATUS_OK) {
        status = account_find(request->redis, email, audit->target, err);
    }
    return status;
}

static enum status create_audited(struct request *request, struct reply *reply,
                                  struct audit *audit, struct error *err)
{
    json_t *body = NULL;
    const char *region = NULL;
    enum status status = request_json(request, &body, err);
    if (status == STATUS_OK && json_object_get(body, "region") != NULL) {
        status = request_json_text(body, "region", &region, err);
    }
    if (status == STATUS_OK) {
        status = new_account_make(request, region, audit->target, err);
    }
    if (status == STATUS_OK) {
        reply_json(reply, 201, json_pack("{s:s}", "account_id", audit->target));
    }
    json_decref(body);
    return status;
}

/* POST /v1/admin/accounts {"email","password","region"?} */
static enum status create(struct request *request, struct reply *reply,
                          struct error *err)
{
    return audit_call(request, reply, create_audited, err);
}

static enum status read_until(const json_t *body, int64_t *until_ms,
                              struct error *err)
{
    const char *text = NULL;
    enum status status = request_json_text(body, "until", &text, err);
    if (status == STATUS_OK && !time_parse(text, until_ms)) {
        status = error_set(err, STATUS_INVALID, "bad_field",
                           "until has to be a date (2027-01-31, its end) or a "
                           "time as RFC 3339 writes it (2027-01-31T12:00:00Z)");
    }
    return status;
}

static enum status grant_audited(struct request *request, struct reply *reply,
                                 struct audit *audit, struct error *err)
{
    json_t *body = NULL;
    int64_t until_ms = 0;
    struct account account;
    enum status status = request_json(request, &body, err);
    if (status == STATUS_OK) {
        status = read_until(body, &until_ms, err);
    }
    if (status == STATUS_OK) {
        status = find_account(request, body, audit, err);
    }
    if (status == STATUS_OK) {
        status = account_grant(request->redis, audit->target, until_ms, err);
    }
    if (status == STATUS_OK) {
        status = account_read(request->redis, audit->target, &account, err);
    }
    if (status == STATUS_OK) {
        json_t *subscription = membership_json(
            &account, &request->service->config, request->now_ms);
        reply_json(reply, 200,
                   json_pack("{s:s, s:o}", "account_id", account.id,
                             "subscription", subscription));
    }
    json_decref(body);
    return status;
}

/* POST /v1/admin/accounts/grant {"email","until"} */
static enum status grant(struct request *request, struct reply *reply,
                         struct error *err)
{
    return audit_call(request, reply, grant_audited, err);
}

static enum status log_audited(struct request *request, struct reply *reply,
                               struct audit *audit, struct error *err)
{
    uint64_t limit = 0;
    json_t *entries = NULL;
    (void)audit;
    enum status status = request_number(request, "limit", 1, AUDIT_MAX,
                                        AUDIT_DEFAULT, &limit, err);
    if (status == STATUS_OK) {
        status = audit_list(request->redis, (uint32_t)limit, &entries, err);
    }
    if (status == STATUS_OK) {
        reply_json(reply, 200, json_pack("{s:o}", "entries", entries));
    }
    return status;
}

/* GET /v1/admin/audit?limit= */
static enum status log_list(struct request *request, struct reply *reply,
                            struct error *err)
{
    return audit_call(request, reply, log_audited, err);
}

const struct route routes_admin[] = {
    {"POST", "/v1/admin/accounts", ROLE_OPERATOR, BODY_TEXT, SPEED_SLOW,
     create},
    {"POST", "/v1/admin/accounts/grant", ROLE_OPERATOR, BODY_TEXT, SPEED_LOOP,
     grant},
    {"GET", "/v1/admin/audit", ROLE_OPERATOR, BODY_NONE, SPEED_LOOP, log_list},
    {0},
};
