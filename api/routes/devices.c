/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/routes.h"
#include "api/routes/track_json.h"

#include <stdlib.h>
#include <string.h>

/* GET /v1/devices */
static enum status list(struct request *request, struct reply *reply,
                        struct error *err)
{
    struct device *devices = NULL;
    size_t count = 0;
    const struct principal *who = &request->principal;
    enum status status =
        device_list(request->redis, who->account_id, &devices, &count, err);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct device *device = &devices[i];
        bool is_this = strcmp(device->id, who->device_id) == 0;
        list_json_add(&array,
                      json_pack("{s:s, s:o, s:o, s:o, s:b}", "id", device->id,
                                "name", text_json(device->name), "created_at",
                                time_json(device->created_ms), "last_seen_at",
                                time_json(device->last_seen_ms), "this",
                                (int)is_this));
    }
    free(devices);
    reply_json(reply, 200, json_pack("{s:o}", "devices", array));
    return STATUS_OK;
}

/* DELETE /v1/devices/{id} */
static enum status sign_out(struct request *request, struct reply *reply,
                            struct error *err)
{
    enum status status =
        device_remove(request->redis, request->principal.account_id,
                      request->parameters[0], err);
    if (status == STATUS_OK) {
        reply_empty(reply, 204);
    }
    return status;
}

const struct route routes_devices[] = {
    {"GET", "/v1/devices", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, list},
    {"DELETE", "/v1/devices/{id}", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     sign_out},
    {0},
};
