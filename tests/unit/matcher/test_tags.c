/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/tags.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <string.h>

static void takes_every_known_tag(void **state)
{
    struct tags tags = {0};
    (void)state;
    tags_add(&tags, "TITLE", "Song");
    tags_add(&tags, "artist", "Singer");
    tags_add(&tags, "Album", "Record");
    tags_add(&tags, "ALBUMARTIST", "Band");
    tags_add(&tags, "date", "1999-12-31");
    tags_add(&tags, "discnumber", "2/3");
    tags_add(&tags, "track", "07/12");
    tags_add(&tags, "genre", "Noise");
    assert_string_equal(tags.title, "Song");
    assert_string_equal(tags.artist, "Singer");
    assert_string_equal(tags.album, "Record");
    assert_string_equal(tags.album_artist, "Band");
    assert_string_equal(tags.date, "1999-12-31");
    assert_int_equal(tags.disc, 2);
    assert_int_equal(tags.track, 7);
}

static void keeps_the_first_value(void **state)
{
    struct tags tags = {0};
    (void)state;
    tags_add(&tags, "title", "First");
    tags_add(&tags, "title", "Second");
    assert_string_equal(tags.title, "First");
}

/* ISO 3901: CC-XXX-YY-NNNNN */
static void takes_an_isrc_only_if_it_is_one(void **state)
{
    static const char *const bad[] = {
        "",
        "USABC12345",
        "USABC12345678",
        "12ABC1234567",
        "USABC12X4567",
        "US.ABC.12.34567",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tags tags = {0};
        tags_add(&tags, "isrc", bad[i]);
        assert_string_equal(tags.isrc, "");
    }
    struct tags tags = {0};
    tags_add(&tags, "TSRC", "us-a1c-12-34567");
    assert_string_equal(tags.isrc, "USA1C1234567");
}

static void takes_a_barcode_only_if_it_is_one(void **state)
{
    struct tags tags = {0};
    (void)state;
    tags_add(&tags, "barcode", "1234567");
    tags_add(&tags, "barcode", "123456789012345");
    tags_add(&tags, "barcode", "4006381x33931");
    assert_string_equal(tags.barcode, "");
    tags_add(&tags, "UPC", "4 006381-333931");
    assert_string_equal(tags.barcode, "4006381333931");
}

static void reads_the_advisory(void **state)
{
    static const struct {
        const char *value;
        enum advisory advisory;
    } cases[] = {
        {"0", ADVISORY_UNKNOWN},   {"1", ADVISORY_EXPLICIT},
        {"2", ADVISORY_CLEAN},     {"4", ADVISORY_EXPLICIT},
        {"yes", ADVISORY_UNKNOWN}, {"", ADVISORY_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tags tags = {0};
        tags_add(&tags, "ITUNESADVISORY", cases[i].value);
        assert_int_equal(tags.advisory, cases[i].advisory);
    }
}

static void passes_over_impossible_numbers(void **state)
{
    static const char *const bad[] = {"", "x", "-1", "99999999999999999999",
                                      "10000"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tags tags = {0};
        tags_add(&tags, "track", bad[i]);
        assert_int_equal(tags.track, 0);
    }
}

static void cuts_long_text_at_a_character(void **state)
{
    struct tags tags = {0};
    char title[2 * TAG_SIZE + 1] = "";
    (void)state;
    for (size_t i = 0; i < TAG_SIZE; i++) {
        title[2 * i] = '\xc3';
        title[2 * i + 1] = '\xa9';
    }
    tags_add(&tags, "title", title);
    assert_int_equal(strlen(tags.title), TAG_SIZE - 2); /* 511 is odd */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_known_tag),
        cmocka_unit_test(keeps_the_first_value),
        cmocka_unit_test(takes_an_isrc_only_if_it_is_one),
        cmocka_unit_test(takes_a_barcode_only_if_it_is_one),
        cmocka_unit_test(reads_the_advisory),
        cmocka_unit_test(passes_over_impossible_numbers),
        cmocka_unit_test(cuts_long_text_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
