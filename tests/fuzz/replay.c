/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* Runs a fuzz target over every file of a corpus folder, and over each with
 * one byte changed and cut at each length up to MAX_VARIED, so that an ordinary
 * build finds the plainest faults too. */

enum { MAX_FILE_BYTES = 4 * 1024 * 1024, MAX_VARIED = 512 };

/* The target gets an allocation of exactly its length: a sanitizer sees every
 * byte that is read beyond. */
static void run_copy(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length == 0 ? 1 : length);

    if (copy == NULL) {
        abort();
    }
    for (size_t i = 0; i < length; i++) {
        copy[i] = bytes[i];
    }
    (void)LLVMFuzzerTestOneInput(copy, length);
    free(copy);
}

static void run_variants(uint8_t *bytes, size_t length)
{
    run_copy(bytes, length);
    for (size_t i = 0; i < length && i < MAX_VARIED; i++) {
        uint8_t before = bytes[i];
        bytes[i] = (uint8_t)(before ^ 0xff);
        run_copy(bytes, length);
        bytes[i] = (uint8_t)(before ^ 1);
        run_copy(bytes, length);
        bytes[i] = before;
        run_copy(bytes, i);
    }
}

static int replay_file(const char *folder, const char *name, uint8_t *bytes)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t length = fread(bytes, 1, MAX_FILE_BYTES, file);
    int failed = ferror(file) != 0 || feof(file) == 0;
    (void)fclose(file);
    if (failed != 0) {
        (void)fprintf(stderr, "%s: cannot be read, or over %d bytes\n", path,
                      MAX_FILE_BYTES);
        return 1;
    }
    run_variants(bytes, length);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int files = 0;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    uint8_t *bytes = malloc(MAX_FILE_BYTES);
    if (folder == NULL || bytes == NULL) {
        perror(argv[1]);
        free(bytes);
        return 1;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            failed += replay_file(argv[1], entry->d_name, bytes);
            files++;
        }
    }
    (void)closedir(folder);
    free(bytes);
    (void)printf("%d inputs replayed\n", files);
    return failed > 0 || files == 0; /* an empty corpus proves nothing */
}
