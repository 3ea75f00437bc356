/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void random_ids_are_prefix_and_32_hex_digits(void **state)
{
    (void)state;
    char id[ID_SIZE];
    id_random(id, "trk");
    assert_int_equal(strlen(id), 4 + 32);
    assert_memory_equal(id, "trk_", 4);
    assert_int_equal(strspn(id + 4, "0123456789abcdef"), 32);
    assert_true(id_valid(id));
}

static void random_ids_differ(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static char ids[COUNT][ID_SIZE];
    for (int i = 0; i < COUNT; i++) {
        id_random(ids[i], "a");
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(ids[i], ids[j]);
        }
    }
}

static void longest_prefix_fits(void **state)
{
    (void)state;
    char id[ID_SIZE];
    id_random(id, "abcdefgh");
    assert_int_equal(strlen(id), 9 + 32);
}

static void only_path_safe_text_is_an_id(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'x', sizeof longest);
    longest[64] = '\0';
    assert_true(id_valid(longest));
    longest[64] = 'x';
    longest[65] = '\0';
    assert_false(id_valid(longest));
    assert_true(id_valid("A-z_09"));
    static const char *const bad[] = {"",    "a/b", "..",   "a.b", "a b",
                                      "a:b", "{a}", "\xc3", "a\n", "a%2e"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(id_valid(bad[i]));
    }
}

static void hex_of_known_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x1e};
    char text[2 * sizeof bytes + 1];
    hex_encode(text, bytes, sizeof bytes);
    assert_string_equal(text, "000ff0ff1e");
    uint8_t back[sizeof bytes];
    assert_true(hex_decode(back, sizeof back, text));
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_true(hex_decode(back, sizeof back, "000FF0FF1E"));
    assert_memory_equal(back, bytes, sizeof bytes);
}

static void hex_of_another_length_or_alphabet_is_refused(void **state)
{
    (void)state;
    uint8_t out[2];
    static const char *const bad[] = {"",      "0",    "000",  "00000",
                                      "00 0",  "000g", "-000", "0x00",
                                      "00\n0", "000:", "000@", "000`"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(hex_decode(out, sizeof out, bad[i]));
    }
    assert_true(hex_decode(out, 0, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ids_are_prefix_and_32_hex_digits),
        cmocka_unit_test(random_ids_differ),
        cmocka_unit_test(longest_prefix_fits),
        cmocka_unit_test(only_path_safe_text_is_an_id),
        cmocka_unit_test(hex_of_known_bytes),
        cmocka_unit_test(hex_of_another_length_or_alphabet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
