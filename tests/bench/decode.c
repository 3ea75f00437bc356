/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* decode DECODER ROUNDS FILE...: refrain-decoder (fork, sandbox, decode with
 * the side channel, fingerprint, levels) against `fpcalc -length 0`, in turns,
 * so that a busy machine disturbs both alike. First CPU time, one at a time,
 * all through one pool as in a service; what its start takes is said apart.
 * Then wall clock, all files, with one worker and with two, starts included. */

enum { MAX_ROUNDS = 99, MAX_FILES = 1000, WORKERS = 2 };

static double to_ms(const struct timeval *time)
{
    return (double)time->tv_sec * 1000 + (double)time->tv_usec / 1000;
}

/* CPU time of refrain-decoder, which is this process' only child, and of the
 * jobs that it has reaped: proc(5), stat, fields 14 to 17. */
static double decoder_ms(void)
{
    char path[64];
    long pid = 0;
    unsigned long ticks[4] = {0};
    FILE *children = fopen("/proc/thread-self/children", "r");

    /* the kernel's numbers NOLINTNEXTLINE(cert-err34-c) */
    if (children == NULL || fscanf(children, "%ld", &pid) != 1) {
        return 0; /* not started yet */
    }
    (void)fclose(children);
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *stat = fopen(path, "r");
    /* the kernel's numbers */
    if (stat == NULL ||
        fscanf(/* NOLINT(cert-err34-c) */
               stat,
               "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
               "%lu %lu %lu %lu",
               &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 4) {
        return 0;
    }
    (void)fclose(stat);
    return (double)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1000 /
           (double)sysconf(_SC_CLK_TCK);
}

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "decode: %s: %s\n", what, why);
    exit(1);
}

static struct decoder_pool *open_pool(const char *program, unsigned workers)
{
    struct decoder_pool *pool = NULL;
    struct error err = {0};

    if (decoder_pool_open(&pool, program, workers, &err) != STATUS_OK) {
        give_up(program, err.text);
    }
    return pool;
}

/* Returns the file's minutes. */
static double run_decoder(struct decoder_pool *pool, const char *path)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        give_up(path, strerror(errno));
    }
    if (decoder_open(&decoder, pool, fd, &err) != STATUS_OK) {
        give_up(path, err.text);
    }
    double minutes = decoder_facts(decoder)->duration_ms / 60000.;
    decoder_close(decoder);
    (void)close(fd);
    return minutes;
}

/* Returns its CPU time, ms. */
static double run_fpcalc(const char *path)
{
    char program[] = "fpcalc";
    char length[] = "-length";
    char all[] = "0";
    char raw[] = "-raw";
    char *file = strdup(path);
    char *arguments[] = {program, raw, length, all, file, NULL};
    posix_spawn_file_actions_t actions;
    struct rusage usage;
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
    (void)wait4(pid, NULL, 0, &usage); /* it exits with 3 though all is well */
    (void)posix_spawn_file_actions_destroy(&actions);
    free(file);
    return to_ms(&usage.ru_utime) + to_ms(&usage.ru_stime);
}

struct total {
    double ours;
    double theirs;
};

/* CPU time of one file, the mean of the rounds: the kernel counts a decoder's
 * in steps of 10 ms. A job is reaped while fpcalc runs. */
static void measure(struct total *total, struct decoder_pool *pool,
                    const char *path, int rounds)
{
    double before = decoder_ms();
    double theirs = 0;
    double minutes = 0;

    for (int i = 0; i < rounds; i++) {
        minutes = run_decoder(pool, path);
        theirs += run_fpcalc(path);
    }
    double ours = (decoder_ms() - before) / rounds;
    theirs /= rounds;
    const char *slash = strrchr(path, '/');
    (void)printf("%-32.32s %5.2f min %7.1f %7.1f ms/min  %.3f\n",
                 slash == NULL ? path : slash + 1, minutes, ours / minutes,
                 theirs / minutes, theirs / ours);
    total->ours += ours;
    total->theirs += theirs;
}

/* All files, each by whoever is free. */
struct crew {
    struct decoder_pool *pool; /* NULL: fpcalc */
    char **files;
    int file_count;
    atomic_int next;
};

static void *work(void *context)
{
    struct crew *crew = context;

    for (int i = atomic_fetch_add(&crew->next, 1); i < crew->file_count;
         i = atomic_fetch_add(&crew->next, 1)) {
        if (crew->pool != NULL) {
            (void)run_decoder(crew->pool, crew->files[i]);
        } else {
            (void)run_fpcalc(crew->files[i]);
        }
    }
    return NULL;
}

/* Wall clock of all files with so many workers, ms. */
static double run_crew(const char *program, unsigned workers, char **files,
                       int file_count)
{
    struct crew crew = {.files = files, .file_count = file_count};
    pthread_t threads[WORKERS];
    double before = now_ms();

    crew.pool = program == NULL ? NULL : open_pool(program, workers);
    for (unsigned i = 0; i < workers; i++) {
        if (pthread_create(&threads[i], NULL, work, &crew) != 0) {
            give_up("thread", "cannot be started");
        }
    }
    for (unsigned i = 0; i < workers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    decoder_pool_close(crew.pool);
    return now_ms() - before;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void measure_crews(const char *program, int rounds, char **files,
                          int file_count)
{
    double ours[WORKERS][MAX_ROUNDS];
    double theirs[WORKERS][MAX_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        for (unsigned crew = 0; crew < WORKERS; crew++) {
            ours[crew][i] = run_crew(program, crew + 1, files, file_count);
            theirs[crew][i] = run_crew(NULL, crew + 1, files, file_count);
        }
    }
    double our_ms[WORKERS];
    double their_ms[WORKERS];
    for (unsigned crew = 0; crew < WORKERS; crew++) {
        our_ms[crew] = median(ours[crew], rounds);
        their_ms[crew] = median(theirs[crew], rounds);
        (void)printf("wall clock, %u at once: ours %.0f ms, fpcalc %.0f ms, "
                     "fpcalc/ours %.3f\n",
                     crew + 1, our_ms[crew], their_ms[crew],
                     their_ms[crew] / our_ms[crew]);
    }
    (void)printf("two against one: ours %.2f times as quick, fpcalc %.2f\n",
                 our_ms[0] / our_ms[1], their_ms[0] / their_ms[1]);
}

int main(int argc, char **argv)
{
    struct total total = {0};
    int rounds = argc < 3 ? 0 : atoi(argv[2]); /* NOLINT(cert-err34-c) */
    int files = argc - 3;

    if (files < 1 || files > MAX_FILES || rounds < 1 || rounds > MAX_ROUNDS) {
        (void)fputs("usage: decode DECODER ROUNDS FILE...\n", stderr);
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* it takes minutes */
    struct decoder_pool *pool = open_pool(argv[1], 1);
    (void)run_decoder(pool, argv[3]);
    (void)run_fpcalc(argv[3]);
    (void)printf("start and first file: %.0f ms of CPU\n", decoder_ms());
    (void)printf("%-32s %9s %7s %7s         fpcalc/ours\n", "CPU time", "",
                 "ours", "fpcalc");
    for (int i = 0; i < files; i++) {
        measure(&total, pool, argv[3 + i], rounds);
    }
    decoder_pool_close(pool);
    (void)printf("CPU of all %d files: fpcalc takes %.3f of our time\n", files,
                 total.theirs / total.ours);
    measure_crews(argv[1], rounds, argv + 3, files);
    return 0;
}
