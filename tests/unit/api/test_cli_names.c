/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what is named like audio is always sent, what is not never; and a name
 * that came from elsewhere cannot leave the folder. */
#include "api/cli/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void audio_is_known_by_its_ending(void **state)
{
    static const char *const audio[] = {
        "song.mp3", "a/b/Song.FLAC",     "x.y.m4a",    "/music/live.OpUs",
        "a b.wav",  "folder.txt/a.aiff", ".hidden.ogg"};
    static const char *const others[] = {
        "song",       "mp3",           "cover.jpg",  "notes.txt",  "a.mp3.txt",
        "album.mp3/", "album.mp3/log", "._song.mp3", "a/._b.flac", "x."};

    (void)state;
    for (size_t i = 0; i < sizeof(audio) / sizeof(audio[0]); i++) {
        assert_true(name_is_audio(audio[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(name_is_audio(others[i]));
    }
}

static void covers_have_their_names(void **state)
{
    (void)state;
    assert_true(name_is_cover("album/Cover.JPG"));
    assert_true(name_is_cover("cover.png"));
    assert_false(name_is_cover("discover.png"));
    assert_false(name_is_cover("cover.gif"));
}

static void foreign_names_stay_in_the_folder(void **state)
{
    char out[300];
    char narrow[4];
    char lengthy[1000];

    (void)state;
    name_make_safe(out, sizeof(out), "Sectoid - Feelings.flac");
    assert_string_equal(out, "Sectoid - Feelings.flac");
    name_make_safe(out, sizeof(out), "../../etc/passwd");
    assert_string_equal(out, "_.._etc_passwd");
    name_make_safe(out, sizeof(out), "/etc/passwd");
    assert_string_equal(out, "_etc_passwd");
    name_make_safe(out, sizeof(out), "...");
    assert_string_equal(out, "");
    name_make_safe(out, sizeof(out), ".bashrc");
    assert_string_equal(out, "bashrc");
    name_make_safe(out, sizeof(out), "a\nb");
    assert_string_equal(out, "a b");
    /* A line feed in front becomes a space and goes; what follows it may not
     * be a dot then. */
    name_make_safe(out, sizeof(out), "\n.bashrc");
    assert_int_not_equal(out[0], '.');
    name_make_safe(narrow, sizeof(narrow), "abcdef");
    assert_string_equal(narrow, "abc");
    memset(lengthy, 'x', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    name_make_safe(out, sizeof(out), lengthy);
    assert_int_equal(strlen(out), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_is_known_by_its_ending),
        cmocka_unit_test(covers_have_their_names),
        cmocka_unit_test(foreign_names_stay_in_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
