/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void addresses_are_read(void **state)
{
    (void)state;
    struct redis_seeds seeds;
    const struct redis_address *address = &seeds.at[0];
    assert_int_equal(redis_seeds_parse(&seeds, "unix:/run/r/redis.sock", NULL),
                     STATUS_OK);
    assert_int_equal(seeds.count, 1);
    assert_string_equal(address->path, "/run/r/redis.sock");
    assert_int_equal(redis_seeds_parse(&seeds, "redis://db.example:6379", NULL),
                     STATUS_OK);
    assert_int_equal(seeds.count, 1);
    assert_string_equal(address->path, "");
    assert_string_equal(address->host, "db.example");
    assert_int_equal(address->port, 6379);
    assert_int_equal(address->database, 0);
    assert_int_equal(
        redis_seeds_parse(&seeds, "redis://[2001:db8::1]:1/15", NULL),
        STATUS_OK);
    assert_string_equal(address->host, "2001:db8::1");
    assert_int_equal(address->database, 15);
}

static void several_nodes_of_a_cluster_are_read(void **state)
{
    (void)state;
    struct redis_seeds seeds;
    assert_int_equal(
        redis_seeds_parse(&seeds, "redis://a:1,b.example:22,[::1]:333", NULL),
        STATUS_OK);
    assert_int_equal(seeds.count, 3);
    assert_string_equal(seeds.at[0].host, "a");
    assert_int_equal(seeds.at[0].port, 1);
    assert_string_equal(seeds.at[1].host, "b.example");
    assert_int_equal(seeds.at[1].port, 22);
    assert_string_equal(seeds.at[2].host, "::1");
    assert_int_equal(seeds.at[2].port, 333);
}

static void as_many_nodes_as_there_is_room_for(void **state)
{
    (void)state;
    char text[512] = "redis://h:1";
    for (int i = 1; i < REDIS_SEEDS_MAX; i++) {
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, ",h:%d", i + 1);
    }
    struct redis_seeds seeds;
    assert_int_equal(redis_seeds_parse(&seeds, text, NULL), STATUS_OK);
    assert_int_equal(seeds.count, REDIS_SEEDS_MAX);
    size_t length = strlen(text);
    (void)snprintf(text + length, sizeof text - length, ",h:99");
    assert_int_equal(redis_seeds_parse(&seeds, text, NULL), STATUS_INVALID);
}

static void names_are_addresses_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"unix:/run/s", "redis://h.example:7",
                                        "redis://[2001:db8::1]:6379"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct redis_seeds seeds;
        char name[REDIS_NAME_SIZE];
        assert_int_equal(redis_seeds_parse(&seeds, texts[i], NULL), STATUS_OK);
        redis_address_name(name, &seeds.at[0]);
        assert_string_equal(name, texts[i]);
        assert_true(redis_address_equal(&seeds.at[0], &seeds.at[0]));
    }
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
        "redis://[::1]",
        "redis://[]:6379",
        "redis://host:99999999999999999999",
        "rediss://host:6379",
        "redis://a:1,",
        "redis://,a:1",
        "redis://a:1,,b:2",
        "redis://a:1,b",
        "redis://a:1, b:2",
        "redis://a,b:2",
        "redis://a:1,redis://b:2",
        /* a cluster has no other database */
        "redis://a:1,b:2/1",
        "redis://a:1,b:2/0",
        "redis://a:1/1,b:2",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct redis_seeds seeds;
        struct error err = {0};
        assert_int_equal(redis_seeds_parse(&seeds, bad[i], &err),
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
    struct redis_seeds seeds;
    text[5 + 107] = '\0';
    assert_int_equal(redis_seeds_parse(&seeds, text, NULL), STATUS_OK);
    text[5 + 107] = 'x';
    text[5 + 108] = '\0';
    assert_int_equal(redis_seeds_parse(&seeds, text, NULL), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(several_nodes_of_a_cluster_are_read),
        cmocka_unit_test(as_many_nodes_as_there_is_room_for),
        cmocka_unit_test(names_are_addresses_again),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(longest_socket_path_is_107_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
