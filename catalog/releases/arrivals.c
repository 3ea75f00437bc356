/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/arrivals.h"

#include "catalog/redis/keys.h"

/* Listed in one answer: about 100 KB. Who was away for more meets the whole
 * index, which costs as much as a new upload does. */
enum { LISTED_MAX = 10000 };

enum status arrivals_add(struct redis *redis, uint32_t number,
                         struct error *err)
{
    struct redis_number digits;
    struct key key = key_arrivals();
    const struct redis_arg args[] = {redis_text("RPUSH"), redis_text(key.text),
                                     redis_integer(&digits, number)};
    return redis_call(redis, NULL, args, 3, err);
}

enum status arrivals_count(struct redis *redis, uint64_t *out,
                           struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_arrivals();
    const struct redis_arg args[] = {redis_text("LLEN"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    if (status == STATUS_OK) {
        *out = (uint64_t)redis_reply_integer(reply, 0);
    }
    redis_reply_free(reply);
    return status;
}

static uint32_t lowest_of(const struct redis_reply *reply)
{
    int64_t lowest = (int64_t)UINT32_MAX + 1;
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        int64_t number = redis_reply_integer(redis_reply_at(reply, i), 1);
        lowest = number < lowest ? number : lowest;
    }
    return lowest < 1 ? 0 : (uint32_t)(lowest - 1);
}

enum status arrivals_newer_than(struct redis *redis, uint64_t since,
                                uint32_t *newer_than, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number first;
    struct redis_number last;
    struct key key = key_arrivals();
    const struct redis_arg args[] = {
        redis_text("LRANGE"), redis_text(key.text),
        redis_integer(&first, (int64_t)since),
        redis_integer(&last, (int64_t)since + LISTED_MAX)};
    enum status status = redis_call(redis, &reply, args, 4, err);
    if (status == STATUS_OK) {
        *newer_than =
            redis_reply_count(reply) > LISTED_MAX ? 0 : lowest_of(reply);
    }
    redis_reply_free(reply);
    return status;
}
