/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a full or read-only disk is an answer, never a half-stored song.
 * A small tmpfs in mounts of the test's own stands for the disk. */
#include "tests/support/pattern.h"
#include "tests/support/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((size_t)1024 * 1024)
enum { SONG_BYTES = 5 * MIB };

struct fixture {
    struct test_vault tv;
    bool mounted;
    uint8_t song[SONG_BYTES];
};

static int set_up_with(void **state, const char *options)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_vault_open(&fixture->tv);
    pattern_fill(fixture->song, sizeof fixture->song, 5);
    fixture->mounted = test_mount(fixture->tv.folder, options) == 0;
    if (fixture->mounted) {
        test_vault_reopen(&fixture->tv);
    } else {
        print_message("no mounts allowed here (%s)\n", strerror(errno));
    }
    *state = fixture;
    return 0;
}

static int set_up_small(void **state)
{
    return set_up_with(state, "size=3m");
}

/* 258 folders, and room for a few files by bytes but not by number */
static int set_up_few_files(void **state)
{
    return set_up_with(state, "size=64m,nr_inodes=262");
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    vault_close(fixture->tv.vault);
    fixture->tv.vault = NULL;
    if (fixture->mounted) {
        assert_int_equal(umount(fixture->tv.folder), 0);
    }
    test_vault_close(&fixture->tv);
    free(fixture);
    return 0;
}

static void need_mount(const struct fixture *fixture)
{
    if (!fixture->mounted) {
        skip();
    }
}

static void expect_put_fails(struct fixture *fixture, const char *code)
{
    struct buffer manifest = {0};
    struct error err = {0};
    int fd = test_file(fixture->song, SONG_BYTES);
    assert_int_equal(
        vault_put(fixture->tv.vault, &TEST_OWNER, fd, NULL, &manifest, &err),
        STATUS_UNAVAILABLE);
    assert_string_equal(err.code, code);
    assert_int_equal(manifest.length, 0);
    assert_int_equal(test_leftovers(fixture->tv.folder), 0);
    (void)close(fd);
    buffer_clear(&manifest);
}

static void expect_probe_fails(struct fixture *fixture, const char *code)
{
    struct error err = {0};
    assert_int_equal(vault_probe(fixture->tv.vault, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, code);
}

/* Fills the disk to the last byte; returns the file that does it. */
static void fill_disk(const struct fixture *fixture, char path[PATH_MAX + 16])
{
    static const uint8_t zeroes[4096];
    (void)snprintf(path, PATH_MAX + 16, "%s/filler", fixture->tv.folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    while (fwrite(zeroes, 1, sizeof zeroes, file) == sizeof zeroes &&
           fflush(file) == 0) {
    }
    (void)fclose(file);
}

static void a_full_disk_stores_nothing_by_halves(void **state)
{
    struct fixture *fixture = *state;
    struct buffer before = {0};
    struct buffer after = {0};
    need_mount(fixture);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, MIB, &before);
    expect_put_fails(fixture, "vault_full");

    /* what was stored before is whole, and room makes it work again */
    test_vault_expect(&fixture->tv, &TEST_OWNER, &before, fixture->song, MIB);
    assert_int_equal(
        mount("none", fixture->tv.folder, "tmpfs", MS_REMOUNT, "size=32m"), 0);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, SONG_BYTES,
                   &after);
    test_vault_expect(&fixture->tv, &TEST_OWNER, &after, fixture->song,
                      SONG_BYTES);
    buffer_clear(&before);
    buffer_clear(&after);
}

static void the_probe_knows_a_full_disk(void **state)
{
    struct fixture *fixture = *state;
    char filler[PATH_MAX + 16];
    need_mount(fixture);
    assert_int_equal(vault_probe(fixture->tv.vault, NULL), STATUS_OK);
    fill_disk(fixture, filler);
    expect_probe_fails(fixture, "vault_full");
    assert_int_equal(unlink(filler), 0);
    assert_int_equal(vault_probe(fixture->tv.vault, NULL), STATUS_OK);
    assert_int_equal(test_leftovers(fixture->tv.folder), 0);
}

static void a_disk_without_inodes_is_full_too(void **state)
{
    struct fixture *fixture = *state;
    need_mount(fixture);
    expect_put_fails(fixture, "vault_full");
}

static void a_read_only_disk_is_read_and_refuses_writes(void **state)
{
    struct fixture *fixture = *state;
    struct buffer manifest = {0};
    need_mount(fixture);
    test_vault_put(&fixture->tv, &TEST_OWNER, fixture->song, MIB, &manifest);
    assert_int_equal(mount("none", fixture->tv.folder, "tmpfs",
                           MS_REMOUNT | MS_RDONLY, "size=3m"),
                     0);
    expect_put_fails(fixture, "vault_write");
    expect_probe_fails(fixture, "vault_write");
    test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song, MIB);
    /* a restart on it can read as well */
    test_vault_reopen(&fixture->tv);
    test_vault_expect(&fixture->tv, &TEST_OWNER, &manifest, fixture->song, MIB);
    buffer_clear(&manifest);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct vault *vault = NULL;
    struct error err = {0};
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/no/vault", fixture->tv.root);
    assert_int_equal(vault_open_folder(&vault, path, fixture->tv.keyring, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "vault_write");
    assert_null(vault);
}

#define TEST(name, set_up)                                                     \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_stores_nothing_by_halves, set_up_small),
        TEST(the_probe_knows_a_full_disk, set_up_small),
        TEST(a_disk_without_inodes_is_full_too, set_up_few_files),
        TEST(a_read_only_disk_is_read_and_refuses_writes, set_up_small),
        TEST(a_folder_that_cannot_be_made_is_an_error, set_up_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
