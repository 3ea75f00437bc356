/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: secrets are made once, kept for their owner alone, and never replaced
 * by new ones when they are missing. */
#include "catalog/vault/keyring.h"

#include "tests/support/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = PATH_MAX + 64 };

static int set_up(void **state)
{
    struct test_vault *tv = calloc(1, sizeof *tv);
    assert_non_null(tv);
    test_vault_open(tv);
    *state = tv;
    return 0;
}

static int tear_down(void **state)
{
    test_vault_close(*state);
    free(*state);
    return 0;
}

static void path_of(char out[PATH_SIZE], const struct test_vault *tv,
                    const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", tv->keys, name);
}

static void write_secret(const struct test_vault *tv, const char *name,
                         uint8_t first, size_t length, mode_t mode)
{
    char path[PATH_SIZE];
    uint8_t bytes[64] = {first};
    path_of(path, tv, name);
    (void)unlink(path);
    test_write_file(path, bytes, length);
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_refused(const struct test_vault *tv, bool may_create,
                           const char *code, const char *sentence_part)
{
    struct keyring *keyring = NULL;
    struct error err = {0};
    assert_int_equal(keyring_open(&keyring, tv->keys, may_create, &err),
                     STATUS_UNAVAILABLE);
    assert_null(keyring);
    assert_string_equal(err.code, code);
    assert_non_null(strstr(err.text, sentence_part));
}

static void first_start_makes_secrets_for_their_owner_alone(void **state)
{
    const struct test_vault *tv = *state;
    static const char *const names[] = {"master.key",
                                        "region-default.v1.secret"};
    struct keyring *keyring = NULL;
    struct test_vault fresh = {0};
    struct stat facts;
    (void)snprintf(fresh.keys, sizeof fresh.keys, "%s/fresh", tv->root);
    assert_int_equal(keyring_open(&keyring, fresh.keys, true, NULL), STATUS_OK);
    assert_int_equal(stat(fresh.keys, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_SIZE];
        path_of(path, &fresh, names[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 07777, 0400);
        assert_int_equal(facts.st_size, 32);
        assert_int_equal(facts.st_nlink, 1); /* no other name left */
    }
    uint8_t version = 0;
    const uint8_t *secret = keyring_region_secret(keyring, "default", &version);
    assert_non_null(secret);
    assert_int_equal(version, 1);
    size_t length = 0;
    char path[PATH_SIZE];
    path_of(path, &fresh, names[1]);
    uint8_t *bytes = test_read_file(path, &length);
    assert_memory_equal(bytes, secret, 32);
    free(bytes);
    keyring_close(keyring);
}

static void a_restart_finds_the_same_secrets(void **state)
{
    struct test_vault *tv = *state;
    struct account_key_pair pair;
    uint8_t key[AES256_KEY_BYTES];
    uint8_t region[SHA256_BYTES];
    uint8_t version = 0;
    keyring_new_account_key(tv->keyring, &pair);
    memcpy(region, keyring_region_secret(tv->keyring, "default", &version),
           sizeof region);
    test_vault_reopen(tv);
    assert_int_equal(keyring_unwrap(tv->keyring, key, pair.wrapped, NULL),
                     STATUS_OK);
    assert_memory_equal(key, pair.key, sizeof key);
    assert_memory_equal(keyring_region_secret(tv->keyring, "default", &version),
                        region, sizeof region);
}

static void missing_secrets_are_never_made_anew(void **state)
{
    const struct test_vault *tv = *state;
    static const char *const names[] = {"region-default.v1.secret",
                                        "master.key"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < 2; i++) {
        path_of(path, tv, names[i]);
        assert_int_equal(unlink(path), 0);
        expect_refused(tv, false, "keys_missing", "restore it from the backup");
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_int_equal(rmdir(tv->keys), 0);
    expect_refused(tv, false, "keys_missing", "restore it from the backup");
    assert_int_not_equal(access(tv->keys, F_OK), 0);
}

static void secrets_of_a_wrong_size_are_refused(void **state)
{
    const struct test_vault *tv = *state;
    static const size_t lengths[] = {0, 31, 33, 64};
    for (size_t i = 0; i < 4; i++) {
        write_secret(tv, "master.key", 1, lengths[i], 0400);
        expect_refused(tv, true, "keys_unreadable", "32 bytes");
    }
}

static void secrets_that_others_may_read_are_refused(void **state)
{
    const struct test_vault *tv = *state;
    static const mode_t modes[] = {0440, 0404, 0640, 0644};
    for (size_t i = 0; i < 4; i++) {
        write_secret(tv, "region-default.v1.secret", 1, 32, modes[i]);
        expect_refused(tv, false, "keys_unreadable", "chmod 0400");
    }
    write_secret(tv, "region-default.v1.secret", 1, 32, 0400);
    assert_int_equal(chmod(tv->keys, 0755), 0);
    expect_refused(tv, false, "keys_unreadable", "chmod 0700");
    assert_int_equal(chmod(tv->keys, 0700), 0);
}

static void expect_region(const struct test_vault *tv, const char *name,
                          int expected_version, uint8_t first)
{
    uint8_t version = 0;
    const uint8_t *secret = keyring_region_secret(tv->keyring, name, &version);
    if (expected_version == 0) {
        assert_null(secret);
        return;
    }
    assert_non_null(secret);
    assert_int_equal(version, expected_version);
    assert_int_equal(secret[0], first);
}

static void regions_are_the_files_that_are_there(void **state)
{
    struct test_vault *tv = *state;
    write_secret(tv, "region-cn.v1.secret", 11, 32, 0400);
    write_secret(tv, "region-eu-west.v1.secret", 21, 32, 0400);
    write_secret(tv, "region-eu-west.v12.secret", 22, 32, 0400);
    write_secret(tv, "region-eu-west.v2.secret", 23, 32, 0400);
    static const char *const ignored[] = {"region-x.v0.secret",
                                          "region-x.v256.secret",
                                          "region-x.v01.secret",
                                          "region-x.v1.secret~",
                                          "region-x.v.secret",
                                          "region-X.v1.secret",
                                          "region-.v1.secret",
                                          "region-x.v+1.secret",
                                          "region-x.v 1.secret",
                                          "region-x.v1.secret.x",
                                          "notes.txt"};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        write_secret(tv, ignored[i], 99, 32, 0644);
    }
    test_vault_reopen(tv);
    expect_region(tv, "cn", 1, 11);
    expect_region(tv, "eu-west", 12, 22);
    expect_region(tv, "x", 0, 0);
    expect_region(tv, "X", 0, 0);
    expect_region(tv, "", 0, 0);
    uint8_t version = 0;
    assert_non_null(keyring_region_secret(tv->keyring, "default", &version));
}

static void account_keys_differ_and_open_under_their_master_only(void **state)
{
    struct test_vault *tv = *state;
    struct account_key_pair one;
    struct account_key_pair other;
    uint8_t key[AES256_KEY_BYTES];
    struct error err = {0};
    keyring_new_account_key(tv->keyring, &one);
    keyring_new_account_key(tv->keyring, &other);
    assert_memory_not_equal(one.key, other.key, sizeof one.key);
    one.wrapped[5] ^= 1;
    assert_int_equal(keyring_unwrap(tv->keyring, key, one.wrapped, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "account_key");
    one.wrapped[5] ^= 1;
    write_secret(tv, "master.key", 77, 32, 0400);
    test_vault_reopen(tv);
    assert_int_equal(keyring_unwrap(tv->keyring, key, one.wrapped, &err),
                     STATUS_CORRUPT);
}

/* HMAC-SHA-256(account key, "content-id\0" ‖ SHA-256("abc")), by Python. */
static void content_ids_are_the_accounts_own(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES];
    char id[2 * SHA256_BYTES + 1];
    char others[2 * SHA256_BYTES + 1];
    crypto_sha256(digest, "abc", 3);
    keyring_content_id(id, TEST_OWNER.account_key, digest);
    assert_int_equal(TEST_OWNER.account_key[0], 0xaa);
    assert_string_equal(id, "b17504a987f8550dcdba8b725fc26e5a"
                            "537e6ab1896b1a3923b01d6fdf272576");
    keyring_content_id(others, TEST_KEY_B, digest);
    assert_string_not_equal(others, id);
}

/* Eight first starts at once agree on one set of secrets. */
static void first_starts_at_once_agree(void **state)
{
    const struct test_vault *tv = *state;
    enum { STARTS = 8 };
    char folder[PATH_SIZE];
    int pipes[2];
    (void)snprintf(folder, sizeof folder, "%s/shared", tv->root);
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < STARTS; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct keyring *keyring = NULL;
            uint8_t secret[SHA256_BYTES] = {0};
            uint8_t version = 0;
            if (keyring_open(&keyring, folder, true, NULL) == STATUS_OK) {
                memcpy(secret,
                       keyring_region_secret(keyring, "default", &version),
                       sizeof secret);
            }
            _exit(write(pipes[1], secret, sizeof secret) == sizeof secret ? 0
                                                                          : 1);
        }
    }
    uint8_t secrets[STARTS][SHA256_BYTES];
    static const uint8_t nothing[SHA256_BYTES];
    for (int i = 0; i < STARTS; i++) {
        int result = 0;
        assert_int_equal(read(pipes[0], secrets[i], SHA256_BYTES),
                         SHA256_BYTES);
        assert_true(wait(&result) > 0);
        assert_int_equal(result, 0);
    }
    for (int i = 0; i < STARTS; i++) {
        assert_memory_not_equal(secrets[i], nothing, SHA256_BYTES);
        assert_memory_equal(secrets[i], secrets[0], SHA256_BYTES);
    }
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_start_makes_secrets_for_their_owner_alone),
        TEST(a_restart_finds_the_same_secrets),
        TEST(missing_secrets_are_never_made_anew),
        TEST(secrets_of_a_wrong_size_are_refused),
        TEST(secrets_that_others_may_read_are_refused),
        TEST(regions_are_the_files_that_are_there),
        TEST(account_keys_differ_and_open_under_their_master_only),
        TEST(content_ids_are_the_accounts_own),
        TEST(first_starts_at_once_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
