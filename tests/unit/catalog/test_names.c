/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void assert_file(const char *name, uint32_t disc, uint32_t track,
                        const char *artist, const char *album,
                        const char *title)
{
    struct file_name out;
    names_of_file(&out, name);
    assert_string_equal(out.title, title);
    assert_string_equal(out.artist, artist);
    assert_string_equal(out.album, album);
    assert_int_equal(out.track, track);
    assert_int_equal(out.disc, disc);
}

static void numbered_files(void **state)
{
    (void)state;
    assert_file("03 - Title.flac", 0, 3, "", "", "Title");
    assert_file("03. Title.flac", 0, 3, "", "", "Title");
    assert_file("3. Title.flac", 0, 3, "", "", "Title");
    assert_file("03-Title.flac", 0, 3, "", "", "Title");
    assert_file("03 Title.m4a", 0, 3, "", "", "Title");
    assert_file("3) Title.mp3", 0, 3, "", "", "Title");
    assert_file("103 - Title.mp3", 0, 103, "", "", "Title");
    assert_file("1-03 Title.m4a", 1, 3, "", "", "Title");
    assert_file("2-11 - Title.m4a", 2, 11, "", "", "Title");
    assert_file("12.flac", 0, 12, "", "", "12");
}

static void files_with_artists(void **state)
{
    (void)state;
    assert_file("Artist - Title.mp3", 0, 0, "Artist", "", "Title");
    assert_file("03 - Artist - Title.mp3", 0, 3, "Artist", "", "Title");
    assert_file("Artist - Album - 03 - Title.mp3", 0, 3, "Artist", "Album",
                "Title");
    assert_file("Artist - 03 - Title - Part II.mp3", 0, 3, "Artist", "",
                "Title - Part II");
    assert_file("Artist - Title - Live.mp3", 0, 0, "Artist", "",
                "Title - Live");
}

static void underscores_are_blanks(void **state)
{
    (void)state;
    assert_file("03_-_Some_Title.ogg", 0, 3, "", "", "Some Title");
    assert_file("Some_Artist_-_A_Title.ogg", 0, 0, "Some Artist", "",
                "A Title");
    assert_file("keep_this one.ogg", 0, 0, "", "", "keep_this one");
}

static void numbers_that_belong_to_the_title_stay(void **state)
{
    (void)state;
    assert_file("99 Luftballons.mp3", 0, 0, "", "", "99 Luftballons");
    assert_file("1979.mp3", 0, 0, "", "", "1979");
    assert_file("24-7.mp3", 0, 0, "", "", "24-7");
    assert_file("7-11.mp3", 0, 0, "", "", "7-11");
    assert_file("1-800-273-8255.mp3", 0, 0, "", "", "1-800-273-8255");
    assert_file("1.5 Hours.mp3", 0, 0, "", "", "1.5 Hours");
    assert_file("2000 Light Years.mp3", 0, 0, "", "", "2000 Light Years");
}

static void odd_names_still_have_a_title(void **state)
{
    (void)state;
    assert_file("song", 0, 0, "", "", "song");
    assert_file("Mr. Blue Sky", 0, 0, "", "", "Mr. Blue Sky");
    assert_file(".mp3", 0, 0, "", "", ".mp3");
    assert_file("   .mp3", 0, 0, "", "", "Untitled");
    assert_file(" - .mp3", 0, 0, "", "", "-");
    assert_file("", 0, 0, "", "", "Untitled");
    assert_file("\xff\xfe.mp3", 0, 0, "", "", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_file("Bj\xc3\xb6rk - J\xc3\xb3ga.flac", 0, 0, "Bj\xc3\xb6rk", "",
                "J\xc3\xb3ga");
}

static void overlong_names_are_cut_not_overrun(void **state)
{
    (void)state;
    char name[2000];
    memset(name, 'x', sizeof name);
    for (size_t i = 2; i + 3 < sizeof name; i += 5) {
        name[i] = ' ';
        name[i + 1] = '-';
        name[i + 2] = ' ';
    }
    name[sizeof name - 1] = '\0';
    struct file_name out;
    names_of_file(&out, name);
    assert_true(strlen(out.title) > 0);
    struct folder_name folder;
    names_of_folder(&folder, name);
    assert_true(strlen(folder.album) > 0);
}

static void assert_folder(const char *path, uint32_t disc, const char *artist,
                          const char *album, const char *date)
{
    struct folder_name out;
    names_of_folder(&out, path);
    assert_string_equal(out.album, album);
    assert_string_equal(out.artist, artist);
    assert_string_equal(out.date, date);
    assert_int_equal(out.disc, disc);
}

static void folders(void **state)
{
    (void)state;
    assert_folder("Album", 0, "", "Album", "");
    assert_folder("/music/Artist - Album/", 0, "Artist", "Album", "");
    assert_folder("Artist - Album (2003)", 0, "Artist", "Album", "2003");
    assert_folder("Artist - Album (2003) [FLAC]", 0, "Artist", "Album", "2003");
    assert_folder("Artist - 2003 - Album", 0, "Artist", "Album", "2003");
    assert_folder("2003 - Album", 0, "", "Album", "2003");
    assert_folder("Artist_-_The_Album", 0, "Artist", "The Album", "");
    assert_folder("Artist - Album (Live)", 0, "Artist", "Album (Live)", "");
    assert_folder("Artist - Album - Volume 1", 0, "Artist", "Album - Volume 1",
                  "");
}

static void folders_of_one_disc(void **state)
{
    (void)state;
    assert_folder("Artist - Album CD 2", 2, "Artist", "Album", "");
    assert_folder("Artist - Album (2003) CD2", 2, "Artist", "Album", "2003");
    assert_folder("Album, Disc 1", 1, "", "Album", "");
    assert_folder("ACD2", 0, "", "ACD2", "");
}

static void odd_folders_still_have_an_album(void **state)
{
    (void)state;
    assert_folder("1984", 0, "", "1984", "");
    assert_folder("(2003)", 0, "", "(2003)", "");
    assert_folder("[FLAC]", 0, "", "[FLAC]", "");
    assert_folder("CD2", 0, "", "CD2", "");
    assert_folder("/", 0, "", "", "");
}

static void kinds_follow_the_name(void **state)
{
    (void)state;
    assert_int_equal(names_kind("a.mp3"), FILE_AUDIO);
    assert_int_equal(names_kind("a.FLAC"), FILE_AUDIO);
    assert_int_equal(names_kind("cover.jpg"), FILE_COVER);
    assert_int_equal(names_kind("Cover.PNG"), FILE_COVER);
    assert_int_equal(names_kind("back.jpg"), FILE_OTHER);
    assert_int_equal(names_kind("info.nfo"), FILE_OTHER);
    assert_int_equal(names_kind("all.m3u"), FILE_OTHER);
    assert_int_equal(names_kind("disc.cue"), FILE_OTHER);
    assert_int_equal(names_kind("rip.log"), FILE_OTHER);
    assert_int_equal(names_kind("._a.mp3"), FILE_OTHER);
    assert_int_equal(names_kind(".DS_Store"), FILE_OTHER);
    assert_int_equal(names_kind("song"), FILE_UNKNOWN);
    assert_int_equal(names_kind("a.xyz"), FILE_UNKNOWN);
    assert_int_equal(names_kind("mp3"), FILE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbered_files),
        cmocka_unit_test(files_with_artists),
        cmocka_unit_test(underscores_are_blanks),
        cmocka_unit_test(numbers_that_belong_to_the_title_stay),
        cmocka_unit_test(odd_names_still_have_a_title),
        cmocka_unit_test(overlong_names_are_cut_not_overrun),
        cmocka_unit_test(folders),
        cmocka_unit_test(folders_of_one_disc),
        cmocka_unit_test(odd_folders_still_have_an_album),
        cmocka_unit_test(kinds_follow_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
