/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/connection.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ours is hiredis' under another name ---- */

static const redisReply *raw_of(const struct redis_reply *reply)
{
    return (const redisReply *)reply;
}

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    if (reply == NULL) {
        return REDIS_NIL;
    }
    switch (raw_of(reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_INTEGER;
    case REDIS_REPLY_ARRAY:
        return REDIS_LIST;
    default:
        return REDIS_NIL;
    }
}

const char *redis_reply_bytes(const struct redis_reply *reply, size_t *length)
{
    bool is_text = redis_reply_type(reply) == REDIS_TEXT;
    *length = is_text ? raw_of(reply)->len : 0;
    return is_text ? raw_of(reply)->str : NULL;
}

int64_t redis_reply_integer(const struct redis_reply *reply, int64_t otherwise)
{
    if (redis_reply_type(reply) == REDIS_INTEGER) {
        return raw_of(reply)->integer;
    }
    if (redis_reply_type(reply) != REDIS_TEXT || raw_of(reply)->len == 0) {
        return otherwise;
    }
    const char *text = raw_of(reply)->str;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool whole = end == text + raw_of(reply)->len;
    /* strtoll would also take leading blanks and a plus */
    bool plain = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    return errno == 0 && whole && plain ? value : otherwise;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return redis_reply_type(reply) == REDIS_LIST ? raw_of(reply)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply,
                                         size_t index)
{
    assert(index < redis_reply_count(reply));
    return (const struct redis_reply *)raw_of(reply)->element[index];
}

struct redis_reply *redis_reply_take(struct redis_reply *list, size_t index)
{
    assert(index < redis_reply_count(list));
    redisReply *raw = (redisReply *)list;
    redisReply *taken = raw->element[index];
    raw->element[index] = NULL;
    freeReplyObject(raw);
    return (struct redis_reply *)taken;
}

void redis_reply_free(struct redis_reply *reply)
{
    freeReplyObject(reply); /* NULL is fine */
}

static const char *error_of(const redisReply *raw)
{
    return raw->type == REDIS_REPLY_ERROR ? raw->str : NULL;
}

const char *redis_reply_error(const struct redis_reply *reply)
{
    const redisReply *raw = raw_of(reply);
    const char *error = error_of(raw);
    if (raw->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < raw->elements && error == NULL; i++) {
            error = error_of(raw->element[i]);
        }
    }
    return error;
}

/* ---- on top of it ---- */

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
