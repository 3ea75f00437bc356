/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t DAY_MS = 86400000;
enum { GRACE_DAYS = 7 };

/* A trial until day 30, and granted until `granted_day` (0: never). */
static void expect(int64_t now_ms, int64_t granted_day, enum subscription state,
                   int64_t until_ms)
{
    const struct account account = {
        .trial_until_ms = 30 * DAY_MS,
        .granted_until_ms = granted_day * DAY_MS,
    };
    int64_t until = -1;
    assert_int_equal(account_subscription(&account, now_ms, GRACE_DAYS, &until),
                     state);
    assert_int_equal(until, until_ms);
}

static void trial_then_grace_then_lapsed(void **state)
{
    (void)state;
    expect(0, 0, SUBSCRIPTION_TRIAL, 30 * DAY_MS);
    expect(30 * DAY_MS - 1, 0, SUBSCRIPTION_TRIAL, 30 * DAY_MS);
    expect(30 * DAY_MS, 0, SUBSCRIPTION_GRACE, 37 * DAY_MS);
    expect(37 * DAY_MS - 1, 0, SUBSCRIPTION_GRACE, 37 * DAY_MS);
    expect(37 * DAY_MS, 0, SUBSCRIPTION_LAPSED, 37 * DAY_MS);
    expect(400 * DAY_MS, 0, SUBSCRIPTION_LAPSED, 37 * DAY_MS);
}

static void granted_goes_before_trial(void **state)
{
    (void)state;
    expect(DAY_MS, 365, SUBSCRIPTION_ACTIVE, 365 * DAY_MS);
    expect(365 * DAY_MS - 1, 365, SUBSCRIPTION_ACTIVE, 365 * DAY_MS);
    expect(365 * DAY_MS, 365, SUBSCRIPTION_GRACE, 372 * DAY_MS);
    expect(372 * DAY_MS, 365, SUBSCRIPTION_LAPSED, 372 * DAY_MS);
}

static void a_grant_shorter_than_the_trial_falls_back_to_it(void **state)
{
    (void)state;
    expect(9 * DAY_MS, 10, SUBSCRIPTION_ACTIVE, 10 * DAY_MS);
    expect(10 * DAY_MS, 10, SUBSCRIPTION_TRIAL, 30 * DAY_MS);
    expect(30 * DAY_MS, 10, SUBSCRIPTION_GRACE, 37 * DAY_MS);
}

static void a_lapsed_account_can_be_granted_again(void **state)
{
    (void)state;
    expect(400 * DAY_MS, 500, SUBSCRIPTION_ACTIVE, 500 * DAY_MS);
}

static void no_grace_means_lapsed_at_once(void **state)
{
    (void)state;
    const struct account account = {.trial_until_ms = 10};
    int64_t until = 0;
    assert_int_equal(account_subscription(&account, 10, 0, &until),
                     SUBSCRIPTION_LAPSED);
    assert_int_equal(until, 10);
}

static void the_end_of_time_does_not_wrap(void **state)
{
    (void)state;
    const struct account account = {.granted_until_ms = INT64_MAX};
    int64_t until = 0;
    assert_int_equal(
        account_subscription(&account, INT64_MAX, UINT32_MAX, &until),
        SUBSCRIPTION_LAPSED);
    assert_int_equal(until, INT64_MAX);
    assert_int_equal(
        account_subscription(&account, INT64_MAX - 1, UINT32_MAX, &until),
        SUBSCRIPTION_ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trial_then_grace_then_lapsed),
        cmocka_unit_test(granted_goes_before_trial),
        cmocka_unit_test(a_grant_shorter_than_the_trial_falls_back_to_it),
        cmocka_unit_test(a_lapsed_account_can_be_granted_again),
        cmocka_unit_test(no_grace_means_lapsed_at_once),
        cmocka_unit_test(the_end_of_time_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
