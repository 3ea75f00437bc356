/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast the vault stores and reads a file, beside the bare primitives that
 * it cannot beat, in the same process and alternating, so that a busy machine
 * slows all alike. Built and run by vault.sh: vault FOLDER FILE ROUNDS.
 * Prints for each step the medians: MB/s by the clock, MB per CPU second. */
#include "catalog/vault/vault.h"
#include "catalog/vault/chunker.h"
#include "catalog/vault/keyring.h"
#include "catalog/vault/seal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_ROUNDS = 99,
    BLOCK_BYTES = 128 * 1024, /* what the stream route asks for at a time */
    SEEKS = 200,
    SEEK_BYTES = 64 * 1024,
    PATH_SIZE = 4096,
};

struct bench {
    const char *folder;
    uint8_t *song;
    size_t length;
    int fd;
    int round;
    struct keyring *keyring;
    struct vault *vault;
    struct buffer manifest;
    struct chunker_gear gear;
    uint8_t secret[SHA256_BYTES];
    uint8_t object[SEAL_MAX_OBJECT_BYTES];
    uint8_t block[BLOCK_BYTES];
};

static const uint8_t ACCOUNT_KEY[AES256_KEY_BYTES] = {1};
static const struct vault_owner OWNER = {.account_key = ACCOUNT_KEY,
                                         .account_id = "acc_bench",
                                         .track_id = "trk_bench",
                                         .region = "default"};

static void must(enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", err->code, err->text);
        exit(1);
    }
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- the steps --------------------------------------------------------------
 */

static void hash_all(struct bench *bench)
{
    uint8_t digest[SHA256_BYTES];
    crypto_sha256(digest, bench->song, bench->length);
}

/* Segments of 16 KiB, as in a chunk. */
static void gcm_all(struct bench *bench)
{
    static const uint8_t nonce[GCM_NONCE_BYTES];
    uint8_t tag[GCM_TAG_BYTES];
    struct crypto_gcm *gcm = crypto_gcm_new(ACCOUNT_KEY, AES128_KEY_BYTES);
    for (size_t at = 0; at + SEAL_SEGMENT_BYTES <= bench->length;
         at += SEAL_SEGMENT_BYTES) {
        crypto_gcm_seal_next(gcm, bench->object, tag, nonce, "", 0,
                             bench->song + at, SEAL_SEGMENT_BYTES);
    }
    crypto_gcm_free(gcm);
}

static void cut_all(struct bench *bench)
{
    for (size_t at = 0; at < bench->length;) {
        at += chunker_cut(&bench->gear, bench->song + at, bench->length - at);
    }
}

static void seal_all(struct bench *bench)
{
    for (size_t at = 0; at < bench->length;) {
        struct chunk_ref ref;
        size_t cut =
            chunker_cut(&bench->gear, bench->song + at, bench->length - at);
        seal_chunk(bench->object, &ref, bench->secret, bench->song + at,
                   (uint32_t)cut);
        at += cut;
    }
}

static void open_vault(struct bench *bench)
{
    struct error err = {0};
    char path[PATH_SIZE];
    vault_close(bench->vault);
    (void)snprintf(path, sizeof path, "%s/vault.%d", bench->folder,
                   bench->round);
    must(vault_open_folder(&bench->vault, path, bench->keyring, &err), &err);
}

static void put_new(struct bench *bench)
{
    struct error err = {0};
    buffer_clear(&bench->manifest);
    must(vault_put(bench->vault, &OWNER, bench->fd, NULL, &bench->manifest,
                   &err),
         &err);
}

static void read_all(struct bench *bench)
{
    struct error err = {0};
    struct vault_reader *reader = NULL;
    must(vault_reader_open(&reader, bench->vault, &OWNER, bench->manifest.bytes,
                           bench->manifest.length, &err),
         &err);
    for (size_t at = 0; at < bench->length;) {
        size_t got = 0;
        must(vault_read(reader, at, bench->block, BLOCK_BYTES, &got, &err),
             &err);
        if (memcmp(bench->block, bench->song + at, got) != 0) {
            (void)fprintf(stderr, "wrong bytes at %zu\n", at);
            exit(1);
        }
        at += got;
    }
    vault_reader_close(reader);
}

/* The same amount of comparing, so that read_all's can be taken off. */
static void compare_all(struct bench *bench)
{
    for (size_t at = 0; at + BLOCK_BYTES <= bench->length; at += BLOCK_BYTES) {
        memcpy(bench->block, bench->song + at, BLOCK_BYTES);
        if (memcmp(bench->block, bench->song + at, BLOCK_BYTES) != 0) {
            exit(1);
        }
    }
}

static const struct step {
    const char *name;
    void (*run)(struct bench *bench);
} STEPS[] = {
    {"SHA-256 of the file (yardstick)", hash_all},
    {"AES-128-GCM, 16 KiB (yardstick)", gcm_all},
    {"memcpy + memcmp (yardstick)", compare_all},
    {"cut", cut_all},
    {"cut + seal, in memory", seal_all},
    {"vault_put, new", put_new},
    {"vault_put, all there already", put_new},
    {"vault_read, in order, compared", read_all},
};
enum { STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

/* --- figures ----------------------------------------------------------------
 */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* From nothing open to the first 64 KiB of a random place, in microseconds. */
static void time_seeks(struct bench *bench)
{
    static double micros[SEEKS];
    uint64_t x = 1;
    for (size_t i = 0; i < SEEKS; i++) {
        struct error err = {0};
        struct vault_reader *reader = NULL;
        size_t got = 0;
        x = x * UINT64_C(6364136223846793005) + 1;
        double start = seconds(CLOCK_MONOTONIC);
        must(vault_reader_open(&reader, bench->vault, &OWNER,
                               bench->manifest.bytes, bench->manifest.length,
                               &err),
             &err);
        must(vault_read(reader, (x >> 16) % bench->length, bench->block,
                        SEEK_BYTES, &got, &err),
             &err);
        micros[i] = (seconds(CLOCK_MONOTONIC) - start) * 1e6;
        vault_reader_close(reader);
    }
    double middle = median(micros, SEEKS);
    (void)printf("%-36s p50 %.0f us, p95 %.0f us\n",
                 "open a manifest, read 64 KiB", middle,
                 micros[SEEKS * 95 / 100]);
}

static void run_rounds(struct bench *bench, int rounds)
{
    static double wall[STEP_COUNT][MAX_ROUNDS];
    static double cpu[STEP_COUNT][MAX_ROUNDS];
    const double megabytes = (double)bench->length / 1e6;
    for (bench->round = 0; bench->round < rounds; bench->round++) {
        open_vault(bench);
        for (size_t i = 0; i < STEP_COUNT; i++) {
            double wall_start = seconds(CLOCK_MONOTONIC);
            double cpu_start = seconds(CLOCK_PROCESS_CPUTIME_ID);
            STEPS[i].run(bench);
            wall[i][bench->round] = seconds(CLOCK_MONOTONIC) - wall_start;
            cpu[i][bench->round] =
                seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
        }
    }
    double sha256 = median(cpu[0], (size_t)rounds);
    double gcm = median(cpu[1], (size_t)rounds);
    (void)printf("%-36s %10s %14s %10s %8s\n", "step", "MB/s", "MB/CPU second",
                 "x SHA-256", "x GCM");
    for (size_t i = 0; i < STEP_COUNT; i++) {
        double spent = median(cpu[i], (size_t)rounds);
        (void)printf("%-36s %10.0f %14.0f %10.2f %8.2f\n", STEPS[i].name,
                     megabytes / median(wall[i], (size_t)rounds),
                     megabytes / spent, sha256 / spent, gcm / spent);
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct error err = {0};
    struct stat facts;
    char keys[PATH_SIZE];
    if (argc != 4) {
        (void)fprintf(stderr, "usage: vault FOLDER FILE ROUNDS\n");
        return 2;
    }
    long rounds = strtol(argv[3], NULL, 10);
    bench.folder = argv[1];
    bench.fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (rounds < 1 || rounds > MAX_ROUNDS || bench.fd < 0 ||
        fstat(bench.fd, &facts) != 0 || facts.st_size < BLOCK_BYTES) {
        (void)fprintf(stderr, "no rounds 1..99, or no file of 128 KiB\n");
        return 2;
    }
    bench.length = (size_t)facts.st_size;
    bench.song = malloc(bench.length);
    if (bench.song == NULL ||
        pread(bench.fd, bench.song, bench.length, 0) != (ssize_t)bench.length) {
        perror(argv[2]);
        return 1;
    }
    (void)snprintf(keys, sizeof keys, "%s/keys", bench.folder);
    must(keyring_open(&bench.keyring, keys, true, &err), &err);
    chunker_gear_init(&bench.gear, bench.secret);
    run_rounds(&bench, (int)rounds);
    time_seeks(&bench);
    vault_close(bench.vault);
    keyring_close(bench.keyring);
    buffer_clear(&bench.manifest);
    free(bench.song);
    return 0;
}
