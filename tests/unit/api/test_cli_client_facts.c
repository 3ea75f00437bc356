/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a download's headers are read as RFC 9110, 6266 and 8187 write them,
 * and what they do not allow changes nothing. */
#include "api/cli/client_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void plain_headers_are_taken(void **state)
{
    struct client_facts facts = {0};

    (void)state;
    client_facts_read(&facts, "HTTP/1.1 200 OK");
    client_facts_read(&facts, "etag: \"abc\"");
    client_facts_read(&facts, "Content-Type:audio/flac");
    client_facts_read(&facts, "CONTENT-LENGTH: \t1234");
    client_facts_read(&facts, "X-ETag: \"no\"");
    assert_string_equal(facts.etag, "\"abc\"");
    assert_string_equal(facts.content_type, "audio/flac");
    assert_int_equal(facts.size_bytes, 1234);
    assert_int_equal(facts.first_byte, 0);
    assert_false(facts.partial);
}

/* The example of RFC 9110 §14.4. */
static void a_range_tells_start_and_whole_size(void **state)
{
    struct client_facts facts = {0};

    (void)state;
    client_facts_read(&facts, "Content-Length: 512");
    client_facts_read(&facts, "Content-Range: bytes 42-1233/1234");
    client_facts_read(&facts, "Content-Length: 1192");
    assert_true(facts.partial);
    assert_int_equal(facts.first_byte, 42);
    assert_int_equal(facts.size_bytes, 1234);
}

static void bad_numbers_change_nothing(void **state)
{
    static const char *const lines[] = {
        "Content-Range: bytes */1234",
        "Content-Range: bytes 42-1233/*",
        "Content-Range: bytes 42-41/1234",
        "Content-Range: bytes 0-1234/1234",
        "Content-Range: items 0-1/2",
        "Content-Range: bytes -1-1/2",
        "Content-Range: bytes 0-1/2x",
        "Content-Range: bytes",
        "Content-Length: -1",
        "Content-Length: 12a",
        "Content-Length: 99999999999999999999999",
        "Content-Range: bytes 0-1/99999999999999999999999"};
    const struct client_facts none = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client_facts facts = {0};

        client_facts_read(&facts, lines[i]);
        assert_memory_equal(&facts, &none, sizeof(none));
    }
}

static void check_name(const char *value, const char *expected)
{
    struct client_facts facts = {0};
    char line[600];

    snprintf(line, sizeof(line), "Content-Disposition: %s", value);
    client_facts_read(&facts, line);
    assert_string_equal(facts.file_name, expected);
}

static void names_come_in_two_forms(void **state)
{
    (void)state;
    check_name("inline", "");
    check_name("attachment; filename=\"a b.mp3\"", "a b.mp3");
    check_name("inline; filename=\"say \\\"hi\\\".mp3\"", "say \"hi\".mp3");
    /* The example of RFC 6266 §5, in which the second form counts. */
    check_name("attachment; filename=\"EURO rates\"; "
               "filename*=utf-8''%e2%82%ac%20rates",
               "\xe2\x82\xac rates");
    check_name("inline; filename*=UTF-8''a%2Fb.mp3", "a/b.mp3");
    check_name("inline; filename*=UTF-8''bad%2", "");
    check_name("inline; filename*=UTF-8''bad%00name", "");
}

static void what_is_too_long_is_cut_or_left(void **state)
{
    struct client_facts facts = {0};
    char line[1200];

    (void)state;
    memcpy(line, "ETag: ", 6);
    memset(line + 6, 'x', sizeof(line) - 7);
    line[sizeof(line) - 1] = '\0';
    client_facts_read(&facts, line);
    assert_string_equal(facts.etag, "");
    memcpy(line, "Content-Disposition: a; filename=\"", 34);
    client_facts_read(&facts, line);
    assert_int_equal(strlen(facts.file_name), CLIENT_NAME_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_headers_are_taken),
        cmocka_unit_test(a_range_tells_start_and_whole_size),
        cmocka_unit_test(bad_numbers_change_nothing),
        cmocka_unit_test(names_come_in_two_forms),
        cmocka_unit_test(what_is_too_long_is_cut_or_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
