/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a master is there whole, or not at all, whatever the disk does. A small
 * tmpfs in a mount namespace of the test's own stands for a full disk. */
#include "catalog/releases/masters.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SOURCE_BYTES = 3 * 1024 * 1024 };

static char top[64];
static char masters[96];
static int source = -1; /* a file in memory */
static uint8_t sha256[SHA256_BYTES];
static char name[MASTER_NAME_SIZE];

static int setup(void **state)
{
    (void)state;
    test_folder_make(top);
    (void)snprintf(masters, sizeof masters, "%s/masters", top);
    source = memfd_create("source", MFD_CLOEXEC);
    uint8_t block[4096];
    for (int i = 0; i < SOURCE_BYTES / (int)sizeof block; i++) {
        memset(block, i, sizeof block);
        assert_int_equal(write(source, block, sizeof block), sizeof block);
    }
    assert_int_equal(masters_hash(source, sha256, NULL), STATUS_OK);
    masters_name(name, sha256, "flac");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(source);
    test_folder_remove(top);
    return 0;
}

static size_t count_files(const char *folder)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", masters, folder);
    DIR *files = opendir(path);
    size_t count = 0;
    for (const struct dirent *entry = files == NULL ? NULL : readdir(files);
         entry != NULL; entry = readdir(files)) {
        count += entry->d_name[0] != '.';
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    return count;
}

/* FIPS 180-4, the example "abc". */
static void names_are_the_hash_of_the_bytes(void **state)
{
    (void)state;
    int fd = memfd_create("abc", MFD_CLOEXEC);
    assert_int_equal(write(fd, "abc", 3), 3);
    uint8_t digest[SHA256_BYTES];
    char text[MASTER_NAME_SIZE];
    assert_int_equal(masters_hash(fd, digest, NULL), STATUS_OK);
    masters_name(text, digest, "mp3");
    assert_string_equal(text, "ba/ba7816bf8f01cfea414140de5dae2223"
                              "b00361a396177a9cb410ff61f20015ad.mp3");
    (void)close(fd);
}

static void stored_file_is_whole_and_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(masters_store(masters, name, sha256, source, NULL),
                         STATUS_OK);
        char path[256];
        struct stat status;
        (void)snprintf(path, sizeof path, "%s/%s", masters, name);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_size, SOURCE_BYTES);
        assert_int_equal(status.st_mode & 0777, 0400);
        int fd = open(path, O_RDONLY);
        uint8_t digest[SHA256_BYTES];
        assert_int_equal(masters_hash(fd, digest, NULL), STATUS_OK);
        assert_memory_equal(digest, sha256, SHA256_BYTES);
        (void)close(fd);
    }
    assert_int_equal(count_files("tmp"), 0);
}

static void file_that_changed_meanwhile_is_a_conflict(void **state)
{
    (void)state;
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    assert_int_equal(pwrite(source, "changed", 7, 5), 7);
    struct error err = {0};
    assert_int_equal(masters_store(masters, name, sha256, source, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "file_changed");
    name[2] = '\0';
    assert_int_equal(count_files(name), 0);
    assert_int_equal(count_files("tmp"), 0);
}

static struct buffer bytes_of(int byte, size_t length)
{
    struct buffer bytes = {0};
    assert_int_equal(buffer_reserve(&bytes, length, NULL), STATUS_OK);
    memset(bytes.bytes, byte, length);
    bytes.length = length;
    return bytes;
}

/* A file of `length` bytes, all of them `byte`; its owner's alone. */
static void assert_holds(const char *file, int byte, size_t length)
{
    char path[256];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", masters, file);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_size, length);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    for (size_t i = 0; i < length; i++) {
        assert_int_equal(getc(in), byte);
    }
    (void)fclose(in);
}

static void what_is_made_of_a_master_can_be_replaced(void **state)
{
    (void)state;
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    struct buffer first = bytes_of('a', 5000);
    struct buffer second = bytes_of('b', 70);
    assert_int_equal(masters_replace(masters, "ab/x", &first, NULL), STATUS_OK);
    assert_holds("ab/x", 'a', 5000);
    assert_int_equal(masters_replace(masters, "ab/x", &second, NULL),
                     STATUS_OK);
    assert_holds("ab/x", 'b', 70);
    assert_int_equal(count_files("tmp"), 0);
    assert_int_equal(count_files("ab"), 1);
    buffer_clear(&first);
    buffer_clear(&second);
}

static void master_of_another_size_is_not_opened(void **state)
{
    (void)state;
    struct recording recording = {.id = "rec_1", .size_bytes = SOURCE_BYTES};
    struct error err = {0};
    int fd = 7;
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    (void)snprintf(recording.master_name, sizeof recording.master_name, "%s",
                   name);
    assert_int_equal(masters_open(&fd, masters, &recording, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "master_missing");
    assert_int_equal(masters_store(masters, name, sha256, source, NULL),
                     STATUS_OK);
    assert_int_equal(masters_open(&fd, masters, &recording, NULL), STATUS_OK);
    uint8_t digest[SHA256_BYTES];
    assert_int_equal(masters_hash(fd, digest, NULL), STATUS_OK);
    assert_memory_equal(digest, sha256, SHA256_BYTES);
    (void)close(fd);
    recording.size_bytes++;
    assert_int_equal(masters_open(&fd, masters, &recording, &err),
                     STATUS_CORRUPT);
    assert_string_equal(err.code, "master_damaged");
    assert_int_equal(fd, -1);
}

static void full_disk_leaves_nothing_and_room_heals(void **state)
{
    (void)state;
    assert_int_equal(mkdir(masters, 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", masters, "tmpfs", 0, "size=1m") != 0) {
        print_message("no mounts allowed here (%s)\n", strerror(errno));
        skip();
    }
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    struct error err = {0};
    assert_int_equal(masters_store(masters, name, sha256, source, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "masters_full");
    assert_int_equal(count_files("tmp"), 0);
    char folder[3];
    (void)snprintf(folder, sizeof folder, "%.2s", name);
    assert_int_equal(count_files(folder), 0);
    struct buffer small = bytes_of('a', 100);
    struct buffer large = bytes_of('b', SOURCE_BYTES);
    assert_int_equal(masters_replace(masters, "ab/x", &small, NULL), STATUS_OK);
    assert_int_equal(masters_replace(masters, "ab/x", &large, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "masters_full");
    assert_holds("ab/x", 'a', 100);
    assert_int_equal(count_files("tmp"), 0);
    buffer_clear(&small);
    buffer_clear(&large);
    assert_int_equal(mount("tmpfs", masters, "tmpfs", MS_REMOUNT, "size=8m"),
                     0);
    assert_int_equal(masters_store(masters, name, sha256, source, NULL),
                     STATUS_OK);
    assert_int_equal(count_files(folder), 1);
    assert_int_equal(umount(masters), 0);
}

static void old_leftovers_go_and_young_ones_stay(void **state)
{
    (void)state;
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    char path[256];
    static const char *const names[] = {"old", "young"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/tmp/%s", masters, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(close(fd), 0);
    }
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    (void)snprintf(path, sizeof path, "%s/tmp/old", masters);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    assert_int_equal(masters_prepare(masters, NULL), STATUS_OK);
    assert_int_equal(count_files("tmp"), 1);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(names_are_the_hash_of_the_bytes),
        TEST(stored_file_is_whole_and_cannot_be_written),
        TEST(file_that_changed_meanwhile_is_a_conflict),
        TEST(what_is_made_of_a_master_can_be_replaced),
        TEST(master_of_another_size_is_not_opened),
        TEST(full_disk_leaves_nothing_and_room_heals),
        TEST(old_leftovers_go_and_young_ones_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
