/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/devices.h"
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct test_library library;

/* Given to every call: no test waits for a clock. */
static const int64_t NOW_MS = 1700000000000;
static const int64_t HOUR_MS = INT64_C(3600) * 1000;
static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

static int setup(void **state)
{
    (void)state;
    test_library_start(&library);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_library_stop(&library);
    return 0;
}

/* Every test begins without devices. */
static int sign_all_out(void **state)
{
    (void)state;
    struct key devices = key_of_account(KEY_DEVICES, library.account, "");
    struct key tokens = key_of_account(KEY_TOKENS, library.account, "");
    (void)TEST_ASK(library.redis, "DEL", devices.text, tokens.text);
    return 0;
}

static struct device_tokens sign_in(const char *name, int64_t now_ms)
{
    struct device_tokens tokens;
    assert_int_equal(device_sign_in(library.redis, library.account, name,
                                    now_ms, &tokens, NULL),
                     STATUS_OK);
    return tokens;
}

static void expect_valid(const char *access, int64_t now_ms,
                         const char *device_id)
{
    struct principal who;
    assert_int_equal(
        device_authenticate(library.redis, access, now_ms, &who, NULL),
        STATUS_OK);
    assert_string_equal(who.account_id, library.account);
    assert_string_equal(who.device_id, device_id);
}

static void expect_invalid(const char *access, int64_t now_ms)
{
    struct principal who;
    struct error err;
    assert_int_equal(
        device_authenticate(library.redis, access, now_ms, &who, &err),
        STATUS_DENIED);
    assert_string_equal(err.code, "invalid_token");
    assert_string_equal(who.account_id, "");
}

static void expect_no_refresh(const char *refresh, int64_t now_ms)
{
    struct device_tokens tokens;
    struct error err;
    assert_int_equal(
        device_refresh(library.redis, refresh, now_ms, &tokens, &err),
        STATUS_DENIED);
    assert_string_equal(err.code, "invalid_grant");
    assert_string_equal(tokens.access, "");
}

static size_t list(struct device out[DEVICES_MAX])
{
    struct device *devices = NULL;
    size_t count = 0;
    assert_int_equal(
        device_list(library.redis, library.account, &devices, &count, NULL),
        STATUS_OK);
    assert_in_range(count, 0, DEVICES_MAX);
    memcpy(out, devices, count * sizeof *devices);
    free(devices);
    return count;
}

static size_t count_devices(void)
{
    struct device devices[DEVICES_MAX];
    return list(devices);
}

static void a_token_speaks_for_its_account_and_device(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    struct device_tokens radio = sign_in("Radio", NOW_MS);
    expect_valid(phone.access, NOW_MS, phone.device_id);
    expect_valid(radio.access, NOW_MS, radio.device_id);
}

static void each_kind_of_token_is_good_for_its_use_alone(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    expect_invalid(phone.refresh, NOW_MS);
    expect_no_refresh(phone.access, NOW_MS);
    expect_valid(phone.access, NOW_MS, phone.device_id);
}

static void access_ends_after_an_hour(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    expect_valid(phone.access, NOW_MS + HOUR_MS - 1, phone.device_id);
    expect_invalid(phone.access, NOW_MS + HOUR_MS);
}

static void refreshing_ends_after_90_days(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    struct device_tokens radio = sign_in("Radio", NOW_MS);
    struct device_tokens next;
    assert_int_equal(device_refresh(library.redis, phone.refresh,
                                    NOW_MS + 90 * DAY_MS - 1, &next, NULL),
                     STATUS_OK);
    expect_no_refresh(radio.refresh, NOW_MS + 90 * DAY_MS);
}

static void malformed_tokens_never_reach_redis(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "rf_", "Bearer x", "rf_acc_1.abc", "rf_a:b.0", "\xff\xfe"};
    struct redis *nowhere = NULL;
    struct principal who;
    struct device_tokens tokens;
    struct error err;
    assert_int_equal(redis_open(&nowhere, "unix:/nonexistent/socket", NULL),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            device_authenticate(nowhere, bad[i], NOW_MS, &who, &err),
            STATUS_DENIED);
        assert_int_equal(device_refresh(nowhere, bad[i], NOW_MS, &tokens, &err),
                         STATUS_DENIED);
    }
    redis_close(nowhere);
}

static void a_token_with_one_digit_changed_is_worth_nothing(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    size_t last = strlen(phone.access) - 1;
    phone.access[last] = phone.access[last] == '0' ? '1' : '0';
    expect_invalid(phone.access, NOW_MS);
}

static void a_token_of_another_account_finds_nothing_here(void **state)
{
    (void)state;
    char other[ID_SIZE];
    char forged[TOKEN_SIZE];
    test_account_make(&library, "other@example.org", other);
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    (void)snprintf(forged, sizeof forged, "rf_%s%s", other,
                   strchr(phone.access, '.'));
    expect_invalid(forged, NOW_MS);
}

static void a_refresh_token_works_once(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    struct device_tokens next;
    assert_int_equal(
        device_refresh(library.redis, phone.refresh, NOW_MS, &next, NULL),
        STATUS_OK);
    assert_string_equal(next.device_id, phone.device_id);
    assert_string_not_equal(next.refresh, phone.refresh);
    expect_valid(next.access, NOW_MS, phone.device_id);
    expect_valid(phone.access, NOW_MS, phone.device_id); /* until it expires */
    struct device_tokens third;
    assert_int_equal(
        device_refresh(library.redis, next.refresh, NOW_MS, &third, NULL),
        STATUS_OK);
    expect_valid(third.access, NOW_MS, phone.device_id);
}

static void the_second_use_signs_the_device_out(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    struct device_tokens radio = sign_in("Radio", NOW_MS);
    struct device_tokens next;
    assert_int_equal(
        device_refresh(library.redis, phone.refresh, NOW_MS, &next, NULL),
        STATUS_OK);
    expect_no_refresh(phone.refresh, NOW_MS + DAY_MS);
    expect_invalid(next.access, NOW_MS);
    expect_invalid(phone.access, NOW_MS);
    expect_no_refresh(next.refresh, NOW_MS);
    assert_int_equal(count_devices(), 1);
    expect_valid(radio.access, NOW_MS, radio.device_id);
}

static void tokens_do_not_pile_up(void **state)
{
    (void)state;
    struct key tokens = key_of_account(KEY_TOKENS, library.account, "");
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    for (int i = 0; i < 100; i++) {
        struct device_tokens next;
        assert_int_equal(device_refresh(library.redis, phone.refresh,
                                        NOW_MS + i, &next, NULL),
                         STATUS_OK);
        phone = next;
    }
    expect_valid(phone.access, NOW_MS + 100, phone.device_id);
    assert_in_range(TEST_ASK(library.redis, "HLEN", tokens.text), 2, 64);
    /* expired ones go at the next sign-in */
    (void)sign_in("Radio", NOW_MS + 100 * DAY_MS);
    assert_int_equal(TEST_ASK(library.redis, "HLEN", tokens.text), 2);
}

static void ten_devices_fit_and_removing_one_makes_room(void **state)
{
    (void)state;
    struct device_tokens devices[DEVICES_MAX];
    struct device_tokens extra;
    struct error err;
    for (int i = 0; i < DEVICES_MAX; i++) {
        devices[i] = sign_in("Player", NOW_MS + i);
    }
    assert_int_equal(device_sign_in(library.redis, library.account, "One more",
                                    NOW_MS, &extra, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "device_limit");
    assert_string_equal(extra.access, "");
    assert_int_equal(device_remove(library.redis, library.account,
                                   devices[3].device_id, NULL),
                     STATUS_OK);
    expect_invalid(devices[3].access, NOW_MS);
    expect_no_refresh(devices[3].refresh, NOW_MS);
    (void)sign_in("One more", NOW_MS);
    assert_int_equal(count_devices(), DEVICES_MAX);
    expect_valid(devices[4].access, NOW_MS, devices[4].device_id);
}

static void a_device_that_stayed_away_takes_no_place(void **state)
{
    (void)state;
    for (int i = 0; i < DEVICES_MAX; i++) {
        (void)sign_in("Old", NOW_MS);
    }
    (void)sign_in("New", NOW_MS + 90 * DAY_MS);
    assert_int_equal(count_devices(), 1);
}

enum { RACERS = DEVICES_MAX + 1 };
static pthread_barrier_t barrier;

static void *race_to_sign_in(void *result)
{
    struct redis *redis = test_redis_open(&library.server);
    struct device_tokens tokens;
    (void)pthread_barrier_wait(&barrier);
    *(enum status *)result =
        device_sign_in(redis, library.account, "Racer", NOW_MS, &tokens, NULL);
    redis_close(redis);
    return NULL;
}

static void of_eleven_who_sign_in_at_once_ten_succeed(void **state)
{
    (void)state;
    pthread_t threads[RACERS];
    enum status results[RACERS];
    int won = 0;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, race_to_sign_in, &results[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(results[i] == STATUS_OK || results[i] == STATUS_CONFLICT);
        won += results[i] == STATUS_OK;
    }
    assert_int_equal(won, DEVICES_MAX);
    assert_int_equal(count_devices(), DEVICES_MAX);
}

static void last_seen_is_noted_once_a_minute(void **state)
{
    (void)state;
    struct device devices[DEVICES_MAX];
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    expect_valid(phone.access, NOW_MS + 59999, phone.device_id);
    assert_int_equal(list(devices), 1);
    assert_int_equal(devices[0].last_seen_ms, NOW_MS);
    expect_valid(phone.access, NOW_MS + 60000, phone.device_id);
    assert_int_equal(list(devices), 1);
    assert_int_equal(devices[0].last_seen_ms, NOW_MS + 60000);
    assert_int_equal(devices[0].created_ms, NOW_MS);
}

static void devices_are_listed_oldest_first_as_they_were_named(void **state)
{
    (void)state;
    static const char odd[] = "K\xc3\xbc"
                              "che | 1|2|\"x\" %s {}";
    struct device devices[DEVICES_MAX];
    char longest[DEVICE_NAME_SIZE];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    (void)sign_in(longest, NOW_MS + 2);
    struct device_tokens kitchen = sign_in(odd, NOW_MS + 1);
    expect_valid(kitchen.access, NOW_MS + 60001, kitchen.device_id);
    assert_int_equal(list(devices), 2);
    assert_string_equal(devices[0].name, odd);
    assert_string_equal(devices[0].id, kitchen.device_id);
    assert_string_equal(devices[1].name, longest);
}

static void names_that_cannot_be_shown_are_refused(void **state)
{
    (void)state;
    char too_long[DEVICE_NAME_SIZE + 1];
    memset(too_long, 'n', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    const char *const bad[] = {"", too_long, "a\nb", "\x1b[31m", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct device_tokens tokens;
        struct error err;
        assert_int_equal(device_sign_in(library.redis, library.account, bad[i],
                                        NOW_MS, &tokens, &err),
                         STATUS_INVALID);
        assert_string_equal(err.code, "bad_device_name");
    }
}

static void nobody_removes_the_device_of_another(void **state)
{
    (void)state;
    char other[ID_SIZE];
    struct error err;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    test_account_make(&library, "thief@example.org", other);
    const char *const ids[] = {phone.device_id, "dev_none", "", "*", "a b"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(device_remove(library.redis, other, ids[i], &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_device");
    }
    expect_valid(phone.access, NOW_MS, phone.device_id);
}

static void there_is_no_device_without_an_account(void **state)
{
    (void)state;
    struct device_tokens tokens;
    struct error err;
    int64_t keys_before = TEST_ASK(library.redis, "DBSIZE");
    assert_int_equal(device_sign_in(library.redis, "acc_none", "Phone", NOW_MS,
                                    &tokens, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.code, "no_account");
    assert_int_equal(TEST_ASK(library.redis, "DBSIZE"), keys_before);
}

static void tokens_survive_kill_9_of_redis(void **state)
{
    (void)state;
    struct device_tokens phone = sign_in("Phone", NOW_MS);
    struct device_tokens radio = sign_in("Radio", NOW_MS);
    struct device_tokens next;
    assert_int_equal(
        device_refresh(library.redis, phone.refresh, NOW_MS, &next, NULL),
        STATUS_OK);
    assert_int_equal(
        device_remove(library.redis, library.account, radio.device_id, NULL),
        STATUS_OK);
    test_redis_kill(&library.server);
    test_redis_restart(&library.server);
    expect_valid(next.access, NOW_MS, phone.device_id);
    expect_invalid(radio.access, NOW_MS);
    assert_int_equal(
        device_refresh(library.redis, next.refresh, NOW_MS, &next, NULL),
        STATUS_OK);
}

#define DEVICE_TEST(name) cmocka_unit_test_setup(name, sign_all_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(a_token_speaks_for_its_account_and_device),
        DEVICE_TEST(each_kind_of_token_is_good_for_its_use_alone),
        DEVICE_TEST(access_ends_after_an_hour),
        DEVICE_TEST(refreshing_ends_after_90_days),
        DEVICE_TEST(malformed_tokens_never_reach_redis),
        DEVICE_TEST(a_token_with_one_digit_changed_is_worth_nothing),
        DEVICE_TEST(a_token_of_another_account_finds_nothing_here),
        DEVICE_TEST(a_refresh_token_works_once),
        DEVICE_TEST(the_second_use_signs_the_device_out),
        DEVICE_TEST(tokens_do_not_pile_up),
        DEVICE_TEST(ten_devices_fit_and_removing_one_makes_room),
        DEVICE_TEST(a_device_that_stayed_away_takes_no_place),
        DEVICE_TEST(of_eleven_who_sign_in_at_once_ten_succeed),
        DEVICE_TEST(last_seen_is_noted_once_a_minute),
        DEVICE_TEST(devices_are_listed_oldest_first_as_they_were_named),
        DEVICE_TEST(names_that_cannot_be_shown_are_refused),
        DEVICE_TEST(nobody_removes_the_device_of_another),
        DEVICE_TEST(there_is_no_device_without_an_account),
        DEVICE_TEST(tokens_survive_kill_9_of_redis),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
