/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_token_names_its_account(void **state)
{
    (void)state;
    char token[TOKEN_SIZE];
    char id[ID_SIZE];
    token_make(token, "acc_0f");
    assert_int_equal(strlen(token), strlen("rf_acc_0f.") + 64);
    assert_true(token_account(id, token));
    assert_string_equal(id, "acc_0f");
}

static void tokens_differ(void **state)
{
    (void)state;
    char one[TOKEN_SIZE];
    char two[TOKEN_SIZE];
    token_make(one, "acc_0f");
    token_make(two, "acc_0f");
    assert_string_not_equal(one, two);
}

static void the_longest_account_id_fits(void **state)
{
    (void)state;
    char token[TOKEN_SIZE];
    char id[ID_SIZE];
    char longest[ID_SIZE];
    memset(longest, 'x', ID_SIZE - 1);
    longest[ID_SIZE - 1] = '\0';
    token_make(token, longest);
    assert_true(token_account(id, token));
    assert_string_equal(id, longest);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "rf_",
        "rf_acc_0f",
        "rf_acc_0f.",
        "rf_." HEX64,
        "rf_acc_0f." HEX64 "0",
        "rf_acc_0f.0123",
        "rf_acc_0f.X123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"
        "cdef",
        "rf_acc_0f.A123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"
        "cdef",
        "acc_0f." HEX64,
        "RF_acc_0f." HEX64,
        " rf_acc_0f." HEX64,
        "rf_acc:0f." HEX64,
        "rf_acc}0f." HEX64,
        "rf_acc 0f." HEX64,
        "rf_acc\n." HEX64,
        "rf_acc_0f." HEX64 "." HEX64,
        "rf_" HEX64 "0." HEX64,
        "rf_" HEX64 HEX64 HEX64 HEX64 "." HEX64,
    };
    char id[ID_SIZE];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(token_account(id, bad[i]));
    }
    assert_true(token_account(id, "rf_acc_0f." HEX64));
}

/* FIPS 180-4, example of a one-block message: "abc". */
static void the_hash_is_sha256_in_hex(void **state)
{
    (void)state;
    char hash[2 * SHA256_BYTES + 1];
    token_hash(hash, "abc");
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
                              "b410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_its_account),
        cmocka_unit_test(tokens_differ),
        cmocka_unit_test(the_longest_account_id_fits),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(the_hash_is_sha256_in_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
