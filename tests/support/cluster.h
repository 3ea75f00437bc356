/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_CLUSTER_H
#define REFRAIN_TESTS_SUPPORT_CLUSTER_H

#include "catalog/redis/redis.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** A real Redis Cluster of a test's own: masters, and a replica each when
 *  wanted, on free loopback ports in a private folder, ended by their pids and
 *  never outliving the test. What it is told goes through hiredis alone, past
 *  the code under test. Whatever goes wrong here asserts. */

enum {
    TEST_CLUSTER_MASTERS = 3,
    TEST_CLUSTER_NODES_MAX = 2 * TEST_CLUSTER_MASTERS,
    /* Long enough for a loaded machine not to miss a node that lives. */
    TEST_CLUSTER_NODE_TIMEOUT_MS = 3000,
};

struct test_cluster_node {
    pid_t pid; /* 0: not running */
    uint16_t port;
    uint16_t bus_port;
    char id[41];
};
struct test_cluster {
    char folder[64];
    struct test_cluster_node nodes[TEST_CLUSTER_NODES_MAX]; /* masters first */
    size_t node_count;
};

/** Three masters with a third of the slots each. A part that is lost does not
 *  take down the rest (cluster-require-full-coverage no). */
void test_cluster_start(struct test_cluster *cluster);
/** Node 3 + i becomes the replica of master i; all are in step. */
void test_cluster_add_replicas(struct test_cluster *cluster);
/** Until a node is a master, or a replica. */
void test_cluster_wait_role(const struct test_cluster *cluster, size_t node,
                            bool is_master);
/** Kills all and removes the folder. */
void test_cluster_stop(struct test_cluster *cluster);

/** kill -9, and its end awaited; and started again on its port, until it serves
 *  its slots. A node ends with the thread that started it. */
void test_cluster_kill(struct test_cluster *cluster, size_t node);
void test_cluster_restart(struct test_cluster *cluster, size_t node);
/** It hangs (SIGSTOP), and goes on. */
void test_cluster_pause(const struct test_cluster *cluster, size_t node);
void test_cluster_resume(const struct test_cluster *cluster, size_t node);

/** "redis://127.0.0.1:PORT" of one node. */
void test_cluster_address(const struct test_cluster *cluster, size_t node,
                          char out[64]);
/** A handle that begins at one node; redis_close() is the caller's. */
struct redis *test_cluster_open(const struct test_cluster *cluster,
                                size_t node);

/** Tells a node one command, words as of printf; its answer as text, cut to
 *  the size: a status, an error, a number or the lines of a bulk. */
void test_cluster_ask(const struct test_cluster *cluster, size_t node,
                      char *out, size_t size, const char *format, ...)
    PRINTF_LIKE(5, 6);
/** The same where only "OK" is good. */
void test_cluster_tell(const struct test_cluster *cluster, size_t node,
                       const char *format, ...) PRINTF_LIKE(3, 4);
/** Which master has the slot now, as node 0 sees it. */
size_t test_cluster_owner(const struct test_cluster *cluster, unsigned slot);

/** Gives a slot from one master to another as redis-cli does: begun, its keys
 *  one by one, ended. */
void test_cluster_begin_move(const struct test_cluster *cluster, unsigned slot,
                             size_t from, size_t to);
/** At most `most` keys. */
void test_cluster_move_keys(const struct test_cluster *cluster, unsigned slot,
                            size_t from, size_t to, unsigned most);
void test_cluster_end_move(const struct test_cluster *cluster, unsigned slot,
                           size_t from, size_t to);

#endif
