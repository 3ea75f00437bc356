/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/routes.h"
#include "catalog/library/accounts.h"

#include <string.h>

/* Of the form's fields, with the NUL. */
enum {
    GRANT_SIZE = 64,
    PASSWORD_SIZE = PASSWORD_MAX + 1,
    /* More than a name may have: device_sign_in() refuses a longer one. */
    NAME_SIZE = 8 * DEVICE_NAME_SIZE,
};
static const char default_device_name[] = "Unnamed device";

static enum status missing(const char *field, struct error *err)
{
    return error_set(err, STATUS_INVALID, "invalid_request",
                     "the form lacks the field %s, or it is too long: send it "
                     "as application/x-www-form-urlencoded",
                     field);
}

static enum status by_password(struct request *request,
                               struct device_tokens *out, struct error *err)
{
    char email[EMAIL_SIZE];
    char password[PASSWORD_SIZE];
    char device_name[NAME_SIZE];
    char account_id[ID_SIZE];
    if (!request_form(request, "username", email, sizeof email)) {
        return missing("username", err);
    }
    if (!request_form(request, "password", password, sizeof password)) {
        return missing("password", err);
    }
    if (!request_form(request, "device_name", device_name,
                      sizeof device_name)) {
        memcpy(device_name, default_device_name, sizeof default_device_name);
    }
    enum status status =
        account_authenticate(request->redis, email, password, account_id, err);
    crypto_wipe(password, sizeof password);
    if (status != STATUS_OK) {
        return status;
    }
    return device_sign_in(request->redis, account_id, device_name,
                          request->now_ms, out, err);
}

static enum status by_refresh_token(struct request *request,
                                    struct device_tokens *out,
                                    struct error *err)
{
    char token[TOKEN_SIZE];
    if (!request_form(request, "refresh_token", token, sizeof token)) {
        return missing("refresh_token", err);
    }
    enum status status =
        device_refresh(request->redis, token, request->now_ms, out, err);
    crypto_wipe(token, sizeof token);
    return status;
}

static enum status grant(struct request *request, struct device_tokens *out,
                         struct error *err)
{
    char type[GRANT_SIZE];
    if (!request_form(request, "grant_type", type, sizeof type)) {
        return missing("grant_type", err);
    }
    if (strcmp(type, "password") == 0) {
        return by_password(request, out, err);
    }
    if (strcmp(type, "refresh_token") == 0) {
        return by_refresh_token(request, out, err);
    }
    return error_set(err, STATUS_INVALID, "unsupported_grant_type",
                     "this grant_type is not offered: use password or "
                     "refresh_token");
}

/* POST /v1/oauth/token: RFC 6749 §4.3, §5, §6. Its errors are problems with
 * that RFC's members beside ours. */
static enum status token(struct request *request, struct reply *reply,
                         struct error *err)
{
    struct device_tokens tokens = {0};
    enum status status = grant(request, &tokens, err);
    if (status == STATUS_OK) {
        reply_json(reply, 200,
                   json_pack("{s:s, s:s, s:i, s:s, s:s}", "access_token",
                             tokens.access, "token_type", "Bearer",
                             "expires_in", (int)ACCESS_TOKEN_S, "refresh_token",
                             tokens.refresh, "device_id", tokens.device_id));
    } else if (status == STATUS_UNAVAILABLE || status == STATUS_NO_MEMORY) {
        return status;
    } else {
        json_t *more = json_pack("{s:s, s:s}", "error", err->code,
                                 "error_description", err->text);
        reply_problem(reply, status, err, request->id, more);
        json_decref(more);
    }
    /* §5.1: tokens are never kept by a cache. */
    reply_header(reply, "Cache-Control", "no-store");
    reply_header(reply, "Pragma", "no-cache");
    crypto_wipe(&tokens, sizeof tokens);
    return STATUS_OK;
}

const struct route routes_token[] = {
    {"POST", "/v1/oauth/token", ROLE_ANYONE, BODY_TEXT, SPEED_SLOW, token},
    {0},
};
