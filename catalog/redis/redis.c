/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/cluster.h"
#include "catalog/redis/command.h"
#include "catalog/redis/connection.h"
#include "catalog/redis/refusal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- error replies ---- */

/* What assert() does, with what the server said. */
static _Noreturn void bug(const char *reply)
{
    (void)fprintf(stderr, "refrain: Redis refuses a command of ours: %s\n",
                  reply);
    abort();
}

static enum status refused(const struct redis *redis, const char *reply,
                           struct error *err)
{
    const struct redis_refusal *refusal = redis_refusal_find(reply);
    if (refusal == NULL) {
        bug(reply);
    }
    return error_set(err, refusal->status, refusal->code,
                     "Redis at %s answers \"%.160s\": %s", redis->name, reply,
                     refusal->advice);
}

/* ---- life, and what is at the address ---- */

enum status redis_open(struct redis **out, const char *address,
                       struct error *err)
{
    struct redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for a connection to Redis");
    }
    enum status status = redis_seeds_parse(&redis->seeds, address, err);
    if (status != STATUS_OK) {
        free(redis);
        return status;
    }
    (void)snprintf(redis->name, sizeof redis->name, "%s", address);
    node_init(&redis->node, &redis->seeds.at[0]);
    *out = redis;
    return STATUS_OK;
}

void redis_close(struct redis *redis)
{
    if (redis != NULL) {
        cluster_close(redis->cluster);
        node_disconnect(&redis->node);
        free(redis);
    }
}

/* One command of the connection's own, before the caller's. */
static enum status ask(struct redis *redis, const struct redis_arg *args,
                       size_t arg_count, struct redis_reply **reply,
                       struct error *err)
{
    enum status status =
        node_send(&redis->node, args, arg_count, REDIS_ANSWER_MS, err);
    if (status == STATUS_OK) {
        status = node_receive(&redis->node, reply, err);
    }
    const char *refusal =
        status == STATUS_OK ? redis_reply_error(*reply) : NULL;
    if (refusal != NULL) {
        status = refused(redis, refusal, err);
        redis_reply_free(*reply);
        *reply = NULL;
    }
    return status;
}

static enum status ask_mode(struct redis *redis, bool *is_cluster,
                            struct error *err)
{
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("INFO"), redis_text("cluster")};
    enum status status = ask(redis, args, 2, &reply, err);
    size_t length = 0;
    const char *text = redis_reply_bytes(reply, &length);
    *is_cluster = text != NULL && strstr(text, "cluster_enabled:1") != NULL;
    redis_reply_free(reply);
    return status;
}

static enum status select_database(struct redis *redis, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number number;
    const struct redis_arg args[] = {
        redis_text("SELECT"),
        redis_integer(&number, redis->seeds.at[0].database)};
    enum status status = ask(redis, args, 2, &reply, err);
    redis_reply_free(reply);
    return status;
}

static enum status settle_single(struct redis *redis, struct error *err)
{
    enum status status = STATUS_OK;
    if (redis->seeds.count > 1) {
        status = error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                           "%s names several nodes of a Redis Cluster, but %s "
                           "is a single server: give its address alone",
                           redis->name, redis->node.name);
    } else if (redis->seeds.at[0].database != 0) {
        status = select_database(redis, err);
    }
    if (status != STATUS_OK) {
        node_disconnect(&redis->node);
    }
    return status;
}

static enum status settle_cluster(struct redis *redis, struct error *err)
{
    if (redis->seeds.at[0].database != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                         "Redis at %s belongs to a cluster, which has no "
                         "database but 0: leave \"/%u\" away",
                         redis->name, (unsigned)redis->seeds.at[0].database);
    }
    return cluster_open(&redis->cluster, &redis->seeds, &redis->node, err);
}

/* Connects to the first address that answers, and finds out whether it belongs
 * to a cluster. */
static enum status meet(struct redis *redis, struct error *err)
{
    enum status status = STATUS_UNAVAILABLE;
    for (size_t i = 0; i < redis->seeds.count && status != STATUS_OK; i++) {
        bool is_cluster = false;
        node_init(&redis->node, &redis->seeds.at[i]);
        status = node_connect(&redis->node, err);
        if (status == STATUS_OK) {
            status = ask_mode(redis, &is_cluster, err);
        }
        if (status == STATUS_OK && !is_cluster) {
            return settle_single(redis, err);
        }
        if (status == STATUS_OK) {
            status = settle_cluster(redis, err);
        }
        if (status != STATUS_OK) {
            node_disconnect(&redis->node);
        }
    }
    return status;
}

/* ---- commands ---- */

size_t redis_pending(const struct redis *redis)
{
    return redis->cluster != NULL ? cluster_pending(redis->cluster)
                                  : redis->node.pending;
}

struct redis_node *redis_heard(struct redis *redis)
{
    return redis->cluster != NULL ? cluster_heard(redis->cluster)
                                  : &redis->node;
}

void redis_cancel(struct redis *redis)
{
    if (redis->cluster != NULL) {
        cluster_cancel(redis->cluster);
    } else if (redis->node.pending > 0) {
        node_disconnect(&redis->node);
    }
}

enum status redis_send(struct redis *redis, const struct redis_arg *args,
                       size_t arg_count, struct error *err)
{
    if (redis->cluster == NULL && !node_ready(&redis->node)) {
        enum status status = meet(redis, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (redis->cluster != NULL) {
        return cluster_send(redis->cluster, args, arg_count, err);
    }
    return node_send(&redis->node, args, arg_count,
                     REDIS_ANSWER_MS + redis_command_blocks_ms(args, arg_count),
                     err);
}

enum status redis_receive_unless(struct redis *redis,
                                 struct redis_reply **reply,
                                 const char *expected, bool *met,
                                 struct error *err)
{
    struct redis_reply *got = NULL;
    if (reply != NULL) {
        *reply = NULL;
    }
    enum status status = redis->cluster != NULL
                             ? cluster_receive(redis->cluster, &got, err)
                             : node_receive(&redis->node, &got, err);
    if (status != STATUS_OK) {
        return status;
    }
    const char *error = redis_reply_error(got);
    *met = expected != NULL && error != NULL &&
           strncmp(error, expected, strlen(expected)) == 0;
    if (error != NULL && !*met) {
        status = refused(redis, error, err);
        /* the rest of a pipeline is of no use to anybody */
        redis_cancel(redis);
    }
    if (error == NULL && reply != NULL) {
        *reply = got;
    } else {
        redis_reply_free(got);
    }
    return status;
}

enum status redis_receive(struct redis *redis, struct redis_reply **reply,
                          struct error *err)
{
    bool met = false;
    return redis_receive_unless(redis, reply, NULL, &met, err);
}

enum status redis_call(struct redis *redis, struct redis_reply **reply,
                       const struct redis_arg *args, size_t arg_count,
                       struct error *err)
{
    assert(redis_pending(redis) == 0);
    if (reply != NULL) {
        *reply = NULL;
    }
    enum status status = redis_send(redis, args, arg_count, err);
    return status == STATUS_OK ? redis_receive(redis, reply, err) : status;
}
