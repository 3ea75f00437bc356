/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/node.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

enum { CONNECT_TIMEOUT_MS = 2000 };

int64_t node_clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void node_init(struct redis_node *node, const struct redis_address *address)
{
    *node = (struct redis_node){.address = *address};
    redis_address_name(node->name, address);
}

void node_disconnect(struct redis_node *node)
{
    redisFree(node->context); /* NULL is fine */
    node->context = NULL;
    node->pending = 0;
    node->is_unwritten = false;
}

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory for a command to Redis or its reply: give the "
                    "service more");
    return STATUS_NO_MEMORY;
}

/* After hiredis failed: says why, and gives the connection up. */
static enum status lost(struct redis_node *node, struct error *err)
{
    const redisContext *context = node->context;
    if (context->err == REDIS_ERR_OOM) {
        node_disconnect(node);
        return no_memory(err);
    }
    /* errno counts for this kind of error alone (hiredis' README) */
    bool late = context->err == REDIS_ERR_IO && errno == EAGAIN;
    (void)error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                    "Redis at %s: %s; what was asked may or may not have been "
                    "done: see that it runs, then try again",
                    node->name, late ? "no answer in time" : context->errstr);
    node_disconnect(node);
    return STATUS_UNAVAILABLE;
}

/* Did the server close the connection, or talk out of turn (a restart, too
 * many clients), while nothing was asked? */
static bool is_stale(const struct redis_node *node)
{
    char byte = 0;
    ssize_t got = recv(node->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || errno != EAGAIN;
}

bool node_ready(struct redis_node *node)
{
    if (node->context != NULL && node->pending == 0 && is_stale(node)) {
        node_disconnect(node);
    }
    return node->context != NULL;
}

static struct timeval milliseconds(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000,
                            .tv_usec = (ms % 1000) * 1000L};
}

static void allow_time(struct redis_node *node, uint32_t timeout_ms)
{
    if (node->timeout_ms != timeout_ms) {
        int bad = redisSetTimeout(node->context, milliseconds(timeout_ms));
        assert(bad == REDIS_OK);
        node->timeout_ms = timeout_ms;
    }
}

/* hiredis 0.14 cannot open sockets with close-on-exec: children that are
 * started just then close what they inherit (redis/process.c and
 * matcher/decoder/sandbox.c, close_range). */
static void tune(const struct redis_node *node)
{
    int bad = fcntl(node->context->fd, F_SETFD, FD_CLOEXEC);
    assert(bad == 0);
    if (node->address.path[0] == '\0') {
        /* a listener would wait for ever for a peer that just vanished */
        bad = redisEnableKeepAlive(node->context);
        assert(bad == REDIS_OK);
    }
}

enum status node_connect(struct redis_node *node, struct error *err)
{
    assert(node->context == NULL);
    const struct redis_address *address = &node->address;
    const struct timeval limit = milliseconds(CONNECT_TIMEOUT_MS);
    node->context =
        address->path[0] != '\0'
            ? redisConnectUnixWithTimeout(address->path, limit)
            : redisConnectWithTimeout(address->host, address->port, limit);
    if (node->context == NULL) {
        return no_memory(err);
    }
    if (node->context->err != 0) {
        (void)error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                        "cannot reach Redis at %s (%s): start it, or set "
                        "another address",
                        node->name, node->context->errstr);
        node_disconnect(node);
        return STATUS_UNAVAILABLE;
    }
    tune(node);
    node->timeout_ms = 0;
    allow_time(node, REDIS_ANSWER_MS);
    return STATUS_OK;
}

/* ---- commands ---- */

struct split_args {
    const char *bytes[REDIS_ARGS_MAX];
    size_t lengths[REDIS_ARGS_MAX];
};

static void split(struct split_args *out, const struct redis_arg *args,
                  size_t arg_count)
{
    assert(arg_count > 0 && arg_count <= REDIS_ARGS_MAX);
    for (size_t i = 0; i < arg_count; i++) {
        out->bytes[i] = args[i].bytes;
        out->lengths[i] = args[i].length;
    }
}

/* After hiredis took a command, or did not. */
static enum status taken(struct redis_node *node, int result, struct error *err)
{
    if (result != REDIS_OK) {
        return lost(node, err);
    }
    node->pending++;
    node->is_unwritten = true;
    return STATUS_OK;
}

enum status node_send(struct redis_node *node, const struct redis_arg *args,
                      size_t arg_count, uint32_t allowed_ms, struct error *err)
{
    struct split_args all;
    split(&all, args, arg_count);
    allow_time(node, allowed_ms);
    return taken(node,
                 redisAppendCommandArgv(node->context, (int)arg_count,
                                        all.bytes, all.lengths),
                 err);
}

enum status node_send_bytes(struct redis_node *node, const char *bytes,
                            size_t length, uint32_t allowed_ms,
                            struct error *err)
{
    allow_time(node, allowed_ms);
    return taken(
        node, redisAppendFormattedCommand(node->context, bytes, length), err);
}

enum status node_format(char **bytes, size_t *length,
                        const struct redis_arg *args, size_t arg_count,
                        struct error *err)
{
    struct split_args all;
    split(&all, args, arg_count);
    *bytes = NULL;
    int made =
        redisFormatCommandArgv(bytes, (int)arg_count, all.bytes, all.lengths);
    if (made < 0) {
        return no_memory(err);
    }
    *length = (size_t)made;
    return STATUS_OK;
}

void node_format_free(char *bytes)
{
    redisFreeCommand(bytes); /* NULL is fine */
}

enum status node_flush(struct redis_node *node, struct error *err)
{
    for (int done = !node->is_unwritten; !done;) {
        if (redisBufferWrite(node->context, &done) != REDIS_OK) {
            return lost(node, err);
        }
    }
    node->is_unwritten = false;
    return STATUS_OK;
}

enum status node_receive(struct redis_node *node, struct redis_reply **reply,
                         struct error *err)
{
    assert(node->pending > 0);
    void *got = NULL;
    *reply = NULL;
    if (redisGetReply(node->context, &got) != REDIS_OK) {
        return lost(node, err);
    }
    node->pending--;
    *reply = got;
    return STATUS_OK;
}

enum status node_overhear(struct redis_node *node, int wait_ms,
                          struct redis_reply **reply, struct error *err)
{
    void *got = NULL;
    *reply = NULL;
    if (redisGetReplyFromReader(node->context, &got) != REDIS_OK) {
        return lost(node, err);
    }
    struct pollfd arrives = {.fd = node->context->fd, .events = POLLIN};
    if (got == NULL && poll(&arrives, 1, wait_ms) > 0 &&
        redisGetReply(node->context, &got) != REDIS_OK) {
        return lost(node, err);
    }
    *reply = got;
    return STATUS_OK;
}
