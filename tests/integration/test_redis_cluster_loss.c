/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/cluster.h"
#include "catalog/redis/connection.h"
#include "catalog/redis/slots.h"
#include "tests/support/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nodes of the cluster are lost, and replicas take over. */

static struct test_cluster cluster;
static struct redis *redis;

static int setup(void **state)
{
    (void)state;
    test_cluster_start(&cluster);
    redis = test_cluster_open(&cluster, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_close(redis);
    test_cluster_stop(&cluster);
    return 0;
}

static enum status set(struct redis *with, const char *key, struct error *err)
{
    const struct redis_arg args[] = {redis_text("SET"), redis_text(key),
                                     redis_text(key)};
    return redis_call(with, NULL, args, 3, err);
}

/* A key of a master, the index-th: "t17". */
static const char *key_of(size_t master, int index)
{
    static char key[16];
    for (int i = 0; index >= 0; i++) {
        (void)snprintf(key, sizeof key, "t%d", i);
        unsigned slot = redis_slot_of(key, strlen(key));
        index -= slot * TEST_CLUSTER_MASTERS / REDIS_SLOT_COUNT == master;
    }
    return key;
}

static void assert_sets_on(size_t master)
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(set(redis, key_of(master, i), NULL), STATUS_OK);
    }
}

static void assert_unavailable(enum status status, const struct error *err,
                               const char *reason)
{
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_string_equal(err->code, "redis_unavailable");
    if (strstr(err->text, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err->text, reason);
    }
}

static void answer_that_is_lost_is_not_asked_for_again(void **state)
{
    (void)state;
    struct error err = {0};
    assert_sets_on(1);
    test_cluster_pause(&cluster, 1);
    const struct redis_arg args[] = {redis_text("INCR"),
                                     redis_text(key_of(1, 9))};
    assert_int_equal(redis_send(redis, args, 2, NULL), STATUS_OK);
    test_cluster_kill(&cluster, 1);
    assert_unavailable(redis_receive(redis, NULL, &err), &err,
                       "may or may not");
    test_cluster_restart(&cluster, 1);
    assert_sets_on(1);
}

/* No replica: a third of the slots is gone, the others go on. */
static void lost_master_takes_its_own_slots_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        assert_sets_on(i);
    }
    test_cluster_kill(&cluster, 1);
    int64_t start_ms = node_clock_ms();
    for (int i = 0; i < 5; i++) {
        struct error err = {0};
        assert_unavailable(set(redis, key_of(1, i), &err), &err,
                           "cannot reach Redis at redis://127.0.0.1:");
        assert_sets_on(0);
        assert_sets_on(2);
    }
    /* One wait in vain, and no more: else it were five times as long. */
    assert_true(node_clock_ms() - start_ms < INT64_C(2) * REDIS_ANSWER_MS);
    test_cluster_restart(&cluster, 1);
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        assert_sets_on(i);
    }
}

/* One that writes in a thread of its own. */
struct writer {
    pthread_t thread;
    struct redis *redis; /* write_pipeline() */
    atomic_bool stop;    /* write_on() */
    int failed;
};

/* A pipeline over all nodes. */
static void *write_pipeline(void *argument)
{
    enum { KEYS = 30 };
    struct writer *writer = argument;
    for (int i = 0; i < KEYS; i++) {
        const struct redis_arg args[] = {redis_text("SET"),
                                         redis_text(key_of((size_t)i % 3, i)),
                                         redis_text("v")};
        writer->failed += redis_send(writer->redis, args, 3, NULL) != STATUS_OK;
    }
    for (int i = 0; i < KEYS && writer->failed == 0; i++) {
        writer->failed += redis_receive(writer->redis, NULL, NULL) != STATUS_OK;
    }
    return NULL;
}

/* One of them is away when it is sent. */
static void pipeline_waits_for_a_node_that_comes_back(void **state)
{
    (void)state;
    struct writer writer = {.redis = redis};
    test_cluster_kill(&cluster, 1);
    assert_int_equal(
        pthread_create(&writer.thread, NULL, write_pipeline, &writer), 0);
    (void)usleep(300000);
    test_cluster_restart(&cluster, 1);
    assert_int_equal(pthread_join(writer.thread, NULL), 0);
    assert_int_equal(writer.failed, 0);
    assert_true(cluster_counts(redis->cluster).waited > 0);
}

static void listener_goes_to_another_node(void **state)
{
    (void)state;
    struct redis *listener = test_cluster_open(&cluster, 1);
    struct redis_reply *message = NULL;
    struct error err = {0};
    char answer[32];
    assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                     STATUS_OK);
    test_cluster_ask(&cluster, 0, answer, sizeof answer, "PUBLISH news one");
    assert_int_equal(redis_listen(listener, "news", 30000, &message, NULL),
                     STATUS_OK);
    assert_non_null(message);
    redis_reply_free(message);
    /* whichever node it is that it listens to */
    for (size_t i = 0; i < cluster.node_count; i++) {
        test_cluster_ask(&cluster, i, answer, sizeof answer,
                         "CLIENT KILL TYPE pubsub");
    }
    assert_unavailable(redis_listen(listener, "news", 30000, &message, &err),
                       &err, "Redis at redis://127.0.0.1:");
    test_cluster_kill(&cluster, 1);
    assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                     STATUS_OK);
    test_cluster_ask(&cluster, 0, answer, sizeof answer, "PUBLISH news two");
    assert_int_equal(redis_listen(listener, "news", 30000, &message, NULL),
                     STATUS_OK);
    assert_non_null(message);
    redis_reply_free(message);
    redis_close(listener);
    test_cluster_restart(&cluster, 1);
}

/* ---- with replicas ---- */

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    struct redis *own = test_cluster_open(&cluster, 0);
    for (int i = 0; !atomic_load(&writer->stop); i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "w%d", i % 1000);
        writer->failed += set(own, key, NULL) != STATUS_OK;
    }
    redis_close(own);
    return NULL;
}

/* As for an update of the server: not one write fails. */
static void handover_to_a_replica_goes_unseen(void **state)
{
    (void)state;
    struct writer writer = {0};
    test_cluster_add_replicas(&cluster);
    assert_int_equal(pthread_create(&writer.thread, NULL, write_on, &writer),
                     0);
    test_cluster_tell(&cluster, 3, "CLUSTER FAILOVER");
    test_cluster_wait_role(&cluster, 3, true);
    test_cluster_wait_role(&cluster, 0, false);
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        assert_sets_on(i);
    }
    atomic_store(&writer.stop, true);
    assert_int_equal(pthread_join(writer.thread, NULL), 0);
    assert_int_equal(writer.failed, 0);
    assert_true(cluster_counts(redis->cluster).moved > 0);
}

/* Killed: its replica takes over by itself, and the call waits for it. */
static void killed_master_is_followed_to_its_replica(void **state)
{
    (void)state;
    struct error err = {0};
    assert_sets_on(1);
    test_cluster_kill(&cluster, 1);
    for (int i = 0; i < 5; i++) {
        if (set(redis, key_of(1, i), &err) != STATUS_OK) {
            fail_msg("%d: %s", i, err.text);
        }
    }
    assert_true(cluster_counts(redis->cluster).waited > 0);
    test_cluster_wait_role(&cluster, 4, true);
    assert_sets_on(0);
    assert_sets_on(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_that_is_lost_is_not_asked_for_again),
        cmocka_unit_test(lost_master_takes_its_own_slots_alone),
        cmocka_unit_test(pipeline_waits_for_a_node_that_comes_back),
        cmocka_unit_test(listener_goes_to_another_node),
        /* from here on each master has a replica */
        cmocka_unit_test(handover_to_a_replica_goes_unseen),
        cmocka_unit_test(killed_master_is_followed_to_its_replica),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
