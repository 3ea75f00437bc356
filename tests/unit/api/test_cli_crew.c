/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: tasks run on several threads, are reported once each and in order, and
 * none is begun after one has said to stop. */
#include "api/cli/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TASKS = 500, NEVER = TASKS };

struct day {
    atomic_uint worked[TASKS];
    size_t reported;
    size_t stop_at; /* NEVER: none */
    unsigned workers;
};

static bool work(void *context, unsigned worker, size_t task)
{
    struct day *day = context;

    assert_true(worker < day->workers);
    atomic_fetch_add(&day->worked[task], 1);
    return task != day->stop_at;
}

static void report(void *context, size_t task)
{
    struct day *day = context;

    assert_int_equal(task, day->reported);
    day->reported++;
}

static void tick(void *context, size_t done_count)
{
    (void)context;
    assert_true(done_count <= TASKS);
}

static void run(struct day *day, size_t tasks, unsigned workers, size_t stop_at)
{
    const struct crew crew = {.task_count = tasks,
                              .worker_count = workers,
                              .work = work,
                              .report = report,
                              .tick = tick,
                              .context = day};
    struct error err;

    day->stop_at = stop_at;
    day->workers = workers;
    assert_int_equal(crew_run(&crew, &err), STATUS_OK);
    assert_int_equal(day->reported, tasks);
}

static void each_task_runs_once(void **state)
{
    static const unsigned workers[] = {1, 4, CREW_WORKERS_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
        struct day day = {0};

        run(&day, TASKS, workers[i], NEVER);
        for (size_t task = 0; task < TASKS; task++) {
            assert_int_equal(atomic_load(&day.worked[task]), 1);
        }
    }
}

static void no_task_is_fine(void **state)
{
    struct day day = {0};

    (void)state;
    run(&day, 0, 4, NEVER);
}

static void after_a_stop_nothing_is_begun(void **state)
{
    struct day day = {0};

    (void)state;
    run(&day, TASKS, 1, 9);
    for (size_t task = 0; task < TASKS; task++) {
        assert_int_equal(atomic_load(&day.worked[task]), task <= 9 ? 1 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(no_task_is_fine),
        cmocka_unit_test(after_a_stop_nothing_is_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
