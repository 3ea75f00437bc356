/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/email.h"
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct test_library library;

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

static int64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status authenticate(const char *email, const char *password,
                                char out_id[ID_SIZE], struct error *err)
{
    return account_authenticate(library.redis, email, password, out_id, err);
}

static void a_new_account_has_a_trial_and_nothing_in_it(void **state)
{
    (void)state;
    int64_t before_ms = clock_ms();
    char id[ID_SIZE];
    test_account_make(&library, "new@example.org", id);
    struct account account = test_account_read(&library, id);
    assert_string_equal(account.id, id);
    assert_string_equal(account.email, "new@example.org");
    assert_string_equal(account.region, TEST_REGION);
    assert_in_range(account.created_ms, before_ms, clock_ms());
    assert_int_equal(account.trial_until_ms,
                     account.created_ms + 30 * INT64_C(86400000));
    assert_int_equal(account.granted_until_ms, 0);
    assert_int_equal(account.used_bytes, 0);
    assert_int_equal(account.limit_bytes, TEST_LIMIT_BYTES);
    assert_int_equal(account.track_count, 0);
    assert_int_equal(account.version, 0);
    int64_t until_ms = 0;
    assert_int_equal(
        account_subscription(&account, account.created_ms, 7, &until_ms),
        SUBSCRIPTION_TRIAL);
}

static void each_account_has_a_key_of_its_own(void **state)
{
    (void)state;
    char id[ID_SIZE];
    uint8_t one[AES256_KEY_BYTES];
    uint8_t two[AES256_KEY_BYTES];
    test_account_make(&library, "key@example.org", id);
    struct account first = test_account_read(&library, library.account);
    struct account second = test_account_read(&library, id);
    assert_int_equal(
        keyring_unwrap(library.keyring, one, first.wrapped_key, NULL),
        STATUS_OK);
    assert_int_equal(
        keyring_unwrap(library.keyring, two, second.wrapped_key, NULL),
        STATUS_OK);
    assert_memory_not_equal(one, two, sizeof one);
}

static void the_address_may_be_spelt_in_any_case(void **state)
{
    (void)state;
    char id[ID_SIZE];
    assert_int_equal(authenticate("aDA@eXAMPLE.ORG", TEST_PASSWORD, id, NULL),
                     STATUS_OK);
    assert_string_equal(id, library.account);
    assert_int_equal(account_find(library.redis, "ada@example.org", id, NULL),
                     STATUS_OK);
    assert_string_equal(id, library.account);
}

static void an_address_belongs_to_one_account(void **state)
{
    (void)state;
    const struct account_new wanted = {"ADA@example.org", "other password",
                                       TEST_REGION, 30, 1};
    char id[ID_SIZE];
    struct error err;
    int64_t keys_before = TEST_ASK(library.redis, "DBSIZE");
    assert_int_equal(
        account_create(library.redis, library.keyring, &wanted, id, &err),
        STATUS_CONFLICT);
    assert_string_equal(err.code, "email_taken");
    assert_int_equal(TEST_ASK(library.redis, "DBSIZE"), keys_before);
    assert_int_equal(authenticate(TEST_EMAIL, TEST_PASSWORD, id, NULL),
                     STATUS_OK);
}

static void what_cannot_be_an_account_is_refused(void **state)
{
    (void)state;
    char long_password[PASSWORD_MAX + 2];
    memset(long_password, 'x', sizeof long_password - 1);
    long_password[sizeof long_password - 1] = '\0';
    const struct {
        struct account_new wanted;
        const char *code;
    } cases[] = {
        {{"nobody", "password", TEST_REGION, 1, 1}, "bad_email"},
        {{"a b@c", "password", TEST_REGION, 1, 1}, "bad_email"},
        {{"x@y", "1234567", TEST_REGION, 1, 1}, "bad_password"},
        {{"x@y", long_password, TEST_REGION, 1, 1}, "bad_password"},
        {{"x@y", "password", "atlantis", 1, 1}, "bad_region"},
        {{"x@y", "password", "", 1, 1}, "bad_region"},
        {{"x@y", "password", "a-name-that-is-longer-than-any-region-is", 1, 1},
         "bad_region"},
    };
    int64_t keys_before = TEST_ASK(library.redis, "DBSIZE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[ID_SIZE];
        struct error err = {0};
        assert_int_equal(account_create(library.redis, library.keyring,
                                        &cases[i].wanted, id, &err),
                         STATUS_INVALID);
        assert_string_equal(err.code, cases[i].code);
    }
    assert_int_equal(TEST_ASK(library.redis, "DBSIZE"), keys_before);
}

static void a_stranger_learns_nothing_from_a_refusal(void **state)
{
    (void)state;
    static const char *const tries[][2] = {
        {TEST_EMAIL, "wrong password"},
        {"nobody@example.org", TEST_PASSWORD},
        {"nobody@example.org", ""},
        {"no address", TEST_PASSWORD},
    };
    struct error first = {0};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char id[ID_SIZE] = "unchanged";
        struct error err = {0};
        assert_int_equal(authenticate(tries[i][0], tries[i][1], id, &err),
                         STATUS_DENIED);
        assert_string_equal(err.code, "invalid_grant");
        assert_string_equal(id, "");
        first = i == 0 ? err : first;
        assert_string_equal(err.text, first.text);
    }
}

static void a_grant_reaches_a_lapsed_account_too(void **state)
{
    (void)state;
    char id[ID_SIZE];
    int64_t until_ms = 0;
    test_account_make(&library, "lapsed@example.org", id);
    struct account account = test_account_read(&library, id);
    int64_t later_ms = account.created_ms + 400 * INT64_C(86400000);
    assert_int_equal(account_subscription(&account, later_ms, 7, &until_ms),
                     SUBSCRIPTION_LAPSED);
    assert_int_equal(account_grant(library.redis, id, later_ms + 1000, NULL),
                     STATUS_OK);
    account = test_account_read(&library, id);
    assert_int_equal(account_subscription(&account, later_ms, 7, &until_ms),
                     SUBSCRIPTION_ACTIVE);
    assert_int_equal(until_ms, later_ms + 1000);
    assert_int_equal(
        authenticate("lapsed@example.org", TEST_PASSWORD, id, NULL), STATUS_OK);
}

static void there_is_nothing_where_no_account_is(void **state)
{
    (void)state;
    static const char *const ids[] = {"acc_none", "", "no id", "{a:x}"};
    struct account account;
    struct error err = {0};
    char id[ID_SIZE];
    int64_t keys_before = TEST_ASK(library.redis, "DBSIZE");
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(account_read(library.redis, ids[i], &account, &err),
                         STATUS_NOT_FOUND);
        assert_string_equal(err.code, "no_account");
        assert_int_equal(account_grant(library.redis, ids[i], 1, &err),
                         STATUS_NOT_FOUND);
    }
    assert_int_equal(
        account_find(library.redis, "nobody@example.org", id, &err),
        STATUS_NOT_FOUND);
    assert_int_equal(account_find(library.redis, "no address", id, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(TEST_ASK(library.redis, "DBSIZE"), keys_before);
}

/* As a crash leaves it while an account is being removed. */
static void an_address_whose_account_is_gone_is_free(void **state)
{
    (void)state;
    char hash[2 * SHA256_BYTES + 1];
    char id[ID_SIZE];
    char found[ID_SIZE];
    struct error err;
    email_hash(hash, "gone@example.org");
    struct key key = key_email(hash);
    (void)TEST_ASK(library.redis, "SET", key.text, "acc_gone");
    assert_int_equal(
        account_find(library.redis, "gone@example.org", found, &err),
        STATUS_NOT_FOUND);
    assert_int_equal(
        authenticate("gone@example.org", TEST_PASSWORD, found, &err),
        STATUS_DENIED);
    test_account_make(&library, "gone@example.org", id);
    assert_int_equal(
        account_find(library.redis, "gone@example.org", found, NULL),
        STATUS_OK);
    assert_string_equal(found, id);
}

enum { RACERS = 4 };
static pthread_barrier_t barrier;

static void *race_to_sign_up(void *result)
{
    const struct account_new wanted = {"race@example.org", TEST_PASSWORD,
                                       TEST_REGION, 30, 1};
    struct redis *redis = test_redis_open(&library.server);
    char id[ID_SIZE];
    (void)pthread_barrier_wait(&barrier);
    *(enum status *)result =
        account_create(redis, library.keyring, &wanted, id, NULL);
    redis_close(redis);
    return NULL;
}

static void of_many_who_race_for_an_address_one_gets_it(void **state)
{
    (void)state;
    pthread_t threads[RACERS];
    enum status results[RACERS];
    int won = 0;
    int64_t keys_before = TEST_ASK(library.redis, "DBSIZE");
    assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, race_to_sign_up, &results[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(results[i] == STATUS_OK || results[i] == STATUS_CONFLICT);
        won += results[i] == STATUS_OK;
    }
    assert_int_equal(won, 1);
    /* the account and its address; nothing of the others stays */
    assert_int_equal(TEST_ASK(library.redis, "DBSIZE"), keys_before + 2);
}

static bool is_listed(const char *account_id, size_t *count)
{
    char(*ids)[ID_SIZE] = NULL;
    struct error err;
    bool found = false;
    assert_int_equal(accounts_list(library.redis, &ids, count, &err),
                     STATUS_OK);
    for (size_t i = 0; i < *count; i++) {
        assert_true(i == 0 || strcmp(ids[i - 1], ids[i]) < 0);
        found = found || strcmp(ids[i], account_id) == 0;
    }
    free(ids);
    return found;
}

/* Whoever asks for all accounts must miss none: what is owned by one that is
 * missed would be taken for nobody's. */
static void every_account_is_in_the_list_of_all(void **state)
{
    (void)state;
    char id[ID_SIZE];
    size_t count = 0;
    size_t again = 0;
    test_account_make(&library, "listed@example.org", id);
    assert_true(is_listed(id, &count));
    assert_true(is_listed(library.account, &count));
    /* The loser of a race for an address leaves nothing. */
    const struct account_new twice = {.email = "listed@example.org",
                                      .password = TEST_PASSWORD,
                                      .region = TEST_REGION,
                                      .trial_days = 30,
                                      .limit_bytes = 1};
    struct error err;
    char other[ID_SIZE];
    assert_int_equal(
        account_create(library.redis, library.keyring, &twice, other, &err),
        STATUS_CONFLICT);
    assert_false(is_listed(other, &again));
    assert_int_equal(again, count);
    /* One from before the set was kept, which owns something. */
    struct key all = key_accounts();
    struct key unmatched = key_unmatched_accounts();
    assert_int_equal(TEST_ASK(library.redis, "SREM", all.text, id), 1);
    assert_false(is_listed(id, &again));
    assert_int_equal(TEST_ASK(library.redis, "SADD", unmatched.text, id), 1);
    assert_true(is_listed(id, &again));
    assert_int_equal(again, count);
}

static void more_accounts_than_a_page_are_listed(void **state)
{
    (void)state;
    enum { MANY = 1700 };
    struct key all = key_accounts();
    size_t before = 0;
    size_t after = 0;
    (void)is_listed("", &before);
    for (int page = 0; page < 4; page++) {
        char ids[MANY / 4][32];
        struct redis_arg args[2 + MANY / 4] = {redis_text("SADD"),
                                               redis_text(all.text)};
        for (int i = 0; i < MANY / 4; i++) {
            (void)snprintf(ids[i], sizeof ids[i], "acc_many%d",
                           page * (MANY / 4) + i);
            args[2 + i] = redis_text(ids[i]);
        }
        assert_int_equal(
            redis_call(library.redis, NULL, args, 2 + MANY / 4, NULL),
            STATUS_OK);
    }
    assert_true(is_listed("acc_many1699", &after));
    assert_int_equal(after, before + MANY);
}

static void a_damaged_key_is_told_and_not_used(void **state)
{
    (void)state;
    struct account account;
    struct error err;
    char id[ID_SIZE];
    test_account_make(&library, "damaged@example.org", id);
    struct key key = key_of_account(KEY_ACCOUNT, id, "");
    (void)TEST_ASK(library.redis, "HSET", key.text, "wrapped_key", "00ff");
    assert_int_equal(account_read(library.redis, id, &account, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "account_key");
}

static void an_account_survives_kill_9_of_redis(void **state)
{
    (void)state;
    char id[ID_SIZE];
    char found[ID_SIZE];
    test_account_make(&library, "kill@example.org", id);
    test_redis_kill(&library.server);
    struct error err;
    assert_int_equal(
        authenticate("kill@example.org", TEST_PASSWORD, found, &err),
        STATUS_UNAVAILABLE);
    test_redis_restart(&library.server);
    assert_int_equal(
        authenticate("kill@example.org", TEST_PASSWORD, found, NULL),
        STATUS_OK);
    assert_string_equal(found, id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_account_has_a_trial_and_nothing_in_it),
        cmocka_unit_test(each_account_has_a_key_of_its_own),
        cmocka_unit_test(the_address_may_be_spelt_in_any_case),
        cmocka_unit_test(an_address_belongs_to_one_account),
        cmocka_unit_test(what_cannot_be_an_account_is_refused),
        cmocka_unit_test(a_stranger_learns_nothing_from_a_refusal),
        cmocka_unit_test(a_grant_reaches_a_lapsed_account_too),
        cmocka_unit_test(there_is_nothing_where_no_account_is),
        cmocka_unit_test(an_address_whose_account_is_gone_is_free),
        cmocka_unit_test(of_many_who_race_for_an_address_one_gets_it),
        cmocka_unit_test(every_account_is_in_the_list_of_all),
        cmocka_unit_test(more_accounts_than_a_page_are_listed),
        cmocka_unit_test(a_damaged_key_is_told_and_not_used),
        cmocka_unit_test(an_account_survives_kill_9_of_redis),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
