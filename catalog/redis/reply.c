/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/redis.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

const struct redis_reply *redis_reply_field(const struct redis_reply *reply,
                                            const char *name)
{
    size_t name_length = strlen(name);
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        size_t length = 0;
        const char *field =
            redis_reply_bytes(redis_reply_at(reply, i), &length);
        if (length == name_length && memcmp(field, name, length) == 0) {
            return redis_reply_at(reply, i + 1);
        }
    }
    return NULL;
}

bool redis_reply_copy(char *out, size_t size, const struct redis_reply *reply)
{
    assert(size > 0);
    size_t length = 0;
    const char *bytes = redis_reply_bytes(reply, &length);
    size_t kept = length < size ? length : size - 1;
    if (kept > 0) {
        memcpy(out, bytes, kept);
    }
    out[kept] = '\0';
    return kept == length;
}

struct redis_arg redis_integer(struct redis_number *number, int64_t value)
{
    (void)snprintf(number->text, sizeof number->text, "%" PRId64, value);
    return redis_text(number->text);
}
