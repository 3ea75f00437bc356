/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: how long a call waits, how often it tries, and when nobody does. */
#include "catalog/vault/s3/backoff.h"
#include "catalog/vault/s3/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW_MS = 1000000, FAR_MS = NOW_MS + 3600000 };

static void there_are_as_many_tries_as_allowed(void **state)
{
    (void)state;
    for (unsigned tries = 1; tries <= 20; tries++) {
        struct backoff backoff;
        unsigned done = 1;
        int64_t wait_ms = -1;
        backoff_init(&backoff, tries, FAR_MS);
        while (backoff_next(&backoff, NOW_MS, 0, 7, &wait_ms)) {
            done++;
        }
        assert_int_equal(done, tries);
        assert_int_equal(backoff.tries_done, tries);
    }
}

/* Full jitter: evenly from 0 to a bound that doubles, here by the numbers. */
static void waits_are_drawn_below_a_doubling_bound(void **state)
{
    (void)state;
    static const int64_t bounds[] = {400, 800, 1600, 3200, 5000, 5000, 5000};
    for (uint64_t random = 0; random < 20000; random += 13) {
        struct backoff backoff;
        backoff_init(&backoff, 8, FAR_MS);
        for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
            int64_t wait_ms = -1;
            assert_true(backoff_next(&backoff, NOW_MS, 0, random, &wait_ms));
            assert_int_equal(wait_ms,
                             (int64_t)(random % ((uint64_t)bounds[i] + 1)));
        }
    }
}

static void no_wait_reaches_the_deadline(void **state)
{
    (void)state;
    struct backoff backoff;
    int64_t wait_ms = -1;
    backoff_init(&backoff, 5, NOW_MS + 300);
    assert_true(backoff_next(&backoff, NOW_MS, 0, 299, &wait_ms));
    assert_int_equal(wait_ms, 299);
    assert_false(backoff_next(&backoff, NOW_MS, 0, 300, &wait_ms));
    assert_false(backoff_next(&backoff, NOW_MS + 300, 0, 0, &wait_ms));
    assert_false(backoff_next(&backoff, NOW_MS + 9999, 0, 0, &wait_ms));
}

static void what_the_store_asks_for_is_waited(void **state)
{
    (void)state;
    struct backoff backoff;
    int64_t wait_ms = -1;
    backoff_init(&backoff, 5, NOW_MS + 30000);
    assert_true(backoff_next(&backoff, NOW_MS, 2000, 3, &wait_ms));
    assert_int_equal(wait_ms, 2000);
    assert_true(backoff_next(&backoff, NOW_MS, 100, 700, &wait_ms));
    assert_int_equal(wait_ms, 700);
    assert_false(backoff_next(&backoff, NOW_MS, 30000, 3, &wait_ms));
}

static void fail_times(struct breaker *breaker, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        breaker_failed(breaker, NOW_MS);
    }
}

static void it_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_FAILURES - 1);
    assert_int_equal(breaker_ask(&breaker, NOW_MS), BREAKER_GO);
    breaker_answered(&breaker);
    fail_times(&breaker, BREAKER_FAILURES - 1);
    assert_int_equal(breaker_ask(&breaker, NOW_MS), BREAKER_GO);
    fail_times(&breaker, 1);
    assert_int_equal(breaker_ask(&breaker, NOW_MS), BREAKER_REFUSE);
    assert_int_equal(breaker_ask(&breaker, NOW_MS + BREAKER_OPEN_MS - 1),
                     BREAKER_REFUSE);
}

static void one_tries_for_all(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    const int64_t later_ms = NOW_MS + BREAKER_OPEN_MS;
    fail_times(&breaker, BREAKER_FAILURES);
    assert_int_equal(breaker_ask(&breaker, later_ms), BREAKER_TRY);
    assert_int_equal(breaker_ask(&breaker, later_ms), BREAKER_REFUSE);
    breaker_answered(&breaker);
    assert_int_equal(breaker_ask(&breaker, later_ms), BREAKER_GO);
}

static void a_failed_trial_opens_it_again(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    const int64_t later_ms = NOW_MS + BREAKER_OPEN_MS;
    fail_times(&breaker, BREAKER_FAILURES);
    assert_int_equal(breaker_ask(&breaker, later_ms), BREAKER_TRY);
    breaker_failed(&breaker, later_ms + 1000);
    assert_int_equal(breaker_ask(&breaker, later_ms + 5999), BREAKER_REFUSE);
    assert_int_equal(breaker_ask(&breaker, later_ms + 6000), BREAKER_TRY);
}

static void a_trial_that_never_reports_does_no_harm(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    fail_times(&breaker, BREAKER_FAILURES);
    for (int i = 1; i <= 3; i++) {
        int64_t at_ms = NOW_MS + (int64_t)i * BREAKER_OPEN_MS;
        assert_int_equal(breaker_ask(&breaker, at_ms), BREAKER_TRY);
        assert_int_equal(breaker_ask(&breaker, at_ms + 1), BREAKER_REFUSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_tries_as_allowed),
        cmocka_unit_test(waits_are_drawn_below_a_doubling_bound),
        cmocka_unit_test(no_wait_reaches_the_deadline),
        cmocka_unit_test(what_the_store_asks_for_is_waited),
        cmocka_unit_test(it_opens_after_failures_in_a_row),
        cmocka_unit_test(one_tries_for_all),
        cmocka_unit_test(a_failed_trial_opens_it_again),
        cmocka_unit_test(a_trial_that_never_reports_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
