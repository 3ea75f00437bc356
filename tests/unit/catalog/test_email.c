/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/email.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void addresses_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a@b", "ada@example.org", "Ada.Lovelace+music@Example.ORG",
        "\"o'brien\"@example.org", "\xc3\xa9mile@example.org"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(email_valid(good[i]));
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        "@",     "ada",   "@example.org", "ada@",
        "a@b@c",   "a b@c", "a@b c", "a@b\n",        "a\t@b",
        "a\x7f@b", " a@b",  "a@b ",  "a\x01@b",      "a@@b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(email_valid(bad[i]));
    }
}

static void the_limit_is_254_bytes(void **state)
{
    (void)state;
    char text[EMAIL_SIZE + 1];
    memset(text, 'a', sizeof text);
    text[1] = '@';
    text[254] = '\0';
    assert_true(email_valid(text));
    text[254] = 'a';
    text[255] = '\0';
    assert_false(email_valid(text));
}

/* Expected: printf %s 'ada@example.org' | sha256sum */
static void the_hash_is_of_the_lower_case_address(void **state)
{
    (void)state;
    static const char expected[] =
        "cfe00dde46ef942601ffafb9e2825e802858b460e586b8305b344c1eb826357d";
    char hash[2 * SHA256_BYTES + 1];
    email_hash(hash, "ada@example.org");
    assert_string_equal(hash, expected);
    email_hash(hash, "ADA@Example.oRG");
    assert_string_equal(hash, expected);
    email_hash(hash, "adb@example.org");
    assert_string_not_equal(hash, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_limit_is_254_bytes),
        cmocka_unit_test(the_hash_is_of_the_lower_case_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
