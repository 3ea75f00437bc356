/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"
#include "matcher/residual.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* sketch ROUNDS MASTER QUERY: CPU time a minute of audio of what an edition
 * takes: sketch, its stored form, timing, comparison of mid and side, second
 * look. Files are 11025 Hz, 16 bit, two channels, raw; the query is a copy of
 * the master. Each figure is the median of the rounds. */

enum { MAX_ROUNDS = 999, FRAME_BYTES = 4, STEPS = 6 };
static const char *const NAMES[STEPS] = {"sketch_make, mid and side",
                                         "sketch_pack",
                                         "sketch_unpack",
                                         "timing_refine",
                                         "sketch_compare, mid and side",
                                         "residual_compare, both"};
static double times_ms[STEPS][MAX_ROUNDS];

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "sketch: %s: %s\n", what, why);
    exit(1);
}

static double cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct pcm read_raw(const char *path)
{
    FILE *file = fopen(path, "rb");
    int16_t frame[2];

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        give_up(path, "cannot be read");
    }
    size_t count = (size_t)ftell(file) / FRAME_BYTES;
    struct pcm out = {.samples = calloc(count, sizeof *out.samples),
                      .side = calloc(count, sizeof *out.side),
                      .sample_count = count};
    if (out.samples == NULL || out.side == NULL) {
        give_up(path, "no memory left");
    }
    (void)fseek(file, 0, SEEK_SET);
    for (size_t i = 0; i < count; i++) {
        if (fread(frame, sizeof frame, 1, file) != 1) {
            give_up(path, "was cut");
        }
        out.samples[i] = (int16_t)((frame[0] + frame[1]) / 2);
        out.side[i] = (int16_t)((frame[0] - frame[1]) / 2);
    }
    (void)fclose(file);
    return out;
}

static void check(enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        give_up(err->code, err->text);
    }
}

/* Notes the time since *before, a minute of audio, and starts anew. */
static void note(int step, int round, double *before, double minutes)
{
    double now = cpu_ms();

    times_ms[step][round] = (now - *before) / minutes;
    *before = cpu_ms();
}

static void measure(int round, const struct pcm *master,
                    const struct pcm *query)
{
    const struct timing guess = {.offset_samples = 100};
    const double minutes = (double)master->sample_count / PCM_RATE_HZ / 60;
    struct sound sound = sound_of_pcm(query);
    struct sound original = sound_of_pcm(master);
    struct sketch sketch;
    struct sketch stored;
    struct buffer packed = {0};
    struct timing timing;
    struct sketch_errors errors;
    struct residual residual;
    struct error err = {0};
    double error_db = 0;
    double at = cpu_ms();

    check(sketch_make(&sketch, &original, &err), &err);
    note(0, round, &at, minutes);
    check(sketch_pack(&packed, &sketch, &err), &err);
    note(1, round, &at, minutes);
    check(sketch_unpack(&stored, packed.bytes, packed.length, &err), &err);
    note(2, round, &at, minutes);
    check(timing_refine(&timing, &error_db, &sound, &stored, &guess, 0,
                        master->sample_count, &err),
          &err);
    note(3, round, &at, minutes);
    check(sketch_compare(&errors, &sound, &stored, &timing, 0,
                         sound.sample_count, &err),
          &err);
    note(4, round, &at, minutes);
    check(residual_compare(&residual, &sound, &original, &timing, 0,
                           master->sample_count, &err),
          &err);
    note(5, round, &at, minutes);
    if (round == 0) {
        (void)printf("mid %.2f side %.2f drift %.1f ppm, second look %.1f dB, "
                     "stored %.0f bytes a minute\n",
                     errors.mid.score, errors.side.score, timing.drift * 1e6,
                     residual.worst_db, (double)packed.length / minutes);
    }
    sketch_clear(&sketch);
    sketch_clear(&stored);
    buffer_clear(&packed);
    sketch_errors_clear(&errors);
    residual_clear(&residual);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    int rounds = argc < 4 ? 0 : atoi(argv[1]); /* NOLINT(cert-err34-c) */

    if (rounds < 1 || rounds > MAX_ROUNDS) {
        (void)fputs("usage: sketch ROUNDS MASTER QUERY\n", stderr);
        return 2;
    }
    struct pcm master = read_raw(argv[2]);
    struct pcm query = read_raw(argv[3]);
    for (int round = 0; round < rounds; round++) {
        measure(round, &master, &query);
    }
    for (int step = 0; step < STEPS; step++) {
        qsort(times_ms[step], (size_t)rounds, sizeof *times_ms[step], compare);
        (void)printf("%-30s %6.2f ms/min\n", NAMES[step],
                     times_ms[step][rounds / 2]);
    }
    pcm_clear(&master);
    pcm_clear(&query);
    return 0;
}
