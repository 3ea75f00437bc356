/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/connection.h"

#include <assert.h>

/* The digest under which the server knows `script`: SCRIPT LOAD computes it
 * once a handle, so that we need no SHA-1. */
static enum status script_digest(struct redis *redis, const char **digest,
                                 const struct redis_script *script,
                                 struct error *err)
{
    for (size_t i = 0; i < redis->script_count; i++) {
        if (redis->scripts[i].script == script) {
            *digest = redis->scripts[i].digest;
            return STATUS_OK;
        }
    }
    assert(redis->script_count < REDIS_SCRIPTS_MAX);
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("SCRIPT"), redis_text("LOAD"),
                                     redis_text(script->text)};
    enum status status = redis_call(redis, &reply, args, 3, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct known_script *known = &redis->scripts[redis->script_count++];
    known->script = script;
    bool whole = redis_reply_copy(known->digest, sizeof known->digest, reply);
    redis_reply_free(reply);
    assert(whole);
    *digest = known->digest;
    return STATUS_OK;
}

/* args[2..] are the count of keys, keys and arguments. */
static enum status script_ask(struct redis *redis, struct redis_reply **reply,
                              const struct redis_script *script,
                              struct redis_arg *args, size_t arg_count,
                              struct error *err)
{
    const char *digest = NULL;
    bool is_unknown = false;
    enum status status = script_digest(redis, &digest, script, err);
    if (status == STATUS_OK) {
        args[0] = redis_text("EVALSHA");
        args[1] = redis_text(digest);
        status = redis_send(redis, args, arg_count, err);
    }
    if (status == STATUS_OK) {
        status =
            redis_receive_unless(redis, reply, "NOSCRIPT", &is_unknown, err);
    }
    if (status != STATUS_OK || !is_unknown) {
        return status;
    }
    /* a restarted server: nothing ran, and EVAL makes it known again */
    args[0] = redis_text("EVAL");
    args[1] = redis_text(script->text);
    return redis_call(redis, reply, args, arg_count, err);
}

enum status redis_script_run(struct redis *redis, struct redis_reply **reply,
                             const struct redis_script *script,
                             const struct redis_arg *keys, size_t key_count,
                             const struct redis_arg *args, size_t arg_count,
                             struct error *err)
{
    assert(redis_pending(redis) == 0);
    assert(3 + key_count + arg_count <= REDIS_ARGS_MAX);
    if (reply != NULL) {
        *reply = NULL;
    }
    struct redis_arg all[REDIS_ARGS_MAX];
    struct redis_number number;
    size_t count = 2;
    all[count++] = redis_integer(&number, (int64_t)key_count);
    for (size_t i = 0; i < key_count; i++) {
        all[count++] = keys[i];
    }
    for (size_t i = 0; i < arg_count; i++) {
        all[count++] = args[i];
    }
    enum status status = script_ask(redis, reply, script, all, count, err);
    if (status != STATUS_OK) {
        error_context(err, "script %s", script->name);
    }
    return status;
}
