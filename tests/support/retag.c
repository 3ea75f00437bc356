/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What does a re-tagged copy of a song cost? Stores ORIGINAL for one account,
 * then each COPY for another, and compares what comes back, whole and in random
 * ranges, with the file.
 *
 *   retag FOLDER ORIGINAL COPY...    FOLDER: empty; keys and vault are made
 * there
 *
 * Prints a line a file: bytes of new objects, bytes of the file. */
#include "catalog/vault/keyring.h"
#include "catalog/vault/vault.h"
#include "tests/support/pattern.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, RANGES = 200, RANGE_MAX_BYTES = 100000, MAX_FDS = 16 };

static const uint8_t KEYS[2][AES256_KEY_BYTES] = {{1}, {2}};

static void must(enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", err->code, err->text);
        exit(1);
    }
}

static void must_read(ssize_t got, size_t expected, const char *path)
{
    if (got < 0 || (size_t)got != expected) {
        perror(path);
        exit(1);
    }
}

static uint64_t objects_bytes; /* nftw() has no argument for it */

static int add_file(const char *path, const struct stat *facts, int kind,
                    struct FTW *where)
{
    (void)path;
    (void)where;
    objects_bytes += kind == FTW_F ? (uint64_t)facts->st_size : 0;
    return 0;
}

static uint64_t stored_bytes(const char *folder)
{
    objects_bytes = 0;
    (void)nftw(folder, add_file, MAX_FDS, FTW_PHYS);
    return objects_bytes;
}

static void expect(struct vault_reader *reader, uint64_t offset, size_t length,
                   const uint8_t *file, uint8_t *back)
{
    struct error err = {0};
    size_t got = 0;
    must(vault_read(reader, offset, back, length, &got, &err), &err);
    if (got != length || memcmp(back, file + offset, length) != 0) {
        (void)fprintf(stderr, "%zu bytes at %llu are not the file's\n", length,
                      (unsigned long long)offset);
        exit(1);
    }
}

static void expect_file(struct vault *vault, const struct vault_owner *owner,
                        const struct buffer *manifest, const uint8_t *file,
                        size_t length)
{
    struct error err = {0};
    struct vault_reader *reader = NULL;
    uint8_t *back = malloc(length + 1);
    uint64_t random = length;
    must(vault_reader_open(&reader, vault, owner, manifest->bytes,
                           manifest->length, &err),
         &err);
    if (back == NULL || vault_reader_size(reader) != length) {
        (void)fprintf(stderr, "not the file's length\n");
        exit(1);
    }
    for (int i = 0; i < RANGES; i++) {
        uint64_t offset = pattern_below(&random, length);
        uint64_t rest = length - offset;
        uint64_t most = rest < RANGE_MAX_BYTES ? rest : RANGE_MAX_BYTES;
        expect(reader, offset, (size_t)pattern_below(&random, most + 1), file,
               back);
    }
    expect(reader, 0, length, file, back);
    vault_reader_close(reader);
    free(back);
}

static void store(struct vault *vault, const char *folder, const char *path,
                  const struct vault_owner *owner)
{
    struct error err = {0};
    struct buffer manifest = {0};
    struct stat facts = {0};
    uint64_t before = stored_bytes(folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        perror(path);
        exit(1);
    }
    size_t length = (size_t)facts.st_size;
    uint8_t *file = malloc(length + 1);
    must_read(file == NULL ? -1 : pread(fd, file, length, 0), length, path);
    must(vault_put(vault, owner, fd, NULL, &manifest, &err), &err);
    (void)close(fd);
    expect_file(vault, owner, &manifest, file, length);
    (void)printf("%llu %zu\n",
                 (unsigned long long)(stored_bytes(folder) - before), length);
    buffer_clear(&manifest);
    free(file);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct keyring *keyring = NULL;
    struct vault *vault = NULL;
    char keys[PATH_SIZE];
    char folder[PATH_SIZE];
    if (argc < 3) {
        (void)fprintf(stderr, "usage: retag FOLDER ORIGINAL COPY...\n");
        return 2;
    }
    (void)snprintf(keys, sizeof keys, "%s/keys", argv[1]);
    (void)snprintf(folder, sizeof folder, "%s/vault", argv[1]);
    must(keyring_open(&keyring, keys, true, &err), &err);
    must(vault_open_folder(&vault, folder, keyring, &err), &err);
    for (int i = 2; i < argc; i++) {
        struct vault_owner owner = {.account_key = KEYS[i > 2],
                                    .account_id = i > 2 ? "acc_b" : "acc_a",
                                    .track_id = "trk_1",
                                    .region = "default"};
        store(vault, folder, argv[i], &owner);
    }
    vault_close(vault);
    keyring_close(keyring);
    return 0;
}
