/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* decode DECODER ROUNDS FILE...: CPU time of a file in refrain-decoder (start,
 * sandbox, decode, fingerprint, levels) against `fpcalc -length 0`, in turns,
 * so that a busy machine disturbs both alike. Per file the median of the
 * rounds, at the end the median of the ratios. */

enum { MAX_ROUNDS = 99, MAX_FILES = 1000 };

/* CPU time of all children that were waited for. */
static double children_ms(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "decode: %s: %s\n", what, why);
    exit(1);
}

static double decoder_ms(struct decoder_pool *pool, const char *path,
                         double *minutes)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    double before = children_ms();
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        give_up(path, strerror(errno));
    }
    if (decoder_open(&decoder, pool, fd, &err) != STATUS_OK) {
        give_up(path, err.text);
    }
    *minutes = decoder_facts(decoder)->duration_ms / 60000.;
    decoder_close(decoder);
    (void)close(fd);
    return children_ms() - before;
}

static double fpcalc_ms(const char *path)
{
    char program[] = "fpcalc";
    char length[] = "-length";
    char all[] = "0";
    char raw[] = "-raw";
    char *file = strdup(path);
    char *arguments[] = {program, raw, length, all, file, NULL};
    posix_spawn_file_actions_t actions;
    double before = children_ms();
    pid_t pid = 0;

    (void)posix_spawn_file_actions_init(&actions);
    for (int i = 1; i <= 2; i++) {
        (void)posix_spawn_file_actions_addopen(&actions, i, "/dev/null",
                                               O_WRONLY, 0);
    }
    if (file == NULL ||
        posix_spawnp(&pid, program, &actions, NULL, arguments, NULL) != 0) {
        give_up(program, "cannot be started");
    }
    (void)waitpid(pid, NULL, 0); /* it exits with 3 though all is well */
    (void)posix_spawn_file_actions_destroy(&actions);
    free(file);
    return children_ms() - before;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

/* Returns fpcalc's time over ours: above 1 we are quicker. */
static double measure(struct decoder_pool *pool, const char *path, int rounds)
{
    double ours[MAX_ROUNDS];
    double theirs[MAX_ROUNDS];
    double minutes = 0;

    for (int i = 0; i < rounds; i++) {
        ours[i] = decoder_ms(pool, path, &minutes);
        theirs[i] = fpcalc_ms(path);
    }
    double our = median(ours, (size_t)rounds);
    double their = median(theirs, (size_t)rounds);
    const char *slash = strrchr(path, '/');
    (void)printf("%-32.32s %5.2f min %7.1f %7.1f ms/min  %.2f\n",
                 slash == NULL ? path : slash + 1, minutes, our / minutes,
                 their / minutes, their / our);
    return their / our;
}

int main(int argc, char **argv)
{
    struct decoder_pool *pool = NULL;
    struct error err = {0};
    static double ratios[MAX_FILES];
    int rounds = argc < 3 ? 0 : atoi(argv[2]); /* NOLINT(cert-err34-c) */
    int files = argc - 3;

    if (files < 1 || files > MAX_FILES || rounds < 1 || rounds > MAX_ROUNDS) {
        (void)fputs("usage: decode DECODER ROUNDS FILE...\n", stderr);
        return 2;
    }
    if (decoder_pool_open(&pool, argv[1], 1, &err) != STATUS_OK) {
        give_up(argv[1], err.text);
    }
    (void)printf("%-32s %9s %7s %7s         fpcalc/ours\n", "CPU time", "",
                 "ours", "fpcalc");
    for (int i = 0; i < files; i++) {
        ratios[i] = measure(pool, argv[3 + i], rounds);
    }
    (void)printf("median of %d files: fpcalc takes %.2f of our time\n", files,
                 median(ratios, (size_t)files));
    decoder_pool_close(pool);
    return 0;
}
