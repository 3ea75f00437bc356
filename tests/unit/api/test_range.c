/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: byte ranges mean what RFC 9110 §14 says. Its examples are for a
 * representation of 10000 bytes. */
#include "api/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIZE = 10000 };

static void is_part(const char *header, uint64_t size, uint64_t first,
                    uint64_t last)
{
    struct range range = range_parse(header, size);
    if (range.kind != RANGE_PART || range.first != first ||
        range.last != last) {
        fail_msg("\"%s\" of %llu: kind %d, %llu-%llu", header,
                 (unsigned long long)size, (int)range.kind,
                 (unsigned long long)range.first,
                 (unsigned long long)range.last);
    }
}

static void is_kind(const char *header, uint64_t size, enum range_kind kind)
{
    struct range range = range_parse(header, size);
    if (range.kind != kind) {
        fail_msg("\"%s\" of %llu: kind %d", header == NULL ? "" : header,
                 (unsigned long long)size, (int)range.kind);
    }
}

/* §14.1.2 */
static void test_rfc_examples(void **state)
{
    (void)state;
    is_part("bytes=0-499", SIZE, 0, 499);
    is_part("bytes=500-999", SIZE, 500, 999);
    is_part("bytes=-500", SIZE, 9500, 9999);
    is_part("bytes=9500-", SIZE, 9500, 9999);
    is_part("bytes=0-0", SIZE, 0, 0);
    is_part("bytes=-1", SIZE, 9999, 9999);
}

/* "If the representation is shorter than the specified suffix-length, the
 * entire representation is used"; a last-pos beyond the end is the end. */
static void test_beyond_the_end(void **state)
{
    (void)state;
    is_part("bytes=-20000", SIZE, 0, 9999);
    is_part("bytes=0-10000", SIZE, 0, 9999);
    is_part("bytes=9999-99999999", SIZE, 9999, 9999);
    is_part("bytes=0-18446744073709551616", SIZE, 0, 9999);
    is_part("bytes=-99999999999999999999999", SIZE, 0, 9999);
}

/* §14.1.2: satisfiable when first-pos is less than the length, or a suffix is
 * not empty; §15.5.17 for what is not. */
static void test_unsatisfiable(void **state)
{
    (void)state;
    is_kind("bytes=10000-", SIZE, RANGE_UNSATISFIABLE);
    is_kind("bytes=10000-10001", SIZE, RANGE_UNSATISFIABLE);
    is_kind("bytes=18446744073709551616-", SIZE, RANGE_UNSATISFIABLE);
    is_kind("bytes=-0", SIZE, RANGE_UNSATISFIABLE);
    is_kind("bytes=0-", 0, RANGE_UNSATISFIABLE);
    is_kind("bytes=0-0", 0, RANGE_UNSATISFIABLE);
    is_kind("bytes=-1", 0, RANGE_UNSATISFIABLE);
}

/* §14.2: what is not understood or not valid is ignored; so may be several
 * ranges (§14.1.2's "bytes=0-0,-1" and "bytes= 0-999, 4500-5499, -1000"). */
static void test_whole(void **state)
{
    (void)state;
    static const char *const ignored[] = {
        "bytes=0-0,-1",
        "bytes= 0-999, 4500-5499, -1000",
        "bytes=500-499",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0x0-5",
        "bytes=+0-5",
        "bytes=--5",
        "bytes=5",
        "bytes=0 - 5",
        "bytes:0-5",
        "items=0-5",
        "bytes",
        "",
        "bytes=0-5x",
        "bytes=-5-",
        "=",
    };
    is_kind(NULL, SIZE, RANGE_WHOLE);
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        is_kind(ignored[i], SIZE, RANGE_WHOLE);
    }
}

/* §14.1: range units are case-insensitive; list elements may have blanks
 * around (§5.6.1). */
static void test_spelling(void **state)
{
    (void)state;
    is_part("Bytes=0-4", SIZE, 0, 4);
    is_part("bytes= 0-4\t", SIZE, 0, 4);
    is_part("bytes=00-004", SIZE, 0, 4);
}

/* §13.1.5: strong comparison; we send no dates. */
static void test_if_range(void **state)
{
    (void)state;
    assert_true(range_if_range(NULL, "\"xyzzy\""));
    assert_true(range_if_range("\"xyzzy\"", "\"xyzzy\""));
    assert_false(range_if_range("\"other\"", "\"xyzzy\""));
    assert_false(range_if_range("W/\"xyzzy\"", "\"xyzzy\""));
    assert_false(range_if_range("xyzzy", "\"xyzzy\""));
    assert_false(range_if_range("Sat, 29 Oct 1994 19:43:31 GMT", "\"xyzzy\""));
}

/* §13.1.2's examples; weak comparison (§8.8.3.2). */
static void test_if_none_match(void **state)
{
    (void)state;
    assert_true(range_if_none_match("\"xyzzy\"", "\"xyzzy\""));
    assert_true(range_if_none_match("W/\"xyzzy\"", "\"xyzzy\""));
    assert_true(range_if_none_match("\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
                                    "\"c3piozzzz\""));
    assert_true(range_if_none_match(
        "W/\"xyzzy\", W/\"r2d2xxxx\", W/\"c3piozzzz\"", "\"r2d2xxxx\""));
    assert_true(range_if_none_match("*", "\"xyzzy\""));
    assert_true(range_if_none_match(" \"a\",,\t\"xyzzy\"", "\"xyzzy\""));

    assert_false(range_if_none_match(NULL, "\"xyzzy\""));
    assert_false(range_if_none_match("\"xyzz\"", "\"xyzzy\""));
    assert_false(range_if_none_match("\"xyzzyy\"", "\"xyzzy\""));
    assert_false(range_if_none_match("xyzzy", "\"xyzzy\""));
    assert_false(range_if_none_match("\"xyzzy", "\"xyzzy\""));
    assert_false(range_if_none_match("", "\"xyzzy\""));
    assert_false(range_if_none_match("*, \"a\"", "\"xyzzy\""));
    /* a comma belongs to a tag: etagc has it */
    assert_true(range_if_none_match("\"a,b\"", "\"a,b\""));
    assert_false(range_if_none_match("\"a,b\"", "\"b\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_examples),
        cmocka_unit_test(test_beyond_the_end),
        cmocka_unit_test(test_unsatisfiable),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_if_none_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
