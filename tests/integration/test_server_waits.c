/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: requests that wait, or run on workers, end exactly once: with an
 * answer, with the client's going, or with the service. */
#include "api/router.h"
#include "tests/support/server.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the routes of this test ---- */

/* What the waiting handlers look at, and how many of them began to wait. */
static atomic_uint value;
static atomic_uint waits;

/* GET …?seen=N&ms=M: waits until the value is no longer N, at most M ms.
 * Answers "VALUE RUNS". */
static enum status get_value(struct request *request, struct reply *reply,
                             struct error *err)
{
    uint64_t seen = 0;
    uint64_t ms = 0;
    int64_t until_ms = request->now_ms;
    enum status status =
        request_number(request, "seen", 0, 1000, 0, &seen, err);
    if (status == STATUS_OK) {
        status = request_number(request, "ms", 0, 60000, 0, &ms, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (request->run == 0) {
        until_ms += (int64_t)ms;
        (void)snprintf(request->note, sizeof request->note, "%lld",
                       (long long)until_ms);
    } else {
        until_ms = strtoll(request->note, NULL, 10);
    }
    unsigned now = atomic_load(&value);
    if (now == seen && request->now_ms < until_ms) {
        reply_wait(reply, until_ms);
        (void)atomic_fetch_add(&waits, 1);
        return STATUS_OK;
    }
    char text[64];
    int length = snprintf(text, sizeof text, "%u %u", now, request->run);
    reply_text(reply, 200, "text/plain", text, (size_t)length);
    return STATUS_OK;
}

/* A gate that holds workers back. */
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static unsigned gate_held;
static bool gate_open;

static void set_gate(bool open)
{
    (void)pthread_mutex_lock(&gate_mutex);
    gate_open = open;
    (void)pthread_cond_broadcast(&gate_changed);
    (void)pthread_mutex_unlock(&gate_mutex);
}

static void await_held(unsigned count)
{
    (void)pthread_mutex_lock(&gate_mutex);
    while (gate_held < count) {
        (void)pthread_cond_wait(&gate_changed, &gate_mutex);
    }
    (void)pthread_mutex_unlock(&gate_mutex);
}

static enum status get_held(struct request *request, struct reply *reply,
                            struct error *err)
{
    (void)request;
    (void)err;
    (void)pthread_mutex_lock(&gate_mutex);
    gate_held++;
    (void)pthread_cond_broadcast(&gate_changed);
    while (!gate_open) {
        (void)pthread_cond_wait(&gate_changed, &gate_mutex);
    }
    (void)pthread_mutex_unlock(&gate_mutex);
    reply_text(reply, 200, "text/plain", "free", 4);
    return STATUS_OK;
}

static enum status get_text(struct request *request, struct reply *reply,
                            struct error *err)
{
    (void)request;
    (void)err;
    reply_text(reply, 200, "text/plain", "hello", 5);
    return STATUS_OK;
}

static const struct route routes_test[] = {
    {"GET", "/text", ROLE_ANYONE, BODY_NONE, SPEED_LOOP, get_text},
    {"GET", "/held", ROLE_ANYONE, BODY_NONE, SPEED_SLOW, get_held},
    {"GET", "/value", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP, get_value},
    {"GET", "/slow-value", ROLE_SUBSCRIBER, BODY_NONE, SPEED_SLOW, get_value},
    {0},
};
const struct route *const route_tables[] = {routes_test, NULL};

/* ---- helpers ---- */

static const char *const value_paths[] = {"/value", "/slow-value"};

static struct test_server server;

static int start(void **state)
{
    (void)state;
    atomic_store(&value, 0);
    atomic_store(&waits, 0);
    gate_held = 0;
    set_gate(false);
    test_server_start(&server, 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    set_gate(true);
    test_server_stop(&server);
    return 0;
}

static void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    (void)nanosleep(&pause, NULL);
}

/* A connection that has asked for `path`. */
static int ask(const char *path)
{
    char head[512];
    int fd = test_connect(&server);
    (void)snprintf(head, sizeof head,
                   "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                   "%s\r\n\r\n",
                   path, server.token);
    test_send_text(fd, head);
    return fd;
}

/* The same for a value that is waited for up to `ms`; it waits by then. */
static int ask_value(const char *path, unsigned ms)
{
    char query[128];
    unsigned before = atomic_load(&waits);
    (void)snprintf(query, sizeof query, "%s?seen=%u&ms=%u", path,
                   atomic_load(&value), ms);
    int fd = ask(query);
    while (atomic_load(&waits) == before) {
        pause_briefly();
    }
    return fd;
}

/* Reads the answer, closes. */
static void answer_is(int fd, unsigned status, const char *body)
{
    struct test_answer answer;
    test_read(fd, true, &answer);
    assert_int_equal(answer.status, status);
    if (body != NULL) {
        assert_string_equal(answer.body, body);
    }
    test_answer_clear(&answer);
    assert_int_equal(close(fd), 0);
}

static void still_serves(void)
{
    answer_is(ask("/text"), 200, "hello");
}

/* ---- waits ---- */

static void test_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&value, 1);
        int fd = ask_value(value_paths[i], 60000);
        atomic_store(&value, 2);
        test_server_change(&server);
        struct test_answer answer;
        test_read(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(strncmp(answer.body, "2 ", 2), 0);
        test_answer_clear(&answer);
        assert_int_equal(close(fd), 0);
    }
}

/* Woken for nothing it waits on. */
static void test_other_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = ask_value(value_paths[i], 60000);
        unsigned before = atomic_load(&waits);
        while (atomic_load(&waits) == before) {
            test_server_change(&server);
            pause_briefly();
        }
        (void)atomic_fetch_add(&value, 1);
        test_server_change(&server);
        answer_is(fd, 200, NULL);
    }
}

static void test_moment(void **state)
{
    (void)state;
    answer_is(ask("/value?seen=0&ms=0"), 200, "0 0");
    for (size_t i = 0; i < 2; i++) {
        answer_is(ask_value(value_paths[i], 100), 200, NULL);
    }
}

/* Another request may come on the same connection afterwards. */
static void test_connection_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct test_answer answer;
        int fd = ask_value(value_paths[i], 50);
        test_read(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        test_answer_clear(&answer);
        test_send_text(fd, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
        answer_is(fd, 200, "hello");
    }
}

static void test_client_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = ask_value(value_paths[i], 60000);
        assert_int_equal(close(fd), 0);
        (void)atomic_fetch_add(&value, 1);
        test_server_change(&server);
        fd = ask_value(value_paths[i], 20);
        assert_int_equal(close(fd), 0);
    }
    still_serves();
}

/* server_close() waits for nobody's sixty seconds. */
static void test_end_of_service(void **state)
{
    (void)state;
    int fds[4];
    for (size_t i = 0; i < 4; i++) {
        fds[i] = ask_value(value_paths[i % 2], 60000);
    }
    test_server_end(&server);
    for (size_t i = 0; i < 4; i++) {
        answer_is(fds[i], 200, NULL);
    }
}

static void test_lost_redis(void **state)
{
    (void)state;
    /* An answered wait shows that the server hears Redis: what it does not
     * hear yet, it cannot lose. */
    int fd = ask_value("/value", 60000);
    (void)atomic_fetch_add(&value, 1);
    test_server_change(&server);
    answer_is(fd, 200, NULL);
    fd = ask_value("/value", 60000);
    (void)atomic_fetch_add(&value, 1);
    test_redis_kill(&server.library.server);
    answer_is(fd, 200, NULL); /* it looks again, and this look needs no Redis */
    answer_is(ask("/value?seen=0&ms=0"), 503, NULL); /* who is asking? */
    test_redis_restart(&server.library.server);
    still_serves();
}

/* Many waits, changes and departures at once. */
enum { CLIENTS = 4, ROUNDS = 40 };

static void *come_and_go(void *context)
{
    unsigned seed = *(unsigned *)context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char query[128];
        (void)snprintf(query, sizeof query, "%s?seen=%u&ms=%u",
                       value_paths[(seed + i) % 2], atomic_load(&value),
                       i % 3 == 0 ? 5U : 60000U);
        int fd = ask(query);
        if (i % 4 == 1) {
            (void)close(fd);
            continue;
        }
        struct test_answer answer;
        test_read(fd, true, &answer);
        /* one worker: its short queue may be full */
        assert(answer.status == 200 || answer.status == 503);
        test_answer_clear(&answer);
        (void)close(fd);
    }
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    pthread_t threads[CLIENTS];
    unsigned seeds[CLIENTS];
    atomic_bool *running = calloc(1, sizeof *running);
    assert_non_null(running);
    for (unsigned i = 0; i < CLIENTS; i++) {
        seeds[i] = i;
        assert_int_equal(
            pthread_create(&threads[i], NULL, come_and_go, &seeds[i]), 0);
    }
    /* Changes go on until all are through. */
    for (unsigned i = 0; i < CLIENTS; i++) {
        while (pthread_tryjoin_np(threads[i], NULL) != 0) {
            (void)atomic_fetch_add(&value, 1);
            atomic_store(&value, atomic_load(&value) % 1000);
            test_server_change(&server);
            pause_briefly();
        }
    }
    free(running);
    still_serves();
}

/* ---- workers ---- */

static void test_busy(void **state)
{
    (void)state;
    enum { MANY = 60 }; /* more than one worker and its queue take */
    int fds[MANY];
    unsigned served = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < MANY; i++) {
        fds[i] = ask("/held");
        if (i == 0) {
            await_held(1);
        }
    }
    still_serves(); /* the loops are free all the same */
    set_gate(true);
    for (unsigned i = 0; i < MANY; i++) {
        struct test_answer answer;
        test_read(fds[i], true, &answer);
        served += answer.status == 200;
        if (answer.status == 503) {
            char seconds[256];
            refused++;
            test_answer_header(&answer, "Retry-After", seconds);
            assert_true(strtoul(seconds, NULL, 10) > 0);
            assert_non_null(strstr(answer.body, "\"code\":\"busy\""));
        }
        test_answer_clear(&answer);
        assert_int_equal(close(fds[i]), 0);
    }
    assert_int_equal(served + refused, MANY);
    assert_true(served > 1);
}

static void test_client_gone_while_worked_on(void **state)
{
    (void)state;
    int fd = ask("/held");
    await_held(1);
    assert_int_equal(close(fd), 0);
    set_gate(true);
    still_serves();
}

/* What runs is finished, what is queued too. */
static void *open_later(void *context)
{
    (void)context;
    pause_briefly();
    set_gate(true);
    return NULL;
}

static void test_end_finishes_work(void **state)
{
    (void)state;
    pthread_t opener;
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = ask("/held");
    }
    await_held(1);
    assert_int_equal(pthread_create(&opener, NULL, open_later, NULL), 0);
    test_server_end(&server);
    assert_int_equal(pthread_join(opener, NULL), 0);
    /* the first surely ran; the others may not have been read yet */
    struct test_answer answer;
    test_read(fds[0], true, &answer);
    assert_int_equal(answer.status, 200);
    char connection[256];
    test_answer_header(&answer, "Connection", connection);
    assert_string_equal(connection, "close");
    test_answer_clear(&answer);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_change),
        TEST(test_other_change),
        TEST(test_moment),
        TEST(test_connection_goes_on),
        TEST(test_client_gone),
        TEST(test_end_of_service),
        TEST(test_lost_redis),
        TEST(test_crowd),
        TEST(test_busy),
        TEST(test_client_gone_while_worked_on),
        TEST(test_end_finishes_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
