/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_CONNECTION_H
#define REFRAIN_CATALOG_REDIS_CONNECTION_H

#include "catalog/redis/address.h"
#include "catalog/redis/redis.h"

/** The inside of struct redis, for the files of this folder: redis.c talks
 *  through hiredis, script.c and listen.c stand on it. */

enum {
    /* More scripts than Refrain has; a handle remembers their digests. */
    REDIS_SCRIPTS_MAX = 64,
    REDIS_DIGEST_SIZE = 41, /* SHA-1 in hex */
    REDIS_CHANNEL_SIZE = 64,
    REDIS_NAME_SIZE = REDIS_HOST_SIZE + 32,
};

struct known_script {
    const struct redis_script *script;
    char digest[REDIS_DIGEST_SIZE];
};

struct redis {
    char name[REDIS_NAME_SIZE]; /* the address, for messages */
    struct redis_address address;
    struct redisContext *context;     /* hiredis'; NULL: not connected */
    size_t pending;                   /* replies to come */
    uint32_t timeout_ms;              /* as set on the context */
    char channel[REDIS_CHANNEL_SIZE]; /* subscribed to; "" none */
    struct known_script scripts[REDIS_SCRIPTS_MAX];
    size_t script_count;
};

/** As redis_receive(); but an error reply that starts with `expected` is no
 *  failure: *met is true then, and there is no reply. */
MUST_USE enum status redis_receive_unless(struct redis *redis,
                                          struct redis_reply **reply,
                                          const char *expected, bool *met,
                                          struct error *err);

/** What a connected server says unasked: the next such reply that was read
 *  already, or begins to arrive within wait_ms (>= 0); else *reply is NULL. */
MUST_USE enum status redis_overhear(struct redis *redis, int wait_ms,
                                    struct redis_reply **reply,
                                    struct error *err);

/** Element `index` of a LIST, the caller's; frees the rest of it. */
struct redis_reply *redis_reply_take(struct redis_reply *list, size_t index);

#endif
