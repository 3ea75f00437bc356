/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: an archive unpacks into the flat folder that it describes, and one that
 * wants anything else is refused by name. Archives are made here after the
 * ustar layout of POSIX.1-2017, pax. */
#include "api/routes/release_tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCK = 512 };
static const struct release_tar_limits roomy = {10, 1 << 20};

struct fixture {
    int fd; /* the archive */
    char folder[64];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->fd = memfd_create("tar", MFD_CLOEXEC);
    assert_true(fixture->fd >= 0);
    (void)snprintf(fixture->folder, sizeof fixture->folder,
                   "/tmp/refrain-tar-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    DIR *entries = opendir(fixture->folder);
    assert_non_null(entries);
    struct dirent *entry = NULL;
    while ((entry = readdir(entries)) != NULL) {
        unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
    assert_int_equal(rmdir(fixture->folder), 0);
    close(fixture->fd);
    free(fixture);
    return 0;
}

static void put(const struct fixture *fixture, const void *bytes, size_t length)
{
    assert_int_equal(write(fixture->fd, bytes, length), length);
}

static void put_padded(const struct fixture *fixture, const char *text,
                       size_t length)
{
    static const char zeros[BLOCK];
    put(fixture, text, length);
    put(fixture, zeros, (BLOCK - length % BLOCK) % BLOCK);
}

/* A field of a header: text at an offset, without its NUL. */
static void set(char header[BLOCK], size_t offset, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        header[offset + i] = text[i];
    }
}

/* Name 0, mode 100, uid 108, gid 116, size 124, mtime 136, checksum 148, type
 * 156, link 157, magic 257 and version 263. Numbers are octal. */
static void begin_header(char header[BLOCK], const char *name, char type,
                         size_t size)
{
    char digits[24];
    memset(header, 0, BLOCK);
    (void)snprintf(digits, sizeof digits, "%011zo", size);
    set(header, 0, name);
    set(header, 100, "0000644");
    set(header, 108, "0000000");
    set(header, 116, "0000000");
    set(header, 124, digits);
    set(header, 136, "00000000000");
    header[156] = type;
}

/* The checksum counts its own field as blanks. */
static void put_block(const struct fixture *fixture, char header[BLOCK])
{
    char digits[24];
    unsigned sum = 0;
    set(header, 148, "        ");
    for (size_t i = 0; i < BLOCK; i++) {
        sum += (unsigned char)header[i];
    }
    (void)snprintf(digits, sizeof digits, "%06o", sum);
    set(header, 148, digits);
    header[154] = '\0';
    put(fixture, header, BLOCK);
}

static void put_header(const struct fixture *fixture, const char *name,
                       char type, const char *link, size_t size)
{
    char header[BLOCK];
    begin_header(header, name, type, size);
    set(header, 157, link);
    set(header, 257, "ustar");
    set(header, 263, "00");
    put_block(fixture, header);
}

static void put_file(const struct fixture *fixture, const char *name,
                     const char *text)
{
    put_header(fixture, name, '0', "", strlen(text));
    put_padded(fixture, text, strlen(text));
}

static void put_end(const struct fixture *fixture)
{
    static const char zeros[2 * BLOCK];
    put(fixture, zeros, sizeof zeros);
}

static enum status unpack(const struct fixture *fixture,
                          const struct release_tar_limits *limits,
                          struct error *err)
{
    assert_int_equal(lseek(fixture->fd, 0, SEEK_SET), 0);
    return release_tar_unpack(fixture->fd, fixture->folder, limits, err);
}

static void assert_contents(const struct fixture *fixture, const char *name,
                            const char *text)
{
    char path[512];
    char bytes[256] = "";
    (void)snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof bytes), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
    close(fd);
}

static void test_a_folder_comes_out_as_it_went_in(void **state)
{
    const struct fixture *fixture = *state;
    struct error err = {0};
    put_header(fixture, "./", '5', "", 0); /* as tar -C folder -c . */
    put_file(fixture, "./01 Song.flac", "first");
    put_file(fixture, "caf\xc3\xa9.mp3", "second");
    put_file(fixture, "empty.txt", "");
    put_end(fixture);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_OK);
    assert_contents(fixture, "01 Song.flac", "first");
    assert_contents(fixture, "caf\xc3\xa9.mp3", "second");
    assert_contents(fixture, "empty.txt", "");
}

/* A name in a pax header, which is UTF-8 by definition: "path" with its record
 * length in front. */
static void test_long_names_of_pax_archives_are_read(void **state)
{
    const struct fixture *fixture = *state;
    static const char record[] = "24 path=\xe6\xad\x8c\xe8\xa9\x9e-song.mp3\n";
    struct error err = {0};
    assert_int_equal(sizeof record - 1, 24);
    put_header(fixture, "PaxHeaders/x", 'x', "", sizeof record - 1);
    put_padded(fixture, record, sizeof record - 1);
    put_file(fixture, "short.mp3", "text");
    put_end(fixture);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_OK);
    assert_contents(fixture, "\xe6\xad\x8c\xe8\xa9\x9e-song.mp3", "text");
}

static void expect_refusal(const struct fixture *fixture, const char *code,
                           const char *named)
{
    struct error err = {0};
    put_end(fixture);
    assert_int_not_equal(unpack(fixture, &roomy, &err), STATUS_OK);
    assert_string_equal(err.code, code);
    assert_non_null(strstr(err.text, named));
}

static void test_names_outside_of_the_folder_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const names[] = {"../a", "/tmp/a", "sub/a",
                                        "..",   "./../a", "a\nb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(ftruncate(fixture->fd, 0), 0);
        assert_int_equal(lseek(fixture->fd, 0, SEEK_SET), 0);
        put_file(fixture, names[i], "text");
        expect_refusal(fixture, "bad_tar", "only regular files");
    }
}

static void test_links_folders_and_devices_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const char types[] = {'1', '2', '3', '4', '5', '6'};
    for (size_t i = 0; i < sizeof types; i++) {
        assert_int_equal(ftruncate(fixture->fd, 0), 0);
        assert_int_equal(lseek(fixture->fd, 0, SEEK_SET), 0);
        put_header(fixture, "thing", types[i], "/etc/passwd", 0);
        expect_refusal(fixture, "bad_tar", "thing");
    }
}

static void test_a_name_twice_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    put_file(fixture, "a.mp3", "one");
    put_file(fixture, "a.mp3", "two");
    expect_refusal(fixture, "bad_tar", "a.mp3");
}

static void test_bounds_hold(void **state)
{
    const struct fixture *fixture = *state;
    const struct release_tar_limits two_files = {2, 1000};
    const struct release_tar_limits five_bytes = {10, 5};
    struct error err = {0};
    put_file(fixture, "a", "abc");
    put_file(fixture, "b", "abc");
    put_file(fixture, "c", "abc");
    put_end(fixture);
    assert_int_equal(unpack(fixture, &two_files, &err), STATUS_INVALID);
    assert_string_equal(err.code, "too_many_files");
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    fixture = *state;
    put_file(fixture, "a", "abc");
    put_file(fixture, "b", "abc");
    put_end(fixture);
    assert_int_equal(unpack(fixture, &five_bytes, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "too_large");
}

/* A sparse file of a few bytes may describe terabytes: it counts as what it
 * would become. Old GNU format: type S, magic "ustar  ", map at 386, real size
 * at 483. */
static void test_a_sparse_file_counts_in_full(void **state)
{
    const struct fixture *fixture = *state;
    char header[BLOCK];
    struct error err = {0};
    begin_header(header, "big", 'S', 4);
    set(header, 257, "ustar  ");
    set(header, 386, "77777777774"); /* offset */
    set(header, 398, "00000000004"); /* bytes */
    set(header, 483, "100000000000");
    put_block(fixture, header);
    put_padded(fixture, "tail", 4);
    put_end(fixture);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_LIMIT);
    assert_string_equal(err.code, "too_large");
}

static void test_what_is_no_archive_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct error err = {0};
    put(fixture, "ID3 this is a song", 18);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_INVALID);
    assert_string_equal(err.code, "bad_tar");
}

/* gzip's first bytes: taken apart, its size could not be bounded. */
static void test_compressed_archives_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    static const unsigned char gzip[] = {
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x18, 5, 0xa3, 0x60, 0x14};
    struct error err = {0};
    put(fixture, gzip, sizeof gzip);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_INVALID);
    assert_string_equal(err.code, "bad_tar");
}

static void test_a_truncated_archive_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct error err = {0};
    put_header(fixture, "a.mp3", '0', "", 5000);
    put(fixture, "only these", 10);
    assert_int_equal(unpack(fixture, &roomy, &err), STATUS_INVALID);
    assert_string_equal(err.code, "bad_tar");
}

static void test_an_empty_archive_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    put_header(fixture, "./", '5', "", 0);
    expect_refusal(fixture, "empty", "no file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_folder_comes_out_as_it_went_in,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_long_names_of_pax_archives_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_names_outside_of_the_folder_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_links_folders_and_devices_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_twice_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bounds_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sparse_file_counts_in_full,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_archive_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compressed_archives_are_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_truncated_archive_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_archive_is_refused,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
