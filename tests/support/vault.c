/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_OBJECTS = 4096, MAX_OPEN_FOLDERS = 16 };

const uint8_t TEST_KEY_A[AES256_KEY_BYTES] = {0xaa, 1, 2, 3};
const uint8_t TEST_KEY_B[AES256_KEY_BYTES] = {0xbb, 4, 5, 6};
const struct vault_owner TEST_OWNER = {.account_key = TEST_KEY_A,
                                       .account_id = "acc_aaaaaaaaaaaaaaaa",
                                       .track_id = "trk_1111111111111111",
                                       .region = "default"};

static void open_both(struct test_vault *tv)
{
    struct error err = {0};
    enum status status = keyring_open(&tv->keyring, tv->keys, true, &err);
    if (status == STATUS_OK) {
        status = vault_open_folder(&tv->vault, tv->folder, tv->keyring, &err);
    }
    if (status != STATUS_OK) {
        print_error("%s: %s\n", err.code, err.text);
    }
    assert_int_equal(status, STATUS_OK);
}

void test_write_region_secret(const char *keys)
{
    char path[PATH_MAX + 64];
    const uint8_t secret[SHA256_BYTES] = {0x5e, 0xc2, 0xe7};
    (void)snprintf(path, sizeof path, "%s/region-default.v1.secret", keys);
    assert_int_equal(mkdir(keys, 0700), 0);
    test_write_file(path, secret, sizeof secret);
    assert_int_equal(chmod(path, 0400), 0);
}

void test_vault_open(struct test_vault *out)
{
    *out = (struct test_vault){0};
    const char *base = getenv("TMPDIR");
    (void)snprintf(out->root, sizeof out->root, "%s/refrain-vault.XXXXXX",
                   base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(out->root));
    (void)snprintf(out->keys, sizeof out->keys, "%s/keys", out->root);
    (void)snprintf(out->folder, sizeof out->folder, "%s/vault", out->root);
    test_write_region_secret(out->keys);
    open_both(out);
}

static int remove_one(const char *path, const struct stat *facts, int kind,
                      struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

void test_vault_close(struct test_vault *tv)
{
    vault_close(tv->vault);
    keyring_close(tv->keyring);
    (void)nftw(tv->root, remove_one, MAX_OPEN_FOLDERS,
               FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void test_vault_reopen(struct test_vault *tv)
{
    vault_close(tv->vault);
    keyring_close(tv->keyring);
    open_both(tv);
}

int test_file(const uint8_t *bytes, size_t length)
{
    int fd = memfd_create("refrain-test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t at = 0; at < length;) {
        ssize_t written = write(fd, bytes + at, length - at);
        assert_true(written > 0);
        at += (size_t)written;
    }
    return fd; /* left at its end: vault_put() must not care */
}

void test_vault_put(struct test_vault *tv, const struct vault_owner *owner,
                    const uint8_t *bytes, size_t length,
                    struct buffer *manifest)
{
    struct error err = {0};
    int fd = test_file(bytes, length);
    enum status status = vault_put(tv->vault, owner, fd, NULL, manifest, &err);
    (void)close(fd);
    if (status != STATUS_OK) {
        print_error("%s: %s\n", err.code, err.text);
    }
    assert_int_equal(status, STATUS_OK);
}

struct vault_reader *test_vault_reader(struct test_vault *tv,
                                       const struct vault_owner *owner,
                                       const struct buffer *manifest)
{
    struct vault_reader *reader = NULL;
    assert_int_equal(vault_reader_open(&reader, tv->vault, owner,
                                       manifest->bytes, manifest->length, NULL),
                     STATUS_OK);
    return reader;
}

void test_vault_expect(struct test_vault *tv, const struct vault_owner *owner,
                       const struct buffer *manifest, const uint8_t *bytes,
                       size_t length)
{
    struct vault_reader *reader = test_vault_reader(tv, owner, manifest);
    uint8_t *back = malloc(length + 1);
    size_t got = SIZE_MAX;
    assert_non_null(back);
    assert_int_equal(vault_reader_size(reader), length);
    assert_int_equal(vault_read(reader, 0, back, length + 1, &got, NULL),
                     STATUS_OK);
    assert_int_equal(got, length);
    if (length > 0) {
        assert_memory_equal(back, bytes, length);
    }
    free(back);
    vault_reader_close(reader);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_folder(struct test_objects *out, const char *folder)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (const struct dirent *file = readdir(listing); file != NULL;
         file = readdir(listing)) {
        if (file->d_name[0] != '.') {
            assert_true(out->count < MAX_OBJECTS);
            (void)snprintf(out->paths[out->count], PATH_MAX, "%s/%s", folder,
                           file->d_name);
            out->count++;
        }
    }
    (void)closedir(listing);
}

void test_objects_list(struct test_objects *out, const char *folder)
{
    struct test_objects folders = {0};
    folders.paths = calloc(MAX_OBJECTS, PATH_MAX);
    out->paths = calloc(MAX_OBJECTS, PATH_MAX);
    out->count = 0;
    assert_non_null(folders.paths);
    assert_non_null(out->paths);
    list_folder(&folders, folder);
    for (size_t i = 0; i < folders.count; i++) {
        const char *name = strrchr(folders.paths[i], '/') + 1;
        if (strcmp(name, "tmp") != 0) {
            list_folder(out, folders.paths[i]);
        }
    }
    qsort(out->paths, out->count, PATH_MAX, compare_paths);
    test_objects_clear(&folders);
}

void test_objects_clear(struct test_objects *objects)
{
    free(objects->paths);
    *objects = (struct test_objects){0};
}

size_t test_leftovers(const char *folder)
{
    char path[PATH_MAX];
    struct test_objects files = {0};
    files.paths = calloc(MAX_OBJECTS, PATH_MAX);
    assert_non_null(files.paths);
    (void)snprintf(path, sizeof path, "%s/tmp", folder);
    list_folder(&files, path);
    size_t count = files.count;
    test_objects_clear(&files);
    return count;
}

uint8_t *test_read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat facts;
    assert_int_equal(fstat(fileno(file), &facts), 0);
    *length = (size_t)facts.st_size;
    uint8_t *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    (void)fclose(file);
    return bytes;
}

void test_write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        (void)fputs(text, file);
        (void)fclose(file);
    }
}

/* Mounts of our own, which go away with the process; for those who are not
 * root in a user namespace in which they are. */
static int own_mounts(void)
{
    char uids[64];
    char gids[64];
    (void)snprintf(uids, sizeof uids, "0 %u 1", (unsigned)getuid());
    (void)snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getgid());
    if (unshare(CLONE_NEWNS) == 0) {
        return 0;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return -1;
    }
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", uids);
    write_text("/proc/self/gid_map", gids);
    return 0;
}

int test_mount(const char *folder, const char *options)
{
    if (own_mounts() != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return -1;
    }
    return mount("none", folder, "tmpfs", 0, options);
}
