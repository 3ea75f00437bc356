/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool verify(const char *password, const char *hash)
{
    bool right = true;
    assert_int_equal(password_verify(&right, password, hash, NULL), STATUS_OK);
    return right;
}

static void only_the_password_that_was_hashed_verifies(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash(hash, "correct horse", NULL), STATUS_OK);
    assert_true(verify("correct horse", hash));
    assert_false(verify("correct hors", hash));
    assert_false(verify("correct horse ", hash));
    assert_false(verify("Correct horse", hash));
    assert_false(verify("", hash));
}

/* crypt(5): yescrypt hashes are "$y$" parameters "$" salt "$" hash. */
static void it_is_yescrypt_with_a_salt_of_its_own(void **state)
{
    (void)state;
    char one[PASSWORD_HASH_SIZE];
    char two[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash(one, "correct horse", NULL), STATUS_OK);
    assert_int_equal(password_hash(two, "correct horse", NULL), STATUS_OK);
    assert_memory_equal(one, "$y$", 3);
    assert_string_not_equal(one, two);
}

/* Made by another program, perl's crypt() with the setting
 * "$y$j9T$F5Jx5fExrKuPp53xLKQ..1": libcrypt's default cost. So a later change
 * of ours leaves old passwords usable. */
static void a_hash_of_another_cost_verifies(void **state)
{
    (void)state;
    static const char hash[] = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$4vh3aXRMcxZH7I5/"
                               "lZjoP5YcVSA9NXEsTIvVF8kRw74";
    assert_true(verify("secret123", hash));
    assert_false(verify("secret124", hash));
}

static void nobody_has_no_password(void **state)
{
    (void)state;
    assert_false(verify("", ""));
    assert_false(verify("correct horse", ""));
}

static void damaged_hashes_verify_nothing(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash(hash, "correct horse", NULL), STATUS_OK);
    hash[strlen(hash) - 1] ^= 1;
    assert_false(verify("correct horse", hash));
}

static void the_longest_password_counts_to_its_last_byte(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    char password[257];
    memset(password, 'x', 256);
    password[256] = '\0';
    assert_int_equal(password_hash(hash, password, NULL), STATUS_OK);
    assert_true(verify(password, hash));
    password[255] = 'y';
    assert_false(verify(password, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_password_that_was_hashed_verifies),
        cmocka_unit_test(it_is_yescrypt_with_a_salt_of_its_own),
        cmocka_unit_test(a_hash_of_another_cost_verifies),
        cmocka_unit_test(nobody_has_no_password),
        cmocka_unit_test(damaged_hashes_verify_nothing),
        cmocka_unit_test(the_longest_password_counts_to_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
