/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: the archive that is made while it is sent is as long as was told
 * before, and tar gets the same files out of it. */
#include "api/cli/files.h"
#include "api/cli/tar.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILES = 5, BIG_BYTES = 700001 };

struct place {
    char folder[64];
    char paths[FILES][512];
    char *list[FILES];
    struct buffer contents[FILES];
};

/* Empty, one record, one byte more, many pieces; plain, UTF-8 and long names.
 */
static const size_t sizes[FILES] = {0, 512, 513, BIG_BYTES, 3};

static void name_file(char out[512], const char *folder, size_t i)
{
    char lengthy[180];

    memset(lengthy, 'n', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    snprintf(out, 512, "%s/%s%zu.flac", folder,
             i == 3   ? "\xc3\x84rger \xe6\xad\x8c"
             : i == 4 ? lengthy
                      : "a b",
             i);
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct error err;

    if (place == NULL) {
        return -1;
    }
    *state = place;
    snprintf(place->folder, sizeof(place->folder), "/tmp/refrain-test.XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < FILES; i++) {
        name_file(place->paths[i], place->folder, i);
        place->list[i] = place->paths[i];
        for (size_t at = 0; at < sizes[i]; at++) {
            const uint8_t byte = (uint8_t)(at * 7 + at / 251 + i);

            assert_int_equal(buffer_append(&place->contents[i], &byte, 1, &err),
                             STATUS_OK);
        }
        assert_int_equal(files_replace(place->paths[i],
                                       buffer_text(&place->contents[i]),
                                       sizes[i], &err),
                         STATUS_OK);
    }
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char command[128];

    for (size_t i = 0; i < FILES; i++) {
        buffer_clear(&place->contents[i]);
    }
    snprintf(command, sizeof(command), "rm -rf %s", place->folder);
    free(place);
    /* NOLINTNEXTLINE(cert-env33-c): a path of our own making */
    return system(command);
}

static struct tar *open_tar(const struct place *place)
{
    struct tar *tar = NULL;
    struct error err;

    assert_int_equal(tar_open(&tar, place->list, FILES, &err), STATUS_OK);
    return tar;
}

/* length: of each read */
static void read_all(struct buffer *out, struct tar *tar, size_t length)
{
    char piece[65536];
    struct error err;
    int64_t got;

    while ((got = tar_read(tar, piece, length)) > 0) {
        assert_int_equal(buffer_append(out, piece, (size_t)got, &err),
                         STATUS_OK);
    }
    assert_int_equal(got, 0);
}

static void it_is_as_long_as_was_told(void **state)
{
    struct tar *tar = open_tar(*state);
    struct buffer whole = {0};

    read_all(&whole, tar, 65536);
    assert_int_equal(whole.length, tar_size(tar));
    tar_close(tar);
    buffer_clear(&whole);
}

static void any_length_of_read_gives_the_same(void **state)
{
    struct tar *tar = open_tar(*state);
    struct buffer whole = {0};
    struct buffer again = {0};

    read_all(&whole, tar, 65536);
    tar_rewind(tar);
    read_all(&again, tar, 1000);
    assert_int_equal(again.length, whole.length);
    assert_memory_equal(again.bytes, whole.bytes, whole.length);
    tar_close(tar);
    buffer_clear(&whole);
    buffer_clear(&again);
}

static void starting_anew_in_the_middle_is_fine(void **state)
{
    struct tar *tar = open_tar(*state);
    struct buffer whole = {0};
    char piece[4096];

    for (size_t i = 0; i < 20; i++) {
        assert_true(tar_read(tar, piece, sizeof(piece)) > 0);
    }
    tar_rewind(tar);
    read_all(&whole, tar, 65536);
    assert_int_equal(whole.length, tar_size(tar));
    tar_close(tar);
    buffer_clear(&whole);
}

static void tar_gets_the_same_files_out(void **state)
{
    const struct place *place = *state;
    struct tar *tar = open_tar(place);
    struct buffer whole = {0};
    struct error err;
    char archive[128];
    char command[512];

    read_all(&whole, tar, 65536);
    tar_close(tar);
    snprintf(archive, sizeof(archive), "%s/archive.tar", place->folder);
    assert_int_equal(files_replace(archive, whole.bytes, whole.length, &err),
                     STATUS_OK);
    snprintf(command, sizeof(command),
             "mkdir %s/out && tar -C %s/out -xf %s 2>&1", place->folder,
             place->folder, archive);
    /* NOLINTNEXTLINE(cert-env33-c): paths of our own making */
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < FILES; i++) {
        struct buffer file = {0};
        char folder[128];
        char path[512];

        snprintf(folder, sizeof(folder), "%s/out", place->folder);
        name_file(path, folder, i);
        assert_int_equal(files_read(&file, path, BIG_BYTES, &err), STATUS_OK);
        assert_int_equal(file.length, sizes[i]);
        assert_memory_equal(buffer_text(&file),
                            buffer_text(&place->contents[i]), sizes[i]);
        buffer_clear(&file);
    }
    buffer_clear(&whole);
}

/* POSIX.1-2001, pax, "pax Extended Header": "length keyword=value\n", in which
 * the length counts itself. Both sides of 99 to 100 are among these names. */
static void long_names_count_their_own_length(void **state)
{
    const struct place *place = *state;
    char name[256];
    struct error err;

    for (size_t length = 80; length < 110; length++) {
        struct tar *tar = NULL;
        struct buffer whole = {0};
        char path[512];
        char line[300];
        char *list[] = {path};

        memset(name, 'x', sizeof(name));
        memcpy(name, "\xc3\xa4", 2); /* never plain */
        name[length] = '\0';
        snprintf(path, sizeof(path), "%s/%s", place->folder, name);
        assert_int_equal(files_replace(path, "", 0, &err), STATUS_OK);
        assert_int_equal(tar_open(&tar, list, 1, &err), STATUS_OK);
        read_all(&whole, tar, 65536);
        const size_t told = strtoul(buffer_text(&whole) + 512, NULL, 10);

        assert_true(told < sizeof(line));
        memcpy(line, buffer_text(&whole) + 512, told);
        line[told] = '\0';
        assert_int_equal(line[told - 1], '\n');
        assert_int_equal(buffer_text(&whole)[512 + told], 0);
        assert_non_null(strstr(line, name));
        tar_close(tar);
        buffer_clear(&whole);
    }
}

static void a_file_that_shrinks_is_named(void **state)
{
    const struct place *place = *state;
    struct tar *tar = open_tar(place);
    char piece[65536];
    int64_t got;

    assert_int_equal(truncate(place->paths[3], 1000), 0);
    while ((got = tar_read(tar, piece, sizeof(piece))) > 0) {
    }
    assert_int_equal(got, -1);
    assert_string_equal(tar_error(tar)->code, "unreadable");
    assert_non_null(strstr(tar_error(tar)->text, place->paths[3]));
    tar_close(tar);
}

static void a_missing_file_is_named(void **state)
{
    const struct place *place = *state;
    struct tar *tar = NULL;
    struct error err;

    assert_int_equal(unlink(place->paths[1]), 0);
    assert_int_equal(tar_open(&tar, place->list, FILES, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, place->paths[1]));
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        TEST(it_is_as_long_as_was_told),
        TEST(any_length_of_read_gives_the_same),
        TEST(starting_anew_in_the_middle_is_fine),
        TEST(tar_gets_the_same_files_out),
        TEST(long_names_count_their_own_length),
        TEST(a_file_that_shrinks_is_named),
        TEST(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
