/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* Error replies as redis-server 7.0.15 words them. */
static void states_of_the_server_are_unavailability(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "LOADING Redis is loading the dataset in memory",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "BUSY Redis is busy running a script.",
        "READONLY You can't write against a read only replica.",
        "CLUSTERDOWN The cluster is down",
        "NOAUTH Authentication required.",
        "ERR max number of clients reached",
        "ERR max number of clients + cluster connections reached",
    };
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        const struct redis_refusal *refusal = redis_refusal_find(replies[i]);
        assert_non_null(refusal);
        assert_int_equal(refusal->status, STATUS_UNAVAILABLE);
        assert_string_equal(refusal->code, "redis_unavailable");
        assert_true(strlen(refusal->advice) > 10);
    }
}

static void mistakes_of_ours_are_not_excused(void **state)
{
    (void)state;
    assert_null(redis_refusal_find(
        "WRONGTYPE Operation against a key holding the wrong kind of value"));
    assert_null(redis_refusal_find("ERR unknown command 'FOO'"));
    assert_null(redis_refusal_find("ERR value is not an integer"));
    assert_null(redis_refusal_find("NOSCRIPT No matching script."));
    assert_null(redis_refusal_find(""));
}

static void consumer_groups_are_told_apart(void **state)
{
    (void)state;
    const struct redis_refusal *there =
        redis_refusal_find("BUSYGROUP Consumer Group name already exists");
    assert_int_equal(there->status, STATUS_CONFLICT);
    const struct redis_refusal *missing = redis_refusal_find(
        "NOGROUP No such key 'jobs' or consumer group 'g' in XREADGROUP");
    assert_int_equal(missing->status, STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_of_the_server_are_unavailability),
        cmocka_unit_test(mistakes_of_ours_are_not_excused),
        cmocka_unit_test(consumer_groups_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
