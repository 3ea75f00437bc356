/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/connection.h"

#include "catalog/redis/refusal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    CONNECT_TIMEOUT_MS = 2000,
    ANSWER_TIMEOUT_MS = 10000,
};

/* ---- the connection ---- */

static void disconnect(struct redis *redis)
{
    redisFree(redis->context); /* NULL is fine */
    redis->context = NULL;
    redis->pending = 0;
    redis->channel[0] = '\0';
}

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory for a command to Redis or its reply: give the "
                    "service more");
    return STATUS_NO_MEMORY;
}

/* After hiredis failed: says why, and gives the connection up. */
static enum status lost(struct redis *redis, struct error *err)
{
    const redisContext *context = redis->context;
    if (context->err == REDIS_ERR_OOM) {
        disconnect(redis);
        return no_memory(err);
    }
    /* errno counts for this kind of error alone (hiredis' README) */
    bool late = context->err == REDIS_ERR_IO && errno == EAGAIN;
    (void)error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                    "Redis at %s: %s; what was asked may or may not have been "
                    "done: see that it runs, then try again",
                    redis->name, late ? "no answer in time" : context->errstr);
    disconnect(redis);
    return STATUS_UNAVAILABLE;
}

/* Did the server close the connection, or talk out of turn (a restart, too
 * many clients), while nothing was asked? Then nothing can be lost by taking
 * a new one. */
static bool is_stale(const struct redis *redis)
{
    char byte = 0;
    ssize_t got = recv(redis->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || errno != EAGAIN;
}

static struct timeval milliseconds(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000,
                            .tv_usec = (ms % 1000) * 1000L};
}

static void allow_time(struct redis *redis, uint32_t timeout_ms)
{
    if (redis->timeout_ms != timeout_ms) {
        int bad = redisSetTimeout(redis->context, milliseconds(timeout_ms));
        assert(bad == REDIS_OK);
        redis->timeout_ms = timeout_ms;
    }
}

/* hiredis 0.14 cannot open sockets with close-on-exec: children that are
 * started just then close what they inherit (redis/process.c and
 * matcher/decoder/sandbox.c, close_range). */
static void tune(const struct redis *redis)
{
    int bad = fcntl(redis->context->fd, F_SETFD, FD_CLOEXEC);
    assert(bad == 0);
    if (redis->address.path[0] == '\0') {
        /* a listener would wait for ever for a peer that just vanished */
        bad = redisEnableKeepAlive(redis->context);
        assert(bad == REDIS_OK);
    }
}

static enum status connect_anew(struct redis *redis, struct error *err)
{
    const struct redis_address *address = &redis->address;
    const struct timeval limit = milliseconds(CONNECT_TIMEOUT_MS);
    redis->context =
        address->path[0] != '\0'
            ? redisConnectUnixWithTimeout(address->path, limit)
            : redisConnectWithTimeout(address->host, address->port, limit);
    if (redis->context == NULL) {
        return no_memory(err);
    }
    if (redis->context->err != 0) {
        (void)error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                        "cannot reach Redis at %s (%s): start it, or set "
                        "another address",
                        redis->name, redis->context->errstr);
        disconnect(redis);
        return STATUS_UNAVAILABLE;
    }
    tune(redis);
    redis->timeout_ms = 0;
    allow_time(redis, ANSWER_TIMEOUT_MS);
    return STATUS_OK;
}

static enum status select_database(struct redis *redis, struct error *err)
{
    if (redisAppendCommand(redis->context, "SELECT %u",
                           (unsigned)redis->address.database) != REDIS_OK) {
        return lost(redis, err);
    }
    redis->pending = 1;
    enum status status = redis_receive(redis, NULL, err);
    if (status != STATUS_OK) {
        disconnect(redis);
    }
    return status;
}

static enum status connect_when_needed(struct redis *redis, struct error *err)
{
    if (redis->context != NULL && redis->pending == 0 && is_stale(redis)) {
        disconnect(redis);
    }
    if (redis->context != NULL) {
        return STATUS_OK;
    }
    enum status status = connect_anew(redis, err);
    return status == STATUS_OK && redis->address.database != 0
               ? select_database(redis, err)
               : status;
}

enum status redis_open(struct redis **out, const char *address,
                       struct error *err)
{
    struct redis_address parsed;
    enum status status = redis_address_parse(&parsed, address, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for a connection to Redis");
    }
    redis->address = parsed;
    (void)snprintf(redis->name, sizeof redis->name, "%s", address);
    *out = redis;
    return STATUS_OK;
}

void redis_close(struct redis *redis)
{
    if (redis != NULL) {
        disconnect(redis);
        free(redis);
    }
}

void redis_cancel(struct redis *redis)
{
    if (redis->pending > 0) {
        disconnect(redis);
    }
}

/* ---- commands ---- */

static bool arg_is(struct redis_arg arg, const char *word)
{
    return arg.length == strlen(word) &&
           strncasecmp(arg.bytes, word, arg.length) == 0;
}

/* How long the command itself may take to answer: BLOCK of XREAD[GROUP]. */
static uint32_t blocks_ms(const struct redis_arg *args, size_t arg_count)
{
    if (!arg_is(args[0], "XREADGROUP") && !arg_is(args[0], "XREAD")) {
        return 0;
    }
    for (size_t i = 1; i + 1 < arg_count && !arg_is(args[i], "STREAMS"); i++) {
        if (arg_is(args[i], "BLOCK")) {
            char digits[12] = "";
            assert(args[i + 1].length < sizeof digits);
            memcpy(digits, args[i + 1].bytes, args[i + 1].length);
            unsigned long ms = strtoul(digits, NULL, 10);
            assert(ms > 0 && ms <= UINT32_MAX - ANSWER_TIMEOUT_MS);
            return (uint32_t)ms;
        }
    }
    return 0;
}

enum status redis_send(struct redis *redis, const struct redis_arg *args,
                       size_t arg_count, struct error *err)
{
    assert(arg_count > 0 && arg_count <= REDIS_ARGS_MAX);
    const char *bytes[REDIS_ARGS_MAX];
    size_t lengths[REDIS_ARGS_MAX];
    for (size_t i = 0; i < arg_count; i++) {
        bytes[i] = args[i].bytes;
        lengths[i] = args[i].length;
    }
    enum status status = connect_when_needed(redis, err);
    if (status != STATUS_OK) {
        return status;
    }
    allow_time(redis, ANSWER_TIMEOUT_MS + blocks_ms(args, arg_count));
    if (redisAppendCommandArgv(redis->context, (int)arg_count, bytes,
                               lengths) != REDIS_OK) {
        return lost(redis, err);
    }
    redis->pending++;
    return STATUS_OK;
}

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

/* An error reply, or the first one inside a list. */
static const char *error_in(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return reply->str;
    }
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++) {
            if (reply->element[i]->type == REDIS_REPLY_ERROR) {
                return reply->element[i]->str;
            }
        }
    }
    return NULL;
}

enum status redis_receive_unless(struct redis *redis,
                                 struct redis_reply **reply,
                                 const char *expected, bool *met,
                                 struct error *err)
{
    assert(redis->pending > 0);
    if (reply != NULL) {
        *reply = NULL;
    }
    void *got = NULL;
    if (redisGetReply(redis->context, &got) != REDIS_OK) {
        return lost(redis, err);
    }
    redis->pending--;
    redisReply *raw = got;
    *met = expected != NULL && raw->type == REDIS_REPLY_ERROR &&
           strncmp(raw->str, expected, strlen(expected)) == 0;
    const char *refusal = *met ? NULL : error_in(raw);
    enum status status = STATUS_OK;
    if (refusal != NULL) {
        status = refused(redis, refusal, err);
        /* the rest of a pipeline is of no use to anybody */
        redis_cancel(redis);
    }
    if (status == STATUS_OK && !*met && reply != NULL) {
        *reply = (struct redis_reply *)raw;
    } else {
        freeReplyObject(raw);
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
    assert(redis->pending == 0);
    if (reply != NULL) {
        *reply = NULL;
    }
    enum status status = redis_send(redis, args, arg_count, err);
    return status == STATUS_OK ? redis_receive(redis, reply, err) : status;
}

enum status redis_overhear(struct redis *redis, int wait_ms,
                           struct redis_reply **reply, struct error *err)
{
    void *got = NULL;
    *reply = NULL;
    if (redisGetReplyFromReader(redis->context, &got) != REDIS_OK) {
        return lost(redis, err);
    }
    struct pollfd arrives = {.fd = redis->context->fd, .events = POLLIN};
    if (got == NULL && poll(&arrives, 1, wait_ms) > 0 &&
        redisGetReply(redis->context, &got) != REDIS_OK) {
        return lost(redis, err);
    }
    *reply = got;
    return STATUS_OK;
}

/* ---- replies: ours is hiredis' under another name ---- */

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
