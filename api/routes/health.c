/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/metrics.h"
#include "api/openapi.h"
#include "api/routes/routes.h"
#include "matcher/buffer.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/* Below this there is no use in sending songs: four minutes of MP3 at 256
 * kbit/s are 7.3 MiB. */
enum { FREE_BYTES_MIN = 8 * 1024 * 1024 };

/* GET /healthz: the process answers. */
static enum status health(struct request *request, struct reply *reply,
                          struct error *err)
{
    (void)request;
    (void)err;
    static const char text[] = "{\"status\":\"alive\"}";
    reply_text(reply, 200, "application/json", text, sizeof text - 1);
    return STATUS_OK;
}

static enum status check_redis(const struct request *request, struct error *err)
{
    const struct redis_arg ping[] = {redis_text("PING")};
    return redis_call(request->redis, NULL, ping, 1, err);
}

static enum status check_vault(const struct request *request, struct error *err)
{
    return vault_probe(request->service->vault, err);
}

static enum status check_disk(const struct request *request, struct error *err)
{
    struct statvfs disk;
    if (statvfs(request->service->spool_folder, &disk) != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "disk_unreadable",
                         "the data folder cannot be looked at: see to its "
                         "disk");
    }
    if ((uint64_t)disk.f_bavail * disk.f_frsize < FREE_BYTES_MIN) {
        return error_set(err, STATUS_UNAVAILABLE, "disk_full",
                         "less than 8 MiB are free in the data folder: free "
                         "some");
    }
    return STATUS_OK;
}

/* GET /readyz: 200 when a song could be taken, else 503 with what is wrong. In
 * codes alone: anyone may ask. */
static enum status ready(struct request *request, struct reply *reply,
                         struct error *err)
{
    static const struct {
        const char *name;
        enum status (*check)(const struct request *request, struct error *err);
    } checks[] = {
        {"redis", check_redis}, {"vault", check_vault}, {"disk", check_disk}};
    bool all = true;
    json_t *results = json_object();
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        bool ok = checks[i].check(request, err) == STATUS_OK;
        all = all && ok;
        (void)json_object_set_new(results, checks[i].name,
                                  json_string(ok ? "ok" : err->code));
    }
    reply_json(reply, all ? 200 : 503,
               json_pack("{s:s, s:o}", "status", all ? "ready" : "unready",
                         "checks", results));
    return STATUS_OK;
}

/* GET /metrics: Prometheus text format 0.0.4. */
static enum status metrics(struct request *request, struct reply *reply,
                           struct error *err)
{
    struct buffer text = {0};
    enum status status = metrics_print(request->service->metrics, &text, err);
    if (status == STATUS_OK) {
        reply_text(reply, 200, "text/plain; version=0.0.4; charset=utf-8",
                   buffer_text(&text), text.length);
    }
    buffer_clear(&text);
    return status;
}

/* GET /openapi.json: this API, as it was built in. */
static enum status openapi(struct request *request, struct reply *reply,
                           struct error *err)
{
    (void)request;
    (void)err;
    reply_text(reply, 200, "application/json", (const char *)openapi_json,
               openapi_json_length);
    return STATUS_OK;
}

const struct route routes_health[] = {
    {"GET", "/healthz", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, health},
    {"GET", "/readyz", ROLE_ANYONE, BODY_NONE, SPEED_SLOW, ready},
    {"GET", "/metrics", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, metrics},
    {"GET", "/openapi.json", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, openapi},
    {0},
};
