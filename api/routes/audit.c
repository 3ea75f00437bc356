/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/audit.h"

#include "api/problem.h"
#include "api/routes/track_json.h"
#include "catalog/redis/keys.h"

#include <stdio.h>
#include <string.h>

static enum status record(const struct request *request,
                          const struct audit *audit, unsigned http_status,
                          const char *code, struct error *err)
{
    struct key key = key_audit();
    struct redis_number length;
    struct redis_number at_ms;
    struct redis_number outcome;
    char what[128];
    (void)snprintf(what, sizeof what, "%s %s", request->route->method,
                   request->route->path);
    const struct redis_arg args[] = {
        redis_text("XADD"),
        redis_text(key.text),
        redis_text("MAXLEN"),
        redis_text("~"),
        redis_integer(&length, AUDIT_LENGTH),
        redis_text("*"),
        redis_text("at_ms"),
        redis_integer(&at_ms, request->now_ms),
        redis_text("request"),
        redis_text(request->id),
        redis_text("call"),
        redis_text(what),
        redis_text("target"),
        redis_text(audit->target),
        redis_text("status"),
        redis_integer(&outcome, http_status),
        redis_text("code"),
        redis_text(code),
    };
    return redis_call(request->redis, NULL, args, sizeof args / sizeof args[0],
                      err);
}

enum status audit_call(struct request *request, struct reply *reply,
                       audit_handler handler, struct error *err)
{
    struct audit audit = {0};
    struct error unwritten = {0};
    enum status status = handler(request, reply, &audit, err);
    bool done = status == STATUS_OK;
    enum status written = record(
        request, &audit,
        done ? reply->http_status : problem_of(status, err->code).http_status,
        done ? "ok" : err->code, &unwritten);
    if (written == STATUS_OK) {
        return status;
    }
    reply_clear(reply);
    *err = unwritten;
    error_context(err, "audit record");
    return written;
}

static json_t *field_json(const struct redis_reply *fields, const char *name)
{
    const char *text =
        redis_reply_bytes(redis_reply_field(fields, name), &(size_t){0});
    return text_json(text == NULL ? "" : text);
}

/* An entry of the stream: id, then its fields as a flat list. */
static json_t *entry_json(const struct redis_reply *entry)
{
    if (redis_reply_count(entry) != 2) {
        return NULL;
    }
    const struct redis_reply *fields = redis_reply_at(entry, 1);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:o}", "at",
        time_json(redis_reply_integer(redis_reply_field(fields, "at_ms"), 0)),
        "request_id", field_json(fields, "request"), "call",
        field_json(fields, "call"), "target", field_json(fields, "target"),
        "status",
        (json_int_t)redis_reply_integer(redis_reply_field(fields, "status"), 0),
        "code", field_json(fields, "code"));
}

enum status audit_list(struct redis *redis, uint32_t limit, json_t **out,
                       struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number most;
    struct key key = key_audit();
    const struct redis_arg args[] = {
        redis_text("XREVRANGE"), redis_text(key.text),
        redis_text("+"),         redis_text("-"),
        redis_text("COUNT"),     redis_integer(&most, limit)};
    enum status status =
        redis_call(redis, &reply, args, sizeof args / sizeof args[0], err);
    *out = NULL;
    if (status != STATUS_OK) {
        return status;
    }
    *out = json_array();
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        list_json_add(out, entry_json(redis_reply_at(reply, i)));
    }
    redis_reply_free(reply);
    return STATUS_OK;
}
