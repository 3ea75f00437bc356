/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: every recording of the catalog has its sketch beside its master before
 * anybody can find it, and one that is lost or damaged comes back by loading
 * the folder again. */
#include "catalog/releases/masters.h"
#include "catalog/releases/sketches.h"
#include "tests/support/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_catalog catalog;
static struct load_report report;

enum { NOW_MS = 1700000000, PATH_SIZE = 256 };

static int setup(void **state)
{
    (void)state;
    test_catalog_start(&catalog);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    load_report_clear(&report);
    test_catalog_stop(&catalog);
    return 0;
}

static void clip(const char *name, unsigned seed)
{
    test_catalog_clip(&catalog, name, seed,
                      (const char *const[]){"album=Album", NULL});
}

static enum status try_load(struct error *err)
{
    load_report_clear(&report);
    return loader_load(&report, &catalog.loader, catalog.folder, "Folder",
                       false, NOW_MS, err);
}

static void load(void)
{
    struct error err = {0};
    if (try_load(&err) != STATUS_OK) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

static struct recording recording_at(size_t index)
{
    struct recording recording;
    assert_true(index < report.file_count);
    assert_int_equal(recording_read(catalog.redis,
                                    report.files[index].recording_id,
                                    &recording, NULL),
                     STATUS_OK);
    return recording;
}

static enum status read_sketch(struct sketch *out,
                               const struct recording *recording,
                               struct error *err)
{
    return sketches_read(out, catalog.masters, recording->master_name, err);
}

/* Beside the master, named by the same hash. */
static void path_of(char out[PATH_SIZE], const struct recording *recording)
{
    (void)snprintf(out, PATH_SIZE, "%s/%.2s/%s.sketch", catalog.masters,
                   recording->master_sha256, recording->master_sha256);
}

static struct buffer bytes_of(const char *path)
{
    struct buffer bytes = {0};
    uint8_t block[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    assert_true(fd >= 0);
    while ((got = read(fd, block, sizeof block)) > 0) {
        assert_int_equal(buffer_append(&bytes, block, (size_t)got, NULL),
                         STATUS_OK);
    }
    assert_int_equal(got, 0);
    (void)close(fd);
    return bytes;
}

static void write_over(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    (void)close(fd);
}

static void assert_same(const struct buffer *a, const struct buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->bytes, b->bytes, a->length);
}

static void a_load_leaves_a_sketch_beside_each_master(void **state)
{
    (void)state;
    clip("1.flac", 1);
    clip("2.mp3", 2);
    load();
    for (size_t i = 0; i < 2; i++) {
        struct recording recording = recording_at(i);
        char path[PATH_SIZE];
        struct stat facts;
        struct sketch sketch;
        path_of(path, &recording);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 07777, 0600);
        assert_int_equal(read_sketch(&sketch, &recording, NULL), STATUS_OK);
        /* 6 s of 11025 Hz in steps of 512, but for the window's length */
        assert_in_range(sketch.frame_count, 126, 130);
        assert_non_null(sketch.mid.cells);
        assert_null(sketch.side.cells); /* the clips are mono */
        sketch_clear(&sketch);
    }
}

static void loading_again_leaves_sketches_alone(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    char path[PATH_SIZE];
    clip("1.flac", 1);
    load();
    struct recording recording = recording_at(0);
    path_of(path, &recording);
    assert_int_equal(stat(path, &before), 0);
    load();
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

/* What a disk, an older program or an operator may leave in its place. */
static void damage(const char *path, const struct buffer *whole, int how)
{
    if (whole->bytes == NULL || whole->length <= 100) {
        fail_msg("%s holds no sketch", path);
        return;
    }
    uint8_t bit = 0;
    size_t at = 0;
    size_t length = whole->length;
    switch (how) {
    case 0:
        assert_int_equal(unlink(path), 0);
        return;
    case 1: /* a bit in the middle */
        at = whole->length / 2;
        bit = 0x10;
        break;
    case 2: /* the version byte */
        at = 4;
        bit = 0x80;
        break;
    case 3:
        length--;
        break;
    default:
        length = 0;
        break;
    }
    whole->bytes[at] ^= bit;
    write_over(path, whole->bytes, length);
    whole->bytes[at] ^= bit;
}
enum { DAMAGES = 5 };

static void loading_again_heals_a_lost_or_damaged_sketch(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    clip("1.flac", 1);
    clip("2.flac", 2);
    load();
    struct recording recording = recording_at(0);
    struct buffer redis_before = test_catalog_dump(&catalog);
    path_of(path, &recording);
    struct buffer whole = bytes_of(path);
    for (int how = 0; how < DAMAGES; how++) {
        struct sketch sketch;
        damage(path, &whole, how);
        assert_int_equal(read_sketch(&sketch, &recording, NULL),
                         how == 0 ? STATUS_NOT_FOUND : STATUS_CORRUPT);
        load();
        assert_int_equal(report.status, LOAD_RELEASE_UNCHANGED);
        assert_int_equal(report.files[0].status, LOAD_UNCHANGED);
        struct buffer healed = bytes_of(path);
        assert_same(&healed, &whole);
        buffer_clear(&healed);
    }
    struct buffer redis_after = test_catalog_dump(&catalog);
    assert_same(&redis_after, &redis_before);
    buffer_clear(&redis_after);
    buffer_clear(&redis_before);
    buffer_clear(&whole);
}

/* A folder where the sketch should go cannot be replaced by it. */
static void without_its_sketch_no_recording_is_entered(void **state)
{
    (void)state;
    char path[PATH_SIZE];
    char file[PATH_SIZE];
    char name[MASTER_NAME_SIZE];
    uint8_t sha256[SHA256_BYTES];
    struct error err = {0};
    clip("1.flac", 1);
    (void)snprintf(file, sizeof file, "%s/1.flac", catalog.folder);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(masters_hash(fd, sha256, NULL), STATUS_OK);
    (void)close(fd);
    masters_name(name, sha256, "sketch");
    assert_int_equal(mkdir(catalog.masters, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%.2s", catalog.masters, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s", catalog.masters, name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(try_load(&err), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "masters_write");
    struct buffer nothing = test_catalog_dump(&catalog);
    assert_int_equal(nothing.length, 0);

    assert_int_equal(rmdir(path), 0);
    load();
    assert_int_equal(report.status, LOAD_RELEASE_ADDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_load_leaves_a_sketch_beside_each_master, setup, teardown),
        cmocka_unit_test_setup_teardown(loading_again_leaves_sketches_alone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            loading_again_heals_a_lost_or_damaged_sketch, setup, teardown),
        cmocka_unit_test_setup_teardown(
            without_its_sketch_no_recording_is_entered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
