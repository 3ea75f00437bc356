/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what the programs print is readable, and foreign text cannot steer the
 * reader's terminal or break out of a query. */
#include "api/cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void times_are_minutes_and_seconds(void **state)
{
    char out[TEXT_SHORT_SIZE];

    (void)state;
    text_time(out, 0);
    assert_string_equal(out, "0:00");
    text_time(out, 221999);
    assert_string_equal(out, "3:41");
    text_time(out, 3599999);
    assert_string_equal(out, "59:59");
    text_time(out, 3723000);
    assert_string_equal(out, "1:02:03");
    text_time(out, -5);
    assert_string_equal(out, "0:00");
    text_time(out, INT64_MAX);
    assert_string_equal(out, "2562047788015:12:55");
}

static void sizes_have_binary_units(void **state)
{
    char out[TEXT_SHORT_SIZE];

    (void)state;
    text_size(out, 0);
    assert_string_equal(out, "0 B");
    text_size(out, 1023);
    assert_string_equal(out, "1023 B");
    text_size(out, 1536);
    assert_string_equal(out, "1.5 KiB");
    text_size(out, UINT64_C(5) << 30);
    assert_string_equal(out, "5.0 GiB");
}

static void check_clean(const char *from, const char *expected)
{
    struct buffer out = {0};
    struct error err;

    assert_int_equal(text_append(&out, "<", &err), STATUS_OK);
    assert_int_equal(text_append(&out, from, &err), STATUS_OK);
    assert_int_equal(text_append(&out, ">", &err), STATUS_OK);
    assert_string_equal(buffer_text(&out), expected);
    buffer_clear(&out);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    check_clean("Feelings", "<Feelings>");
    check_clean("", "<>");
    /* CSI 2 J clears the screen: ECMA-48 §8.3.39. */
    check_clean("a\033[2Jb", "<a [2Jb>");
    check_clean("a\rb\nc", "<a b c>");
    /* U+009B is CSI in one character, two bytes in UTF-8. */
    check_clean("a\xc2\x9b"
                "2Jb",
                "<a 2Jb>");
    check_clean("\xc3\x84rger", "<\xc3\x84rger>");
    /* A byte that is no UTF-8 becomes U+FFFD. */
    check_clean("a\xff", "<a\xef\xbf\xbd>");
}

static void queries_are_percent_encoded(void **state)
{
    struct buffer out = {0};
    struct error err;

    (void)state;
    /* RFC 3986 §2.3: unreserved characters stay. */
    assert_int_equal(
        text_append_encoded(&out, "aZ09-._~ /?&=#%+\xc3\xa4", &err), STATUS_OK);
    assert_string_equal(buffer_text(&out),
                        "aZ09-._~%20%2F%3F%26%3D%23%25%2B%C3%A4");
    buffer_clear(&out);
}

static void members_have_a_fallback(void **state)
{
    json_t *object = json_pack("{s:s, s:s, s:n, s:i}", "title", "Feelings",
                               "empty", "", "none", "number", 7);

    (void)state;
    assert_non_null(object);
    assert_string_equal(text_member(object, "title", "?"), "Feelings");
    assert_string_equal(text_member(object, "empty", "?"), "?");
    assert_string_equal(text_member(object, "none", "?"), "?");
    assert_string_equal(text_member(object, "number", "?"), "?");
    assert_string_equal(text_member(NULL, "title", "?"), "?");
    assert_int_equal(text_integer(object, "number", -1), 7);
    assert_int_equal(text_integer(object, "title", -1), -1);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_minutes_and_seconds),
        cmocka_unit_test(sizes_have_binary_units),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(queries_are_percent_encoded),
        cmocka_unit_test(members_have_a_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
