/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/utf8.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <string.h>

static void accepts_well_formed_text(void **state)
{
    /* RFC 3629 section 7, and the first and last of each length */
    static const char *const good[] = {
        "A\xe2\x89\xa2\xce\x91.",
        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4",
        "\xc2\xa0 \xdf\xbf",
        "\xe0\xa0\x80 \xef\xbf\xbf",
        "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(utf8_valid(good[i], strlen(good[i])));
    }
}

static void refuses_malformed_text_and_controls(void **state)
{
    static const char *const bad[] = {
        "\xc0\x80",         /* overlong NUL */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\x80",
        "\xe2\x89",
        "\xe2\x28\xa1",
        "a\nb",       /* C0 */
        "\x7f",       /* DEL */
        "\xc2\x9b[m", /* C1: starts a terminal's escape sequence */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    }
}

static void copies_anything_as_valid_text(void **state)
{
    char to[64];
    (void)state;
    utf8_copy(to, sizeof to, "  caf\xe9\n\x1b[31m ", 13);
    assert_string_equal(to, "caf\xef\xbf\xbd  [31m");
    assert_true(utf8_valid(to, strlen(to)));
}

static void cuts_at_a_character_border(void **state)
{
    char to[6];
    (void)state;
    for (size_t size = 1; size <= sizeof to; size++) {
        utf8_copy(to, size, "\xe2\x82\xac\xe2\x82\xac", 6);
        assert_true(utf8_valid(to, strlen(to)));
        assert_int_equal(strlen(to), size > 3 ? 3 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_well_formed_text),
        cmocka_unit_test(refuses_malformed_text_and_controls),
        cmocka_unit_test(copies_anything_as_valid_text),
        cmocka_unit_test(cuts_at_a_character_border),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
