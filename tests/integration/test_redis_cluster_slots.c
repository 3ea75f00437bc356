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

/* Slots change hands while commands run. */

static struct test_cluster cluster;
static struct redis *redis;

static int setup(void **state)
{
    (void)state;
    test_cluster_start(&cluster);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_cluster_stop(&cluster);
    return 0;
}

/* A handle of the test's own, whose counts begin at 0. */
static int open_handle(void **state)
{
    (void)state;
    redis = test_cluster_open(&cluster, 0);
    return 0;
}

static int close_handle(void **state)
{
    (void)state;
    redis_close(redis);
    return 0;
}

static enum status call(struct redis *with, struct redis_reply **reply,
                        const char *const *words, size_t count,
                        struct error *err)
{
    struct redis_arg args[16];
    for (size_t i = 0; i < count; i++) {
        args[i] = redis_text(words[i]);
    }
    return redis_call(with, reply, args, count, err);
}
#define CALL(with, reply, ...)                                                 \
    call(with, reply, (const char *const[]){__VA_ARGS__},                      \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), NULL)

static void assert_value(const char *key, const char *expected)
{
    struct redis_reply *reply = NULL;
    size_t length = 0;
    assert_int_equal(CALL(redis, &reply, "GET", key), STATUS_OK);
    assert_string_equal(redis_reply_bytes(reply, &length), expected);
    redis_reply_free(reply);
}

static struct cluster_counts counts(void)
{
    return cluster_counts(redis->cluster);
}

static unsigned slot_of(const char *key)
{
    return redis_slot_of(key, strlen(key));
}

static size_t other_master(size_t node)
{
    return (node + 1) % TEST_CLUSTER_MASTERS;
}

static void moved_slot_is_followed(void **state)
{
    (void)state;
    unsigned slot = slot_of("moved");
    size_t from = test_cluster_owner(&cluster, slot);
    size_t to = other_master(from);
    assert_int_equal(CALL(redis, NULL, "SET", "moved", "before"), STATUS_OK);
    test_cluster_begin_move(&cluster, slot, from, to);
    test_cluster_move_keys(&cluster, slot, from, to, 10);
    test_cluster_end_move(&cluster, slot, from, to);
    assert_value("moved", "before");
    assert_int_equal(counts().moved, 1);
    assert_int_equal(counts().asked, 0);
    assert_value("moved", "before");
    assert_int_equal(CALL(redis, NULL, "SET", "moved", "after"), STATUS_OK);
    assert_value("moved", "after");
    /* It was remembered; a node that had not heard of it yet may have been
     * asked for the whole table since. */
    assert_true(counts().moved <= 2);
}

/* A pipeline that was sent while nobody knew of the move. */
static void moved_slot_inside_a_pipeline_keeps_the_order(void **state)
{
    (void)state;
    enum { KEYS = 40 };
    char key[32];
    unsigned slot = slot_of("piped");
    size_t from = test_cluster_owner(&cluster, slot);
    size_t to = other_master(from);
    assert_int_equal(CALL(redis, NULL, "DEL", "piped"), STATUS_OK);
    test_cluster_begin_move(&cluster, slot, from, to);
    test_cluster_end_move(&cluster, slot, from, to);
    for (int i = 0; i < KEYS; i++) {
        const struct redis_arg count[] = {redis_text("INCR"),
                                          redis_text("piped")};
        assert_int_equal(redis_send(redis, count, 2, NULL), STATUS_OK);
        (void)snprintf(key, sizeof key, "unmoved:%d", i);
        const struct redis_arg set[] = {redis_text("SET"), redis_text(key),
                                        redis_text("v")};
        assert_int_equal(redis_send(redis, set, 3, NULL), STATUS_OK);
    }
    for (int i = 0; i < KEYS; i++) {
        struct redis_reply *reply = NULL;
        size_t length = 0;
        assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
        assert_int_equal(redis_reply_integer(reply, -1), i + 1);
        redis_reply_free(reply);
        assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
        assert_string_equal(redis_reply_bytes(reply, &length), "OK");
        redis_reply_free(reply);
    }
    assert_int_equal(counts().moved, KEYS); /* each was sent there */
}

/* Half of the keys have moved: the old node has the rest and tells of the new
 * one for the others, once each and for no later command. */
static void slot_on_its_way_is_asked_on_both_sides(void **state)
{
    (void)state;
    enum { KEYS = 20 };
    char key[32];
    unsigned slot = slot_of("half");
    size_t from = test_cluster_owner(&cluster, slot);
    size_t to = other_master(from);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "{half}:%d", i);
        assert_int_equal(CALL(redis, NULL, "SET", key, key), STATUS_OK);
    }
    test_cluster_begin_move(&cluster, slot, from, to);
    test_cluster_move_keys(&cluster, slot, from, to, KEYS / 2);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < KEYS; i++) {
            (void)snprintf(key, sizeof key, "{half}:%d", i);
            const struct redis_arg get[] = {redis_text("GET"), redis_text(key)};
            assert_int_equal(redis_send(redis, get, 2, NULL), STATUS_OK);
        }
        for (int i = 0; i < KEYS; i++) {
            struct redis_reply *reply = NULL;
            size_t length = 0;
            (void)snprintf(key, sizeof key, "{half}:%d", i);
            assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
            assert_string_equal(redis_reply_bytes(reply, &length), key);
            redis_reply_free(reply);
        }
        assert_int_equal(counts().asked, round * KEYS / 2);
        assert_int_equal(counts().moved, 0);
    }
    /* a new key is made on the new side */
    assert_int_equal(CALL(redis, NULL, "SET", "{half}:new", "n"), STATUS_OK);
    assert_int_equal(counts().asked, KEYS + 1);
    test_cluster_move_keys(&cluster, slot, from, to, KEYS);
    test_cluster_end_move(&cluster, slot, from, to);
    assert_value("{half}:new", "n");
    assert_true(counts().moved >= 1);
}

static const struct redis_script both = {
    "both", "return redis.call('GET', KEYS[1]) .. redis.call('GET', KEYS[2])"};

struct move {
    unsigned slot;
    size_t from, to;
};

static void *finish_move(void *argument)
{
    const struct move *move = argument;
    (void)usleep(100000);
    test_cluster_move_keys(&cluster, move->slot, move->from, move->to, 10);
    test_cluster_end_move(&cluster, move->slot, move->from, move->to);
    return NULL;
}

/* A script whose keys are on both sides (TRYAGAIN) waits until they are
 * together again. */
static void script_waits_for_keys_that_were_torn_apart(void **state)
{
    (void)state;
    struct move move = {.slot = slot_of("torn")};
    move.from = test_cluster_owner(&cluster, move.slot);
    move.to = other_master(move.from);
    assert_int_equal(CALL(redis, NULL, "SET", "{torn}:a", "1"), STATUS_OK);
    assert_int_equal(CALL(redis, NULL, "SET", "{torn}:b", "2"), STATUS_OK);
    test_cluster_begin_move(&cluster, move.slot, move.from, move.to);
    test_cluster_move_keys(&cluster, move.slot, move.from, move.to, 1);
    pthread_t mover;
    assert_int_equal(pthread_create(&mover, NULL, finish_move, &move), 0);
    const struct redis_arg keys[] = {redis_text("{torn}:a"),
                                     redis_text("{torn}:b")};
    struct redis_reply *reply = NULL;
    assert_int_equal(
        redis_script_run(redis, &reply, &both, keys, 2, NULL, 0, NULL),
        STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 12);
    redis_reply_free(reply);
    assert_int_equal(pthread_join(mover, NULL), 0);
    assert_true(counts().waited > 0);
}

static void *move_and_add(void *argument)
{
    const struct move *move = argument;
    (void)usleep(100000);
    test_cluster_begin_move(&cluster, move->slot, move->from, move->to);
    test_cluster_move_keys(&cluster, move->slot, move->from, move->to, 10);
    test_cluster_end_move(&cluster, move->slot, move->from, move->to);
    char answer[64];
    test_cluster_ask(&cluster, move->to, answer, sizeof answer,
                     "XADD blocked * f v");
    return NULL;
}

/* A worker waits for a job on a stream, and the stream moves away. */
static void reader_that_waits_follows_its_stream(void **state)
{
    (void)state;
    struct move move = {.slot = slot_of("blocked")};
    move.from = test_cluster_owner(&cluster, move.slot);
    move.to = other_master(move.from);
    assert_int_equal(
        CALL(redis, NULL, "XGROUP", "CREATE", "blocked", "g", "0", "MKSTREAM"),
        STATUS_OK);
    pthread_t mover;
    assert_int_equal(pthread_create(&mover, NULL, move_and_add, &move), 0);
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(redis, &reply, "XREADGROUP", "GROUP", "g", "c",
                          "COUNT", "1", "BLOCK", "30000", "STREAMS", "blocked",
                          ">"),
                     STATUS_OK);
    assert_int_equal(redis_reply_count(reply), 1);
    redis_reply_free(reply);
    assert_int_equal(pthread_join(mover, NULL), 0);
}

/* ---- work goes on while slots are moved about ---- */

enum { COUNTERS = 64, WORKERS = 3, MOVES = 60, BATCH = 32 };

struct worker {
    pthread_t thread;
    atomic_bool *stop;
    int64_t done[COUNTERS]; /* acknowledged */
    struct cluster_counts counts;
};

static void send_increment(struct redis *own, int counter)
{
    char key[32];
    (void)snprintf(key, sizeof key, "count:%d", counter);
    const struct redis_arg args[] = {redis_text("INCR"), redis_text(key)};
    enum status status = redis_send(own, args, 2, NULL);
    if (status != STATUS_OK) {
        abort();
    }
}

/* Counts up, in pipelines and one by one. Nothing of this may fail. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    struct redis *own = test_cluster_open(&cluster, 0);
    for (int next = 0; !atomic_load(worker->stop); next += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            send_increment(own, (next + i) % COUNTERS);
        }
        for (int i = 0; i < BATCH; i++) {
            if (redis_receive(own, NULL, NULL) != STATUS_OK) {
                abort();
            }
            worker->done[(next + i) % COUNTERS]++;
        }
    }
    worker->counts = cluster_counts(own->cluster);
    redis_close(own);
    return NULL;
}

/* Moves the slot of one counter after the other, key by key. */
static void move_about(void)
{
    for (int i = 0; i < MOVES; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "count:%d", i % COUNTERS);
        unsigned slot = slot_of(key);
        size_t from = test_cluster_owner(&cluster, slot);
        size_t to = other_master(from);
        test_cluster_begin_move(&cluster, slot, from, to);
        test_cluster_move_keys(&cluster, slot, from, to, 10);
        (void)usleep(5000); /* the key is there, the slot still here */
        test_cluster_end_move(&cluster, slot, from, to);
    }
}

static void nothing_is_lost_or_done_twice_while_slots_move(void **state)
{
    (void)state;
    static struct worker workers[WORKERS];
    atomic_bool stop = false;
    struct cluster_counts all = {0};
    for (int i = 0; i < WORKERS; i++) {
        workers[i].stop = &stop;
        assert_int_equal(
            pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    move_about();
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        all.moved += workers[i].counts.moved;
        all.asked += workers[i].counts.asked;
    }
    print_message("%llu MOVED, %llu ASK\n", (unsigned long long)all.moved,
                  (unsigned long long)all.asked);
    assert_true(all.moved > 0);
    assert_true(all.asked > 0);
    for (int counter = 0; counter < COUNTERS; counter++) {
        char key[32];
        int64_t expected = 0;
        struct redis_reply *reply = NULL;
        for (int i = 0; i < WORKERS; i++) {
            expected += workers[i].done[counter];
        }
        (void)snprintf(key, sizeof key, "count:%d", counter);
        assert_int_equal(CALL(redis, &reply, "GET", key), STATUS_OK);
        assert_int_equal(redis_reply_integer(reply, 0), expected);
        redis_reply_free(reply);
    }
}

int main(void)
{
#define WITH_HANDLE(test)                                                      \
    cmocka_unit_test_setup_teardown(test, open_handle, close_handle)
    const struct CMUnitTest tests[] = {
        WITH_HANDLE(moved_slot_is_followed),
        WITH_HANDLE(moved_slot_inside_a_pipeline_keeps_the_order),
        WITH_HANDLE(slot_on_its_way_is_asked_on_both_sides),
        WITH_HANDLE(script_waits_for_keys_that_were_torn_apart),
        WITH_HANDLE(reader_that_waits_follows_its_stream),
        WITH_HANDLE(nothing_is_lost_or_done_twice_while_slots_move),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
