/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/slots.h"
#include "tests/support/cluster.h"
#include "tests/support/pattern.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#define CALL(with, reply, err, ...)                                            \
    call(with, reply, (const char *const[]){__VA_ARGS__},                      \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), err)

static void assert_value(struct redis *with, const char *key,
                         const char *expected)
{
    struct redis_reply *reply = NULL;
    size_t length = 0;
    assert_int_equal(CALL(with, &reply, NULL, "GET", key), STATUS_OK);
    assert_string_equal(redis_reply_bytes(reply, &length), expected);
    redis_reply_free(reply);
}

static long node_keys(size_t node)
{
    char answer[32];
    test_cluster_ask(&cluster, node, answer, sizeof answer, "DBSIZE");
    return strtol(answer, NULL, 10);
}

static void slots_are_those_that_the_server_computes(void **state)
{
    (void)state;
    static const char letters[] = "ab{}:0";
    uint64_t x = 1;
    for (int i = 0; i < 300; i++) {
        char key[24] = "";
        char answer[32];
        size_t length = 1 + pattern_below(&x, sizeof key - 2);
        for (size_t at = 0; at < length; at++) {
            key[at] = letters[pattern_below(&x, sizeof letters - 1)];
        }
        test_cluster_ask(&cluster, 0, answer, sizeof answer,
                         "CLUSTER KEYSLOT %s", key);
        assert_int_equal(redis_slot_of(key, length), strtol(answer, NULL, 10));
    }
}

static void every_node_leads_to_every_key(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    char key[32];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "spread:%d", i);
        assert_int_equal(CALL(redis, NULL, NULL, "SET", key, key), STATUS_OK);
    }
    for (size_t node = 0; node < TEST_CLUSTER_MASTERS; node++) {
        assert_true(node_keys(node) > KEYS / 6);
        struct redis *other = test_cluster_open(&cluster, node);
        for (int i = 0; i < KEYS; i++) {
            (void)snprintf(key, sizeof key, "spread:%d", i);
            assert_value(other, key, key);
        }
        redis_close(other);
    }
}

static void send_words(const char *name, const char *key, const char *value)
{
    const struct redis_arg args[] = {redis_text(name), redis_text(key),
                                     redis_text(value)};
    assert_int_equal(redis_send(redis, args, value[0] == '\0' ? 2 : 3, NULL),
                     STATUS_OK);
}

static void pipeline_over_all_nodes_answers_in_order(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char text[32];
    struct redis_reply *reply = NULL;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof text, "p%d", i);
        send_words("SET", text, text);
        send_words("GET", text, "");
    }
    for (int i = 0; i < COUNT; i++) {
        size_t length = 0;
        (void)snprintf(text, sizeof text, "p%d", i);
        assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
        assert_string_equal(redis_reply_bytes(reply, &length), "OK");
        redis_reply_free(reply);
        assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
        assert_string_equal(redis_reply_bytes(reply, &length), text);
        redis_reply_free(reply);
    }
}

static void cancelled_pipeline_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "c%d", i);
        send_words("SET", text, text);
    }
    assert_int_equal(redis_receive(redis, NULL, NULL), STATUS_OK);
    redis_cancel(redis);
    assert_int_equal(CALL(redis, NULL, NULL, "SET", "c0", "new"), STATUS_OK);
    assert_value(redis, "c0", "new");
    send_words("GET", "c1", "");
    redis_cancel(redis);
    redis_cancel(redis);
    assert_value(redis, "c0", "new");
}

/* What one node refuses for the state that it is in comes as a status, and
 * does not mix up what follows. */
static void refusal_inside_a_pipeline_drops_the_rest(void **state)
{
    (void)state;
    test_cluster_tell(&cluster, 0, "CONFIG SET maxmemory 1");
    enum status status = STATUS_OK;
    struct error err = {0};
    for (int i = 0; i < 30; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "r%d", i);
        send_words("SET", text, text);
    }
    for (int i = 0; i < 30 && status == STATUS_OK; i++) {
        status = redis_receive(redis, NULL, &err);
    }
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.text, "maxmemory"));
    test_cluster_tell(&cluster, 0, "CONFIG SET maxmemory 0");
    for (int i = 0; i < 30; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "r%d", i);
        assert_int_equal(CALL(redis, NULL, NULL, "SET", text, text), STATUS_OK);
        assert_value(redis, text, text);
    }
}

static const struct redis_script adder = {
    "adder", "redis.call('INCRBY', KEYS[1], ARGV[1]) "
             "redis.call('INCRBY', KEYS[2], ARGV[1]) "
             "return redis.call('GET', KEYS[2])"};

static void assert_adders_give(int expected)
{
    /* One account on each node, and more. */
    for (int i = 0; i < 30; i++) {
        char first[32];
        char second[32];
        struct redis_reply *reply = NULL;
        (void)snprintf(first, sizeof first, "{a:acc_%d}:one", i);
        (void)snprintf(second, sizeof second, "{a:acc_%d}:two", i);
        const struct redis_arg keys[] = {redis_text(first), redis_text(second)};
        const struct redis_arg arg = redis_text("5");
        assert_int_equal(
            redis_script_run(redis, &reply, &adder, keys, 2, &arg, 1, NULL),
            STATUS_OK);
        assert_int_equal(redis_reply_integer(reply, -1), expected);
        redis_reply_free(reply);
    }
}

static void scripts_run_where_their_keys_are(void **state)
{
    (void)state;
    assert_adders_give(5);
    assert_adders_give(10);
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        test_cluster_tell(&cluster, i, "SCRIPT FLUSH");
    }
    assert_adders_give(15);
}

/* The queue of jobs: one stream with a group, on one node. */
static void check_stream(const char *stream)
{
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(redis, NULL, NULL, "XGROUP", "CREATE", stream, "g",
                          "0", "MKSTREAM"),
                     STATUS_OK);
    assert_int_equal(CALL(redis, NULL, NULL, "XGROUP", "CREATE", stream, "g",
                          "0", "MKSTREAM"),
                     STATUS_CONFLICT);
    assert_int_equal(CALL(redis, &reply, NULL, "XREADGROUP", "GROUP", "g", "c",
                          "COUNT", "1", "BLOCK", "20", "STREAMS", stream, ">"),
                     STATUS_OK);
    assert_int_equal(redis_reply_type(reply), REDIS_NIL);
    redis_reply_free(reply);
    assert_int_equal(CALL(redis, NULL, NULL, "XADD", stream, "*", "f", "v"),
                     STATUS_OK);
    assert_int_equal(CALL(redis, &reply, NULL, "XREADGROUP", "GROUP", "g", "c",
                          "COUNT", "1", "STREAMS", stream, ">"),
                     STATUS_OK);
    assert_int_equal(redis_reply_count(reply), 1);
    redis_reply_free(reply);
    assert_int_equal(CALL(redis, &reply, NULL, "XAUTOCLAIM", stream, "g", "d",
                          "0", "0-0", "COUNT", "1"),
                     STATUS_OK);
    assert_int_equal(redis_reply_count(redis_reply_at(reply, 1)), 1);
    redis_reply_free(reply);
    assert_int_equal(CALL(redis, NULL, NULL, "XREADGROUP", "GROUP", "none", "c",
                          "STREAMS", stream, ">"),
                     STATUS_NOT_FOUND);
}

static void streams_and_their_groups_work(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        char stream[16];
        (void)snprintf(stream, sizeof stream, "jobs%d", i);
        check_stream(stream);
    }
}

static const struct redis_script publisher = {
    "publisher", "redis.call('SET', KEYS[1], ARGV[2]) "
                 "return redis.call('PUBLISH', ARGV[1], ARGV[2])"};

/* What the nodes still pass on of an earlier round is passed over. */
static void assert_hears(struct redis *listener, const char *round,
                         const char *expected)
{
    struct redis_reply *message = NULL;
    const char *text = NULL;
    size_t length = 0;
    do {
        redis_reply_free(message);
        assert_int_equal(redis_listen(listener, "news", 30000, &message, NULL),
                         STATUS_OK);
        assert_non_null(message);
        text = redis_reply_bytes(message, &length);
    } while (strncmp(text, round, strlen(round)) != 0);
    assert_string_equal(text, expected);
    redis_reply_free(message);
}

/* As a script of an account announces it, from whichever node it runs on. */
static void message_of_every_node_is_heard_at_every_node(void **state)
{
    (void)state;
    for (size_t node = 0; node < TEST_CLUSTER_MASTERS; node++) {
        struct redis *listener = test_cluster_open(&cluster, node);
        struct redis_reply *message = NULL;
        char round[32];
        (void)snprintf(round, sizeof round, "round %zu,", node);
        assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                         STATUS_OK);
        redis_reply_free(message);
        for (int i = 0; i < 12; i++) {
            char key[32];
            char text[64];
            (void)snprintf(key, sizeof key, "{a:%d}:news", i);
            (void)snprintf(text, sizeof text, "%s message %d", round, i);
            const struct redis_arg name = redis_text(key);
            const struct redis_arg args[] = {redis_text("news"),
                                             redis_text(text)};
            assert_int_equal(redis_script_run(redis, NULL, &publisher, &name, 1,
                                              args, 2, NULL),
                             STATUS_OK);
            assert_hears(listener, round, text);
        }
        redis_close(listener);
    }
}

static void node_that_is_away_is_no_bad_beginning(void **state)
{
    (void)state;
    char last[64];
    char address[128];
    test_cluster_address(&cluster, 2, last);
    /* Port 1 (tcpmux) has no server. */
    (void)snprintf(address, sizeof address, "redis://127.0.0.1:1,%s",
                   last + strlen("redis://"));
    struct redis *other = NULL;
    assert_int_equal(redis_open(&other, address, NULL), STATUS_OK);
    assert_int_equal(CALL(other, NULL, NULL, "SET", "begun", "1"), STATUS_OK);
    assert_value(redis, "begun", "1");
    redis_close(other);
}

static void assert_refused(const char *address, const char *reason)
{
    struct redis *other = NULL;
    struct error err = {0};
    assert_int_equal(redis_open(&other, address, NULL), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(CALL(other, NULL, &err, "PING"), STATUS_UNAVAILABLE);
        assert_string_equal(err.code, "redis_unavailable");
        assert_non_null(strstr(err.text, reason));
    }
    redis_close(other);
}

static void database_of_a_cluster_is_refused(void **state)
{
    (void)state;
    char address[80];
    test_cluster_address(&cluster, 0, address);
    (void)snprintf(address + strlen(address), 8, "/1");
    assert_refused(address, "leave \"/1\" away");
}

static void single_server_among_several_addresses_is_refused(void **state)
{
    (void)state;
    struct test_redis single;
    char answer[64];
    char address[128];
    test_redis_start(&single);
    struct redis *own = test_redis_open(&single);
    /* A port that the cluster had a moment ago is free and ours. */
    test_cluster_kill(&cluster, 2);
    (void)snprintf(answer, sizeof answer, "%u", cluster.nodes[2].port);
    assert_int_equal(CALL(own, NULL, NULL, "CONFIG", "SET", "port", answer),
                     STATUS_OK);
    (void)snprintf(address, sizeof address, "redis://127.0.0.1:%s,127.0.0.1:1",
                   answer);
    assert_refused(address, "is a single server");
    redis_close(own);
    test_redis_stop(&single);
    test_cluster_restart(&cluster, 2);
}

static void node_without_a_cluster_says_so(void **state)
{
    (void)state;
    char address[64];
    test_cluster_tell(&cluster, 2, "FLUSHALL");
    test_cluster_tell(&cluster, 2, "CLUSTER RESET HARD");
    test_cluster_address(&cluster, 2, address);
    assert_refused(address, "finish the cluster");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_that_the_server_computes),
        cmocka_unit_test(every_node_leads_to_every_key),
        cmocka_unit_test(pipeline_over_all_nodes_answers_in_order),
        cmocka_unit_test(cancelled_pipeline_leaves_nothing_behind),
        cmocka_unit_test(refusal_inside_a_pipeline_drops_the_rest),
        cmocka_unit_test(scripts_run_where_their_keys_are),
        cmocka_unit_test(streams_and_their_groups_work),
        cmocka_unit_test(message_of_every_node_is_heard_at_every_node),
        cmocka_unit_test(node_that_is_away_is_no_bad_beginning),
        cmocka_unit_test(database_of_a_cluster_is_refused),
        /* these end a node and come last */
        cmocka_unit_test(single_server_among_several_addresses_is_refused),
        cmocka_unit_test(node_without_a_cluster_says_so),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
