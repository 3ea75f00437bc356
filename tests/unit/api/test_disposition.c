/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a file name that anyone may have chosen cannot break a header or name
 * another folder, and arrives readable (RFC 6266, RFC 8187). */
#include "api/routes/disposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, const char *header)
{
    char out[DISPOSITION_SIZE];
    disposition_print(out, name);
    assert_string_equal(out, header);
}

static void test_plain_names_stand_in_quotes(void **state)
{
    (void)state;
    expect("Song.mp3", "inline; filename=\"Song.mp3\"");
    expect("07 - A (live), 1999.flac",
           "inline; filename=\"07 - A (live), 1999.flac\"");
}

/* The example of RFC 8187 §3.2.3: "£ and € rates". */
static void test_other_names_are_encoded(void **state)
{
    (void)state;
    expect("\xc2\xa3 and \xe2\x82\xac rates",
           "inline; filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates");
}

static void test_no_name_leaves_the_header(void **state)
{
    (void)state;
    expect("a\"; x=\"b", "inline; filename=\"a_; x=_b\"");
    expect("../../etc/passwd", "inline; filename=\".._.._etc_passwd\"");
    expect("a\\b", "inline; filename=\"a_b\"");
    expect("", "inline");
    char out[DISPOSITION_SIZE];
    disposition_print(out, "a\r\nSet-Cookie: b");
    assert_null(strpbrk(out, "\r\n"));
}

static void test_long_names_keep_their_extension(void **state)
{
    (void)state;
    char name[FILENAME_SIZE] = "";
    char out[DISPOSITION_SIZE];
    memset(name, 'a', 240);
    (void)snprintf(name + 240, sizeof name - 240, ".mp3");
    disposition_print(out, name);
    assert_true(strlen(out) < sizeof out);
    assert_string_equal(out + strlen(out) - 5, ".mp3\"");

    for (size_t i = 0; i < 240; i++) {
        name[i] = "\xe2\x82\xac"[i % 3];
    }
    (void)snprintf(name + 240, sizeof name - 240, ".flac");
    disposition_print(out, name);
    assert_true(strlen(out) < sizeof out);
    assert_string_equal(out + strlen(out) - 5, ".flac");
    /* Whole characters only: what remains is a multiple of the euro sign. */
    size_t encoded = strlen(out) - strlen("inline; filename*=UTF-8''.flac");
    assert_int_equal(encoded % strlen("%E2%82%AC"), 0);
}

static void test_masters_are_named_after_the_track(void **state)
{
    (void)state;
    char name[FILENAME_SIZE];
    struct entry entry = {.status = ENTRY_MATCHED,
                          .container = CONTAINER_FLAC,
                          .title = "Title",
                          .artist = "Artist",
                          .filename = "ripped.mp3"};
    disposition_name(name, &entry);
    assert_string_equal(name, "Artist - Title.flac");
    entry.status = ENTRY_UPLOADED;
    disposition_name(name, &entry);
    assert_string_equal(name, "ripped.mp3");
    entry.filename[0] = '\0';
    entry.artist[0] = '\0';
    disposition_name(name, &entry);
    assert_string_equal(name, "Title.flac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_names_stand_in_quotes),
        cmocka_unit_test(test_other_names_are_encoded),
        cmocka_unit_test(test_no_name_leaves_the_header),
        cmocka_unit_test(test_long_names_keep_their_extension),
        cmocka_unit_test(test_masters_are_named_after_the_track),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
