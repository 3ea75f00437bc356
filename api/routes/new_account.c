/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/new_account.h"

#include "catalog/library/accounts.h"

/* The region whose secret a keyring makes at its first start. */
static const char default_region[] = "default";

enum status new_account_make(const struct request *request, const char *region,
                             char out_id[ID_SIZE], struct error *err)
{
    const struct config *config = &request->service->config;
    struct account_new wanted = {
        .region = region == NULL ? default_region : region,
        .trial_days = config->trial_days,
        .limit_bytes = config->quota_bytes,
    };
    json_t *body = NULL;
    enum status status = request_json(request, &body, err);
    if (status == STATUS_OK) {
        status = request_json_text(body, "email", &wanted.email, err);
    }
    if (status == STATUS_OK) {
        status = request_json_text(body, "password", &wanted.password, err);
    }
    if (status == STATUS_OK) {
        status = account_create(request->redis, request->service->keyring,
                                &wanted, out_id, err);
    }
    json_decref(body);
    return status;
}
