/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: whoever waits for an account is woken by its next change, by the
 * moment it named, by a Redis that went or came back, and by the end; and no
 * change between the look and the wait is lost. */
#include "api/wait.h"
#include "catalog/redis/keys.h"
#include "tests/support/redis.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const int64_t FAR_MS = INT64_C(60) * 1000; /* no test waits for it */

struct sleeper {
    struct waiter waiter; /* first, so that it is found from there */
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    unsigned wakes;
    bool expired;
};

static int64_t now_ms(void)
{
    struct timespec now;
    assert(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(struct waiter *waiter, bool expired)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;
    (void)pthread_mutex_lock(&sleeper->mutex);
    sleeper->wakes++;
    sleeper->expired = expired;
    (void)pthread_cond_broadcast(&sleeper->woken);
    (void)pthread_mutex_unlock(&sleeper->mutex);
}

static void sleeper_init(struct sleeper *sleeper, const char *account_id,
                         int64_t until_ms)
{
    *sleeper = (struct sleeper){.waiter = {.until_ms = until_ms, .wake = wake}};
    (void)pthread_mutex_init(&sleeper->mutex, NULL);
    (void)pthread_cond_init(&sleeper->woken, NULL);
    (void)snprintf(sleeper->waiter.account_id, ID_SIZE, "%s", account_id);
}

/* Waits until it was woken; whether it had expired. */
static bool await(struct sleeper *sleeper)
{
    (void)pthread_mutex_lock(&sleeper->mutex);
    while (sleeper->wakes == 0) {
        (void)pthread_cond_wait(&sleeper->woken, &sleeper->mutex);
    }
    assert(sleeper->wakes == 1);
    bool expired = sleeper->expired;
    (void)pthread_mutex_unlock(&sleeper->mutex);
    return expired;
}

static unsigned wakes_of(struct sleeper *sleeper)
{
    (void)pthread_mutex_lock(&sleeper->mutex);
    unsigned wakes = sleeper->wakes;
    (void)pthread_mutex_unlock(&sleeper->mutex);
    return wakes;
}

static void announce(struct redis *redis, const char *account_id)
{
    const struct redis_arg args[] = {redis_text("PUBLISH"),
                                     redis_text(key_changed_channel()),
                                     redis_text(account_id)};
    assert(redis_call(redis, NULL, args, 3, NULL) == STATUS_OK);
}

/* Announces until the listener has heard one: then it is subscribed. */
static void await_listener(struct wait *wait, struct redis *redis)
{
    uint64_t before = wait_generation(wait, "acc_probe");
    struct timespec pause = {.tv_nsec = 5000000};
    /* once for the subscription itself, once for a message */
    while (wait_generation(wait, "acc_probe") < before + 2) {
        announce(redis, "acc_probe");
        (void)nanosleep(&pause, NULL);
    }
}

struct ground {
    struct test_redis server;
    struct redis *redis;
    struct wait *wait;
};

static int start(void **state)
{
    static struct ground ground;
    test_redis_start(&ground.server);
    ground.redis = test_redis_open(&ground.server);
    assert(wait_open(&ground.wait, ground.server.address, NULL) == STATUS_OK);
    await_listener(ground.wait, ground.redis);
    *state = &ground;
    return 0;
}

static int stop(void **state)
{
    struct ground *ground = *state;
    wait_close(ground->wait);
    redis_close(ground->redis);
    test_redis_stop(&ground->server);
    return 0;
}

static void sleep_from(struct ground *ground, struct sleeper *sleeper,
                       uint64_t seen)
{
    wait_add(ground->wait, &sleeper->waiter, seen);
}

static uint64_t seen_of(struct ground *ground, const char *account_id)
{
    return wait_generation(ground->wait, account_id);
}

static void test_change_wakes(void **state)
{
    struct ground *ground = *state;
    struct sleeper one;
    struct sleeper two;
    sleeper_init(&one, "acc_a", now_ms() + FAR_MS);
    sleeper_init(&two, "acc_a", now_ms() + FAR_MS);
    sleep_from(ground, &one, seen_of(ground, "acc_a"));
    sleep_from(ground, &two, seen_of(ground, "acc_a"));
    announce(ground->redis, "acc_a");
    assert_false(await(&one));
    assert_false(await(&two));
}

/* Changes of the others reach the listener first, so they would have woken it.
 */
static void test_other_accounts_do_not_wake(void **state)
{
    struct ground *ground = *state;
    struct sleeper sleeper;
    struct sleeper other;
    sleeper_init(&sleeper, "acc_a", now_ms() + FAR_MS);
    sleeper_init(&other, "acc_b", now_ms() + FAR_MS);
    sleep_from(ground, &sleeper, seen_of(ground, "acc_a"));
    sleep_from(ground, &other, seen_of(ground, "acc_b"));
    announce(ground->redis, "acc_b");
    assert_false(await(&other));
    assert_int_equal(wakes_of(&sleeper), 0);
    announce(ground->redis, "acc_a");
    assert_false(await(&sleeper));
}

/* The race: it looked, then the change came, then it goes to sleep. */
static void test_change_before_the_wait(void **state)
{
    struct ground *ground = *state;
    struct sleeper sleeper;
    uint64_t seen = seen_of(ground, "acc_a");
    struct timespec pause = {.tv_nsec = 1000000};
    announce(ground->redis, "acc_a");
    while (seen_of(ground, "acc_a") == seen) {
        (void)nanosleep(&pause, NULL);
    }
    sleeper_init(&sleeper, "acc_a", now_ms() + FAR_MS);
    sleep_from(ground, &sleeper, seen);
    assert_int_equal(wakes_of(&sleeper), 1); /* from within wait_add() */
    assert_false(await(&sleeper));
}

static void test_moment_wakes(void **state)
{
    struct ground *ground = *state;
    struct sleeper late;
    struct sleeper soon;
    struct sleeper past;
    int64_t now = now_ms();
    sleeper_init(&late, "acc_a", now + FAR_MS);
    sleeper_init(&soon, "acc_b", now + 50);
    sleeper_init(&past, "acc_c", now - 1000);
    sleep_from(ground, &late, seen_of(ground, "acc_a"));
    sleep_from(ground, &soon, seen_of(ground, "acc_b"));
    sleep_from(ground, &past, seen_of(ground, "acc_c"));
    assert_true(await(&past));
    assert_true(await(&soon));
    assert_true(now_ms() >= now + 50);
    assert_int_equal(wakes_of(&late), 0);
    announce(ground->redis, "acc_a");
    assert_false(await(&late));
}

/* Messages may have been missed: everybody looks again, both when Redis goes
 * and when it is back. */
static void test_lost_redis_wakes_everybody(void **state)
{
    struct ground *ground = *state;
    struct sleeper gone;
    struct sleeper back;
    sleeper_init(&gone, "acc_a", now_ms() + FAR_MS);
    sleep_from(ground, &gone, seen_of(ground, "acc_a"));
    test_redis_kill(&ground->server);
    assert_false(await(&gone));

    sleeper_init(&back, "acc_b", now_ms() + FAR_MS);
    sleep_from(ground, &back, seen_of(ground, "acc_b"));
    test_redis_restart(&ground->server);
    assert_false(await(&back));

    struct redis *redis = test_redis_open(&ground->server);
    await_listener(ground->wait, redis);
    test_change_wakes(state);
    redis_close(redis);
}

static void test_end_wakes_everybody(void **state)
{
    struct ground *ground = *state;
    struct sleeper before;
    struct sleeper after;
    sleeper_init(&before, "acc_a", now_ms() + FAR_MS);
    sleeper_init(&after, "acc_b", now_ms() + FAR_MS);
    sleep_from(ground, &before, seen_of(ground, "acc_a"));
    wait_stop(ground->wait);
    assert_true(await(&before));
    sleep_from(ground, &after, seen_of(ground, "acc_b"));
    assert_true(await(&after));
}

/* Many threads change and wait at once; every sleeper wakes, none twice. */
enum { ROUNDS = 200, THREADS = 4 };

struct crowd {
    struct ground *ground;
    char account_id[ID_SIZE];
};

static void *change_and_wait(void *context)
{
    struct crowd *crowd = context;
    struct redis *redis = test_redis_open(&crowd->ground->server);
    for (int i = 0; i < ROUNDS; i++) {
        struct sleeper sleeper;
        uint64_t seen = seen_of(crowd->ground, crowd->account_id);
        sleeper_init(&sleeper, crowd->account_id, now_ms() + FAR_MS);
        announce(redis, crowd->account_id);
        sleep_from(crowd->ground, &sleeper, seen);
        (void)await(&sleeper);
    }
    redis_close(redis);
    return NULL;
}

static void test_crowd(void **state)
{
    struct crowd crowds[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        crowds[i].ground = *state;
        /* two threads an account */
        (void)snprintf(crowds[i].account_id, ID_SIZE, "acc_%d", i / 2);
        assert(pthread_create(&threads[i], NULL, change_and_wait, &crowds[i]) ==
               0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert(pthread_join(threads[i], NULL) == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_change_wakes),
        TEST(test_other_accounts_do_not_wake),
        TEST(test_change_before_the_wait),
        TEST(test_moment_wakes),
        TEST(test_lost_redis_wakes_everybody),
        TEST(test_end_wakes_everybody),
        TEST(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
