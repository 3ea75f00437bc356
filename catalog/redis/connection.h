/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_CONNECTION_H
#define REFRAIN_CATALOG_REDIS_CONNECTION_H

#include "catalog/redis/address.h"
#include "catalog/redis/node.h"
#include "catalog/redis/redis.h"

/** The inside of struct redis, for the files of this folder: redis.c is the
 *  front; node.c one connection and cluster.c many; script.c and listen.c
 *  stand on redis.c. */

enum {
    /* More scripts than Refrain has; a handle remembers their digests. */
    REDIS_SCRIPTS_MAX = 64,
    REDIS_DIGEST_SIZE = 41, /* SHA-1 in hex */
    REDIS_CHANNEL_SIZE = 64,
};

struct known_script {
    const struct redis_script *script;
    char digest[REDIS_DIGEST_SIZE];
};

struct redis {
    char name[REDIS_NAME_SIZE]; /* as given, for messages */
    struct redis_seeds seeds;
    struct redis_node node;           /* the single server */
    struct cluster *cluster;          /* owned; NULL: a single server, or not
                                         known yet */
    struct redis_node *ear;           /* where channel is heard; borrowed */
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

/** Replies to come. */
size_t redis_pending(const struct redis *redis);
/** The connection that the last reply came over; borrowed. */
struct redis_node *redis_heard(struct redis *redis);

/** An error reply's text, or that of the first one inside a list, borrowed;
 *  else NULL. */
const char *redis_reply_error(const struct redis_reply *reply);
/** Element `index` of a LIST, the caller's; frees the rest of it. */
struct redis_reply *redis_reply_take(struct redis_reply *list, size_t index);

#endif
