/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/connection.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

static enum status subscribe(struct redis *redis, const char *channel,
                             struct error *err)
{
    assert(redis->ear == NULL || strcmp(redis->channel, channel) == 0);
    if (redis->ear != NULL && redis->ear->context != NULL) {
        return STATUS_OK;
    }
    redis->ear = NULL;
    assert(strlen(channel) < sizeof redis->channel);
    const struct redis_arg args[] = {redis_text("SUBSCRIBE"),
                                     redis_text(channel)};
    enum status status = redis_call(redis, NULL, args, 2, err);
    if (status == STATUS_OK) {
        (void)snprintf(redis->channel, sizeof redis->channel, "%s", channel);
        redis->ear = redis_heard(redis);
    }
    return status;
}

/* Takes the payload out of ["message", channel, payload]; NULL for anything
 * else that a subscribed connection is told. */
static struct redis_reply *message_payload(struct redis_reply *told)
{
    if (redis_reply_count(told) == 3) {
        size_t length = 0;
        const char *kind = redis_reply_bytes(redis_reply_at(told, 0), &length);
        if (kind != NULL && strcmp(kind, "message") == 0) {
            return redis_reply_take(told, 2);
        }
    }
    redis_reply_free(told);
    return NULL;
}

enum status redis_listen(struct redis *redis, const char *channel,
                         uint32_t timeout_ms, struct redis_reply **message,
                         struct error *err)
{
    assert(timeout_ms <= INT_MAX);
    *message = NULL;
    int64_t deadline_ms = node_clock_ms() + timeout_ms;
    enum status status = subscribe(redis, channel, err);
    int64_t left_ms = deadline_ms - node_clock_ms();
    while (status == STATUS_OK) {
        struct redis_reply *told = NULL;
        status = node_overhear(redis->ear, left_ms < 0 ? 0 : (int)left_ms,
                               &told, err);
        *message = message_payload(told);
        left_ms = deadline_ms - node_clock_ms();
        if (*message != NULL || left_ms <= 0) {
            break;
        }
    }
    return status;
}
