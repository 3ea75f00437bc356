/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_REDIS_H
#define REFRAIN_CATALOG_REDIS_REDIS_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A connection to Redis with checked replies.
 *
 *  Behind the address is one server or a Redis Cluster, which the handle finds
 *  out when it connects. In a cluster each command goes to the node that serves
 *  its key (redis/cluster.h says what is sent again, and for how long), so:
 *  every command has one key, or several of one hash tag; it stands in the
 *  table of redis/command.c; and of two commands of one pipeline with different
 *  tags any may be done first.
 *
 *  Life: redis_open() only notes the address; the first call connects, and so
 *  does the first one after a failure, so that a Redis that was gone for a
 *  while needs no care by the caller. A call that fails on the way is never
 *  repeated by itself: its outcome is unknown and STATUS_UNAVAILABLE says so
 *  (scripts that change something carry an idempotency key for this). A
 *  connection that Redis closed while nobody used it is replaced unseen.
 *
 *  SIGPIPE: the program ignores it (signal(SIGPIPE, SIG_IGN)) before it uses
 *  a handle: hiredis 0.14 writes with write(2), and a Redis that goes away
 *  would end the program instead of failing a call.
 *
 *  Thread rule: one handle, one thread at a time. */
struct redis;

/** Arguments of one command with its name; a script's keys and arguments are
 *  3 fewer. More is a bug of ours: asserted. */
enum { REDIS_ARGS_MAX = 512 };

/** One argument of a command: bytes, borrowed for the call. */
struct redis_arg {
    const void *bytes;
    size_t length;
};
static inline struct redis_arg redis_text(const char *text)
{
    return (struct redis_arg){text, strlen(text)};
}
static inline struct redis_arg redis_bytes(const void *bytes, size_t length)
{
    return (struct redis_arg){bytes, length};
}
/** A decimal number as an argument; `text` keeps its digits meanwhile. */
struct redis_number {
    char text[24];
};
struct redis_arg redis_integer(struct redis_number *number, int64_t value);

/** A reply. Error replies never reach the caller as such: they become a
 *  status. Owned by who got it: redis_reply_free(). NULL may be asked like a
 *  NIL, so that a field that is not there needs no extra question. */
struct redis_reply;
enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_INTEGER, REDIS_LIST };
enum redis_type redis_reply_type(const struct redis_reply *reply);
/** Bytes of a TEXT reply, NUL-terminated behind the end, borrowed while the
 *  reply lives; NULL and length 0 for any other type. */
const char *redis_reply_bytes(const struct redis_reply *reply, size_t *length);
/** Value of an INTEGER, or of a TEXT that is a decimal number; else
 *  `otherwise`. */
int64_t redis_reply_integer(const struct redis_reply *reply, int64_t otherwise);
/** Elements of a LIST; 0 for any other type. */
size_t redis_reply_count(const struct redis_reply *reply);
/** Element of a LIST, borrowed; index < count. */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply,
                                         size_t index);
/** The value of `name` in a flat field-value LIST (HGETALL), or NULL. */
const struct redis_reply *redis_reply_field(const struct redis_reply *reply,
                                            const char *name);
/** Copies TEXT into `out` (size bytes, always terminated); "" for NULL or any
 *  other type. false when it did not fit and was cut. */
bool redis_reply_copy(char *out, size_t size, const struct redis_reply *reply);
/** NULL is fine. */
void redis_reply_free(struct redis_reply *reply);

/** address: "unix:/path/to/socket", "redis://HOST:PORT[/DB]", or nodes of a
 *  cluster, "redis://HOST:PORT,HOST:PORT"; copied.
 *  STATUS_INVALID "bad_redis_address". */
MUST_USE enum status redis_open(struct redis **out, const char *address,
                                struct error *err);
/** NULL is fine. */
void redis_close(struct redis *redis);

/** One command, one reply. `reply` may be NULL when only success matters.
 *  STATUS_UNAVAILABLE "redis_unavailable": not reachable, still loading, out
 *    of memory, cannot write its log, or no answer in 10 s; in a cluster after
 *    up to 10 s of waiting for the node. A command that
 *    blocks by itself (XREAD … BLOCK ms) has its own time on top; it must
 *    not ask for BLOCK 0, which never ends.
 *  STATUS_CONFLICT "group_exists", STATUS_NOT_FOUND "no_group": consumer
 *    groups, which only the server knows about.
 *  Any other error reply is a bug of ours: the process ends with the reply on
 *    stderr, as an assert does. */
MUST_USE enum status redis_call(struct redis *redis, struct redis_reply **reply,
                                const struct redis_arg *args, size_t arg_count,
                                struct error *err);

/** Pipelining: send any number, then receive as many, in order. After a
 *  failure the rest of the pipeline is dropped and the connection is new.
 *  Keep a batch small (some hundred commands): it waits here until the first
 *  receive, and its replies in the server. */
MUST_USE enum status redis_send(struct redis *redis,
                                const struct redis_arg *args, size_t arg_count,
                                struct error *err);
MUST_USE enum status redis_receive(struct redis *redis,
                                   struct redis_reply **reply,
                                   struct error *err);
/** Gives up the replies that are still to come: for a caller that fails
 *  halfway through a pipeline by itself. */
void redis_cancel(struct redis *redis);

/** A Lua script, named for messages; its text lives as long as the program. */
struct redis_script {
    const char *name;
    const char *text;
};
/** Runs a script atomically: EVALSHA, and EVAL when the server does not know
 *  it (any more). Scripts answer with values; one that must refuse returns
 *  {"refused", code} and the caller looks. One that raises an error is a bug
 *  of ours. Statuses as of redis_call(). */
MUST_USE enum status redis_script_run(struct redis *redis,
                                      struct redis_reply **reply,
                                      const struct redis_script *script,
                                      const struct redis_arg *keys,
                                      size_t key_count,
                                      const struct redis_arg *args,
                                      size_t arg_count, struct error *err);

/** Blocks until a message, published on whichever node of a cluster, arrives
 *  on `channel` (SUBSCRIBE) or `timeout_ms`
 *  passes; then *message is NULL. *message is the TEXT that was published.
 *  A handle used for this is used for nothing else, and for one channel.
 *  timeout_ms 0 looks once: called so at first, it makes the subscription
 *  stand before its caller reads what the messages announce.
 *  STATUS_UNAVAILABLE: messages may have been missed; the next call
 *  subscribes anew. */
MUST_USE enum status redis_listen(struct redis *redis, const char *channel,
                                  uint32_t timeout_ms,
                                  struct redis_reply **message,
                                  struct error *err);

#endif
