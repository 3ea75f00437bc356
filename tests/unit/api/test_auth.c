/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a bearer token is taken only in the form of RFC 6750, and the
 * operator's only when it is the one. */
#include "api/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 6750 §2.1's example; the scheme has no case (RFC 9110 §11.1). */
static void test_bearer(void **state)
{
    (void)state;
    assert_string_equal(auth_bearer("Bearer mF_9.B5f-4.1JqM"),
                        "mF_9.B5f-4.1JqM");
    assert_string_equal(auth_bearer("bearer a~+/=="), "a~+/==");
    assert_string_equal(auth_bearer("BEARER  a"), "a");
}

static void test_no_bearer(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",          "Bearer",    "Bearer ",      "Basic YTpi", "Bearer a b",
        "Bearer\ta", "Bearer a,", "Bearer \"a\"", "Bearer:a",   "Bearera"};
    assert_null(auth_bearer(NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (auth_bearer(wrong[i]) != NULL) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
    }
    char header[7 + TOKEN_SIZE + 1] = "Bearer ";
    memset(header + 7, 'a', TOKEN_SIZE);
    assert_null(auth_bearer(header));
    header[7 + TOKEN_SIZE - 1] = '\0';
    assert_non_null(auth_bearer(header));
}

/* SHA-256 of "abc": FIPS 180-4, example B.1. */
static void test_operator(void **state)
{
    (void)state;
    static const char sha256[] =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_true(auth_operator("abc", sha256));
    assert_false(auth_operator("abd", sha256));
    assert_false(auth_operator("", sha256));
    assert_false(auth_operator("ABC", sha256));
    assert_false(auth_operator(sha256, sha256));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_no_bearer),
        cmocka_unit_test(test_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
