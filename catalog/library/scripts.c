/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/scripts.h"

bool script_refused(const struct redis_reply *reply, const char *code)
{
    if (redis_reply_type(reply) != REDIS_LIST ||
        redis_reply_count(reply) != 2) {
        return false;
    }
    size_t length = 0;
    const char *word = redis_reply_bytes(redis_reply_at(reply, 0), &length);
    const char *why = redis_reply_bytes(redis_reply_at(reply, 1), &length);
    return word != NULL && why != NULL && strcmp(word, "refused") == 0 &&
           strcmp(why, code) == 0;
}
