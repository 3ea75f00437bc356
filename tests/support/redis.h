/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_REDIS_H
#define REFRAIN_TESTS_SUPPORT_REDIS_H

#include "catalog/redis/redis.h"

#include <sys/types.h>

/** A real redis-server of a test's own: temporary folder, Unix socket, synced
 *  at every write, ended by its pid and never outliving the test. Whatever
 *  goes wrong here asserts. */
struct test_redis {
    char folder[64];
    char address[96]; /* "unix:/…" for redis_open() */
    pid_t pid;        /* 0: not running */
};

/** An empty one, answering. */
void test_redis_start(struct test_redis *server);
/** kill -9, and its end awaited. */
void test_redis_kill(struct test_redis *server);
/** Starts it again on the data that are there. */
void test_redis_restart(struct test_redis *server);
/** It hangs (SIGSTOP), and goes on. */
void test_redis_pause(const struct test_redis *server);
void test_redis_resume(const struct test_redis *server);
/** Ends it and removes its folder. */
void test_redis_stop(struct test_redis *server);

/** A handle on it; redis_close() is the caller's. */
struct redis *test_redis_open(const struct test_redis *server);

/** An empty folder under /tmp, and its removal with all that is in it. */
void test_folder_make(char out[64]);
void test_folder_remove(const char *folder);

#endif
