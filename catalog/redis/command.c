/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/command.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a command has its key. */
enum key_place {
    KEY_NONE,
    KEY_FIRST,  /* behind the name */
    KEY_ALONE,  /* the same; could have more keys, and must not */
    KEY_SECOND, /* behind a subcommand */
    KEY_SCRIPT, /* first of those that are counted by the second argument */
    KEY_STREAM, /* behind the word STREAMS */
};

/* Exactly the commands that Refrain sends (tests/layers.sh compares). */
static const struct {
    const char *name;
    enum key_place place;
} commands[] = {
    {"DECR", KEY_FIRST},        {"DEL", KEY_ALONE},
    {"EVAL", KEY_SCRIPT},       {"EVALSHA", KEY_SCRIPT},
    {"EXISTS", KEY_ALONE},      {"EXPIRE", KEY_FIRST},
    {"GET", KEY_FIRST},         {"GETRANGE", KEY_FIRST},
    {"HDEL", KEY_FIRST},        {"HGET", KEY_FIRST},
    {"HGETALL", KEY_FIRST},     {"HMGET", KEY_FIRST},
    {"HSCAN", KEY_FIRST},       {"HSET", KEY_FIRST},
    {"HSETNX", KEY_FIRST},      {"INCR", KEY_FIRST},
    {"INFO", KEY_NONE},         {"LLEN", KEY_FIRST},
    {"LRANGE", KEY_FIRST},      {"PING", KEY_NONE},
    {"RPUSH", KEY_FIRST},       {"SADD", KEY_FIRST},
    {"SCRIPT", KEY_NONE},       {"SET", KEY_FIRST},
    {"SREM", KEY_FIRST},        {"SSCAN", KEY_FIRST},
    {"SUBSCRIBE", KEY_NONE},    {"UNLINK", KEY_ALONE},
    {"XADD", KEY_FIRST},        {"XAUTOCLAIM", KEY_FIRST},
    {"XGROUP", KEY_SECOND},     {"XLEN", KEY_FIRST},
    {"XRANGE", KEY_FIRST},      {"XREAD", KEY_STREAM},
    {"XREADGROUP", KEY_STREAM}, {"XREVRANGE", KEY_FIRST},
    {"XTRIM", KEY_FIRST},       {"ZADD", KEY_FIRST},
    {"ZRANGE", KEY_FIRST},      {"ZRANGEBYSCORE", KEY_FIRST},
    {"ZREM", KEY_FIRST},        {"ZREMRANGEBYSCORE", KEY_FIRST},
    {"ZSCORE", KEY_FIRST},
};

static bool arg_is(struct redis_arg arg, const char *word)
{
    return arg.length == strlen(word) &&
           memcmp(arg.bytes, word, arg.length) == 0;
}

static _Noreturn void bug(struct redis_arg name, const char *what)
{
    (void)fprintf(stderr, "refrain: a command of ours, %.*s, %s\n",
                  (int)name.length, (const char *)name.bytes, what);
    abort();
}

static enum key_place place_of(struct redis_arg name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (arg_is(name, commands[i].name)) {
            return commands[i].place;
        }
    }
    bug(name, "is not in the table of redis/command.c: add it");
}

/* Index of the word STREAMS, or of the last argument. */
static size_t streams_of(const struct redis_arg *args, size_t arg_count)
{
    size_t at = 1;
    while (at + 1 < arg_count && !arg_is(args[at], "STREAMS")) {
        at++;
    }
    return at;
}

size_t redis_command_key(const struct redis_arg *args, size_t arg_count)
{
    assert(arg_count > 0);
    enum key_place place = place_of(args[0]);
    size_t at = 0;
    switch (place) {
    case KEY_NONE:
        return 0;
    case KEY_FIRST:
    case KEY_ALONE:
        at = 1;
        break;
    case KEY_SECOND:
        at = 2;
        break;
    case KEY_SCRIPT:
        at = arg_count > 2 && arg_is(args[2], "0") ? 0 : 3;
        break;
    case KEY_STREAM:
        at = streams_of(args, arg_count) + 1;
        break;
    }
    if (at >= arg_count || (place == KEY_ALONE && arg_count != 2) ||
        (place == KEY_STREAM && at + 2 != arg_count)) {
        bug(args[0], "must have one key");
    }
    return at;
}

uint32_t redis_command_blocks_ms(const struct redis_arg *args, size_t arg_count)
{
    if (!arg_is(args[0], "XREADGROUP") && !arg_is(args[0], "XREAD")) {
        return 0;
    }
    size_t end = streams_of(args, arg_count);
    for (size_t i = 1; i < end; i++) {
        if (arg_is(args[i], "BLOCK")) {
            char digits[12] = "";
            assert(args[i + 1].length < sizeof digits);
            memcpy(digits, args[i + 1].bytes, args[i + 1].length);
            unsigned long ms = strtoul(digits, NULL, 10);
            assert(ms > 0 && ms <= INT32_MAX);
            return (uint32_t)ms;
        }
    }
    return 0;
}
