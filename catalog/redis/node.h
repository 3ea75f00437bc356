/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_NODE_H
#define REFRAIN_CATALOG_REDIS_NODE_H

#include "catalog/redis/address.h"
#include "catalog/redis/redis.h"

/** One connection to one redis-server, through hiredis. Replies come as they
 *  are, errors among them; what they mean is the caller's affair. After any
 *  failure the connection is given up, and with it the replies to come. */

enum { REDIS_ANSWER_MS = 10000 };

/** address and name are set by node_init(); a zeroed one is not connected. */
struct redis_node {
    struct redis_address address;
    char name[REDIS_NAME_SIZE];   /* the address, for messages */
    struct redisContext *context; /* hiredis'; NULL: not connected */
    size_t pending;               /* replies to come */
    uint32_t timeout_ms;          /* as set on the context */
    bool is_unwritten;            /* commands wait here to be flushed */
};

void node_init(struct redis_node *node, const struct redis_address *address);
/** Fine on one that is not connected. */
void node_disconnect(struct redis_node *node);

/** Is it connected? A connection that the server closed while nothing was
 *  asked is given up: then nothing can be lost by taking a new one. */
bool node_ready(struct redis_node *node);
/** STATUS_UNAVAILABLE "redis_unavailable". */
MUST_USE enum status node_connect(struct redis_node *node, struct error *err);

/** Takes a command into what is to be written. The answer to this and to all
 *  that is on its way may take allowed_ms from when it is asked for. */
MUST_USE enum status node_send(struct redis_node *node,
                               const struct redis_arg *args, size_t arg_count,
                               uint32_t allowed_ms, struct error *err);
/** The same for one of node_format(). */
MUST_USE enum status node_send_bytes(struct redis_node *node, const char *bytes,
                                     size_t length, uint32_t allowed_ms,
                                     struct error *err);
/** A command as it goes over the wire; free it with node_format_free(). */
MUST_USE enum status node_format(char **bytes, size_t *length,
                                 const struct redis_arg *args, size_t arg_count,
                                 struct error *err);
void node_format_free(char *bytes);

MUST_USE enum status node_flush(struct redis_node *node, struct error *err);
/** Flushes and waits. STATUS_UNAVAILABLE: what was asked may or may not have
 *  been done. */
MUST_USE enum status node_receive(struct redis_node *node,
                                  struct redis_reply **reply,
                                  struct error *err);
/** What the server says unasked: the next such reply that was read already, or
 *  begins to arrive within wait_ms (>= 0); else *reply is NULL. */
MUST_USE enum status node_overhear(struct redis_node *node, int wait_ms,
                                   struct redis_reply **reply,
                                   struct error *err);

/** CLOCK_MONOTONIC, ms. */
int64_t node_clock_ms(void);

#endif
