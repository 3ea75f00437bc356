/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: times are written and read as RFC 3339 has them. */
#include "api/routes/times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t parsed(const char *text)
{
    int64_t at_ms = -1;
    assert_true(time_parse(text, &at_ms));
    return at_ms;
}

static void refuses(const char *text)
{
    int64_t at_ms = -1;
    if (time_parse(text, &at_ms)) {
        fail_msg("took \"%s\"", text);
    }
}

/* RFC 3339 §5.8 and `date -u -d @0`. */
static void test_prints_utc_to_the_second(void **state)
{
    (void)state;
    char text[TIME_TEXT_SIZE];
    time_print(text, 0);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    time_print(text, INT64_C(482196050520));
    assert_string_equal(text, "1985-04-12T23:20:50Z");
    time_print(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    time_print(text, INT64_MIN);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

static void test_reads_the_examples_of_rfc_3339(void **state)
{
    (void)state;
    assert_int_equal(parsed("1985-04-12T23:20:50.52Z"), INT64_C(482196050000));
    /* "equivalent to 1996-12-20T00:39:57Z" */
    assert_int_equal(parsed("1996-12-19T16:39:57-08:00"),
                     INT64_C(851042397000));
    /* "equivalent to 1937…": before 1970 there are no accounts */
    refuses("1937-01-01T12:00:27.87+00:20");
}

static void test_a_date_is_its_last_second(void **state)
{
    (void)state;
    char text[TIME_TEXT_SIZE];
    time_print(text, parsed("2028-02-29"));
    assert_string_equal(text, "2028-02-29T23:59:59Z");
}

static void test_what_is_printed_is_read_again(void **state)
{
    (void)state;
    for (int64_t at_ms = 0; at_ms < INT64_C(4102444800000);
         at_ms += INT64_C(86399000) * 37) {
        char text[TIME_TEXT_SIZE];
        time_print(text, at_ms);
        assert_int_equal(parsed(text), at_ms);
    }
}

static void test_refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "tomorrow",
        "2027",
        "2027-13-01",
        "2027-00-01",
        "2027-02-29",
        "2027-04-31",
        "2027-1-1",
        "2027-01-01x",
        "2027-01-01T",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:60:00Z",
        "2027-01-01T00:00:00",
        "2027-01-01T00:00:00.Z",
        "2027-01-01T00:00:00+2:00",
        "2027-01-01T00:00:00Zjunk",
        "+027-01-01",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        refuses(wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_utc_to_the_second),
        cmocka_unit_test(test_reads_the_examples_of_rfc_3339),
        cmocka_unit_test(test_a_date_is_its_last_second),
        cmocka_unit_test(test_what_is_printed_is_read_again),
        cmocka_unit_test(test_refuses_what_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
