/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: an upload is never worked on twice at once, and one that cannot be done
 * yet is tried again, less and less often. */
#include "api/held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int set_up(void **state)
{
    struct error err = {0};
    struct held *held = NULL;
    assert_int_equal(held_open(&held, &err), STATUS_OK);
    *state = held;
    return 0;
}

static int tear_down(void **state)
{
    held_close(*state);
    return 0;
}

static void test_an_upload_is_in_hand_once(void **state)
{
    struct held *held = *state;
    const struct job job = {.entry_id = "1-0", .item_id = "upl_1"};
    const struct job again = {.entry_id = "2-0", .item_id = "upl_1"};
    const struct job other = {.entry_id = "3-0", .item_id = "upl_2"};
    assert_true(held_take(held, &job));
    assert_false(held_take(held, &job));
    assert_false(held_take(held, &again));
    assert_true(held_take(held, &other));
    held_release(held, &job);
    assert_true(held_take(held, &again));
}

static void test_a_delayed_job_comes_when_it_is_due(void **state)
{
    struct held *held = *state;
    const struct job job = {.entry_id = "1-0", .item_id = "upl_1"};
    struct job due;
    assert_true(held_take(held, &job));
    assert_false(held_take_due(held, INT64_MAX, &due)); /* it runs */
    int64_t wait_ms = held_delay(held, &job, 5000);
    assert_int_equal(wait_ms, HELD_DELAY_FIRST_MS);
    assert_false(held_take(held, &job)); /* still in hand */
    assert_false(held_take_due(held, 5000 + wait_ms - 1, &due));
    assert_true(held_take_due(held, 5000 + wait_ms, &due));
    assert_string_equal(due.entry_id, "1-0");
    assert_false(held_take_due(held, INT64_MAX, &due));
}

static void test_tries_become_rarer_up_to_a_bound(void **state)
{
    struct held *held = *state;
    const struct job job = {.item_id = "upl_1"};
    struct job due;
    int64_t before_ms = 0;
    assert_true(held_take(held, &job));
    for (int i = 0; i < 100; i++) {
        int64_t wait_ms = held_delay(held, &job, 0);
        assert_true(wait_ms >= before_ms);
        assert_true(wait_ms <= HELD_DELAY_LAST_MS);
        assert_true(i < 10 || wait_ms == HELD_DELAY_LAST_MS);
        before_ms = wait_ms;
        assert_true(held_take_due(held, wait_ms, &due));
    }
    held_release(held, &job);
    assert_true(held_take(held, &job)); /* anew, from the first delay */
    assert_int_equal(held_delay(held, &job, 0), HELD_DELAY_FIRST_MS);
}

static void test_the_hand_has_a_bound(void **state)
{
    struct held *held = *state;
    struct job job = {0};
    for (int i = 0; i < HELD_MAX; i++) {
        (void)snprintf(job.item_id, sizeof job.item_id, "upl_%d", i);
        assert_true(held_take(held, &job));
    }
    const struct job more = {.item_id = "upl_more"};
    assert_false(held_take(held, &more));
    held_release(held, &job);
    assert_true(held_take(held, &more));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_upload_is_in_hand_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_delayed_job_comes_when_it_is_due,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tries_become_rarer_up_to_a_bound,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_hand_has_a_bound, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
