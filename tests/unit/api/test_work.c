/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: the pool runs what it took, refuses what it cannot hold, and leaves
 * nothing undone when it stops. No Redis runs: handles are only opened. */
#include "api/work.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct work *open_pool(unsigned thread_count)
{
    struct work *work = NULL;
    struct error err = {0};
    assert_int_equal(
        work_open(&work, thread_count, "unix:/nonexistent/redis.sock", &err),
        STATUS_OK);
    return work;
}

/* A gate that holds threads back until it is opened. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_open;
    unsigned waiting;
    atomic_uint done;
};
#define GATE                                                                   \
    {                                                                          \
        .mutex = PTHREAD_MUTEX_INITIALIZER,                                    \
        .changed = PTHREAD_COND_INITIALIZER                                    \
    }

static void pass_gate(void *context, struct redis *redis)
{
    struct gate *gate = context;
    (void)pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    (void)pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open) {
        (void)pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    if (redis != NULL) {
        (void)atomic_fetch_add(&gate->done, 1);
    }
}

static void await(struct gate *gate, unsigned waiting)
{
    (void)pthread_mutex_lock(&gate->mutex);
    while (gate->waiting < waiting) {
        (void)pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    (void)pthread_mutex_unlock(&gate->mutex);
}

static void open_gate(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->is_open = true;
    (void)pthread_cond_broadcast(&gate->changed);
    (void)pthread_mutex_unlock(&gate->mutex);
}

static void test_runs_at_once(void **state)
{
    (void)state;
    struct gate gate = GATE;
    struct work *work = open_pool(3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(work_add(work, pass_gate, &gate, NULL), STATUS_OK);
    }
    await(&gate, 3); /* all three threads are in it */
    open_gate(&gate);
    work_close(work);
    assert_int_equal(atomic_load(&gate.done), 3);
}

static void test_full_queue_refuses(void **state)
{
    (void)state;
    struct gate gate = GATE;
    struct error err = {0};
    unsigned taken = 1;
    struct work *work = open_pool(1);
    assert_int_equal(work_add(work, pass_gate, &gate, NULL), STATUS_OK);
    await(&gate, 1); /* it runs, so that the queue is empty */
    while (work_add(work, pass_gate, &gate, &err) == STATUS_OK) {
        taken++;
        assert_true(taken < 100000); /* there is a bound */
    }
    assert_string_equal(err.code, "busy");
    open_gate(&gate);
    work_stop(work);
    assert_int_equal(atomic_load(&gate.done), taken); /* none was lost */
    assert_int_equal(work_add(work, pass_gate, &gate, &err),
                     STATUS_UNAVAILABLE);
    work_close(work);
}

static void test_stops_when_idle(void **state)
{
    (void)state;
    work_close(open_pool(4));
    work_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_at_once),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_stops_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
