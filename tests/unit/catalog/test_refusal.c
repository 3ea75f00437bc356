/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/address.h"
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

static void addresses_are_read(void **state)
{
    (void)state;
    struct redis_address address;
    assert_int_equal(
        redis_address_parse(&address, "unix:/run/r/redis.sock", NULL),
        STATUS_OK);
    assert_string_equal(address.path, "/run/r/redis.sock");
    assert_int_equal(
        redis_address_parse(&address, "redis://db.example:6379", NULL),
        STATUS_OK);
    assert_string_equal(address.path, "");
    assert_string_equal(address.host, "db.example");
    assert_int_equal(address.port, 6379);
    assert_int_equal(address.database, 0);
    assert_int_equal(
        redis_address_parse(&address, "redis://[2001:db8::1]:1/15", NULL),
        STATUS_OK);
    assert_string_equal(address.host, "2001:db8::1");
    assert_int_equal(address.database, 15);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "unix:",
        "unix:relative.sock",
        "/run/redis.sock",
        "redis://",
        "redis://host",
        "redis://:6379",
        "redis://host:",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:6379/",
        "redis://host:6379/16",
        "redis://host:6379/-1",
        "redis://host:6379/1x",
        "redis://[::1:6379",
        "redis://[::1]6379",
        "redis://[]:6379",
        "redis://host:99999999999999999999",
        "rediss://host:6379",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct redis_address address;
        struct error err = {0};
        assert_int_equal(redis_address_parse(&address, bad[i], &err),
                         STATUS_INVALID);
        assert_string_equal(err.code, "bad_redis_address");
    }
}

/* unix(7): sun_path holds 108 bytes, one of them the NUL. */
static void longest_socket_path_is_107_bytes(void **state)
{
    (void)state;
    char text[5 + 108 + 1];
    memset(text, 'x', sizeof text);
    memcpy(text, "unix:/", 6);
    struct redis_address address;
    text[5 + 107] = '\0';
    assert_int_equal(redis_address_parse(&address, text, NULL), STATUS_OK);
    text[5 + 107] = 'x';
    text[5 + 108] = '\0';
    assert_int_equal(redis_address_parse(&address, text, NULL), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_of_the_server_are_unavailability),
        cmocka_unit_test(mistakes_of_ours_are_not_excused),
        cmocka_unit_test(consumer_groups_are_told_apart),
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(longest_socket_path_is_107_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
