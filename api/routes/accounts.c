/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/membership.h"
#include "api/routes/new_account.h"
#include "api/routes/routes.h"

/* POST /v1/accounts {"email","password"} */
static enum status sign_up(struct request *request, struct reply *reply,
                           struct error *err)
{
    char account_id[ID_SIZE];
    if (!request->service->config.signup_open) {
        return error_set(err, STATUS_DENIED, "signup_closed",
                         "this service takes no sign-ups: ask its operator for "
                         "an account");
    }
    enum status status = new_account_make(request, NULL, account_id, err);
    if (status == STATUS_OK) {
        reply_json(reply, 201, json_pack("{s:s}", "account_id", account_id));
    }
    return status;
}

/* GET /v1/me */
static enum status me(struct request *request, struct reply *reply,
                      struct error *err)
{
    struct account account;
    enum status status = account_read(
        request->redis, request->principal.account_id, &account, err);
    if (status != STATUS_OK) {
        return status;
    }
    /* The number of tracks has no limit: null. */
    json_t *quota = json_pack("{s:I, s:I, s:I, s:n}", "used_bytes",
                              (json_int_t)account.used_bytes, "limit_bytes",
                              (json_int_t)account.limit_bytes, "tracks",
                              (json_int_t)account.track_count, "track_limit");
    json_t *subscription =
        membership_json(&account, &request->service->config, request->now_ms);
    reply_json(reply, 200,
               json_pack("{s:s, s:s, s:s, s:o, s:o}", "account_id", account.id,
                         "email", account.email, "region", account.region,
                         "subscription", subscription, "quota", quota));
    return STATUS_OK;
}

const struct route routes_accounts[] = {
    {"POST", "/v1/accounts", ROLE_ANYONE, BODY_TEXT, SPEED_SLOW, sign_up},
    {"GET", "/v1/me", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, me},
    {0},
};
