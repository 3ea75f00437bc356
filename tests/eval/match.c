/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/eval/references.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* match --decoder PROGRAM --store DIR --references FILE [--until SECOND]
 *       [--force-true] <jobs.tsv >answers.tsv
 *
 * Asks the matcher as the service does: the file through refrain-decoder, its
 * candidates by terms, decoder_match() with the sketches and masters of those.
 * README.md has the columns of both files. Jobs of one file stand together: it
 * is decoded once. A job with samples to skip or drop asks for what is left of
 * the decoded file, as a WAV file of its own. */

enum {
    LINE_MAX_BYTES = 4096,
    JOB_FIELDS = 15,
    WAV_HEADER_BYTES = 44,
    PHASE_STEP = 512, /* timing_refine() searches 288 samples to both sides */
};
enum job_field {
    JOB_CLASS = 2,
    JOB_SONG = 9,
    JOB_OWN = 10,
    JOB_RIGHT = 11,
    JOB_SKIP = 12,
    JOB_DROP = 13,
    JOB_PATH = 14,
};

struct options {
    const char *decoder;
    const char *store;
    const char *references;
    time_t until;
    bool force_true;
};

/* The file that is open, and its samples once a part of it is asked for. */
struct asked_file {
    char path[LINE_MAX_BYTES];
    struct decoder *decoder; /* NULL: cannot be opened */
    double open_ms;
    struct pcm pcm;
};

struct asker {
    struct options options;
    struct references references;
    struct decoder_pool *pool;
    struct asked_file file;
};

static double clock_ms(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- files ------------------------------------------------------------------
 */

static struct decoder *open_decoder(struct asker *asker, int fd,
                                    const char *path)
{
    struct error err = {0};
    struct decoder *decoder = NULL;

    if (fd >= 0 && decoder_open(&decoder, asker->pool, fd, &err) != STATUS_OK) {
        (void)fprintf(stderr, "match: %s: %s\n", path, err.text);
    }
    return decoder;
}

static void close_file(struct asked_file *file)
{
    decoder_close(file->decoder);
    pcm_clear(&file->pcm);
    *file = (struct asked_file){0};
}

static void open_file(struct asker *asker, const char *path)
{
    struct asked_file *file = &asker->file;
    const double before = clock_ms(CLOCK_MONOTONIC);

    close_file(file);
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    file->decoder = open_decoder(asker, fd, path);
    if (fd >= 0) {
        (void)close(fd);
    }
    file->open_ms = clock_ms(CLOCK_MONOTONIC) - before;
}

static void read_channel(const struct sound *sound, enum pcm_channel channel,
                         int16_t *out)
{
    struct error err = {0};

    for (uint64_t at = 0; at < sound->sample_count; at += SOUND_READ_MAX) {
        const uint64_t left = sound->sample_count - at;
        const size_t count = left < SOUND_READ_MAX ? left : SOUND_READ_MAX;
        if (sound_read(sound, channel, (int64_t)at, count, out + at, &err) !=
            STATUS_OK) {
            give_up("a decoded file", err.text);
        }
    }
}

static void read_samples(struct asked_file *file)
{
    const struct sound sound = decoder_sound(file->decoder);
    struct pcm *pcm = &file->pcm;

    pcm->sample_count = sound.sample_count;
    pcm->samples = calloc(pcm->sample_count, sizeof *pcm->samples);
    pcm->side = calloc(pcm->sample_count, sizeof *pcm->side);
    if (pcm->samples == NULL || pcm->side == NULL) {
        give_up(file->path, "no memory left");
    }
    read_channel(&sound, PCM_MID, pcm->samples);
    if (sound.has_side) {
        read_channel(&sound, PCM_SIDE, pcm->side);
    }
}

static uint16_t clipped(int value)
{
    return (uint16_t)(int16_t)(value > INT16_MAX   ? INT16_MAX
                               : value < INT16_MIN ? INT16_MIN
                                                   : value);
}

/* Left and right at 11025 Hz: what of the file is left between `skip` and
 * `drop` samples at its ends. */
static void build_wav(struct buffer *out, const struct pcm *pcm, size_t skip,
                      size_t drop)
{
    uint8_t bytes[WAV_HEADER_BYTES] = "RIFF....WAVEfmt \x10\0\0\0\1\0\2\0";
    const size_t count =
        pcm->sample_count > skip + drop ? pcm->sample_count - skip - drop : 0;
    enum status status = STATUS_OK;

    store_u32le(bytes + 4, (uint32_t)(4 * count + WAV_HEADER_BYTES - 8));
    store_u32le(bytes + 24, PCM_RATE_HZ);
    store_u32le(bytes + 28, 4 * PCM_RATE_HZ);
    store_u16le(bytes + 32, 4);
    store_u16le(bytes + 34, 16);
    store_u32le(bytes + 36, UINT32_C(0x61746164)); /* "data" */
    store_u32le(bytes + 40, (uint32_t)(4 * count));
    status = buffer_append(out, bytes, sizeof bytes, NULL);
    for (size_t i = skip; i < skip + count && status == STATUS_OK; i++) {
        store_u16le(bytes, clipped(pcm->samples[i] + pcm->side[i]));
        store_u16le(bytes + 2, clipped(pcm->samples[i] - pcm->side[i]));
        status = buffer_append(out, bytes, 4, NULL);
    }
    if (status != STATUS_OK) {
        give_up("a part of a file", "no memory left");
    }
}

/* A file without a name, which is gone when it is closed. */
static struct decoder *open_part(struct asker *asker, size_t skip, size_t drop)
{
    struct asked_file *file = &asker->file;
    struct buffer wav = {0};
    const int fd = memfd_create("part", MFD_CLOEXEC);

    if (file->pcm.samples == NULL) {
        read_samples(file);
    }
    build_wav(&wav, &file->pcm, skip, drop);
    if (fd < 0 || write(fd, wav.bytes, wav.length) != (ssize_t)wav.length ||
        lseek(fd, 0, SEEK_SET) != 0) {
        give_up("a part of a file", strerror(errno));
    }
    buffer_clear(&wav);
    struct decoder *decoder = open_decoder(asker, fd, file->path);
    (void)close(fd);
    return decoder;
}

/* --- the right reference, whatever the verdict -------------------------------
 */

/* The query lies on its own reference, at a phase that is not known. */
static bool find_timing(struct timing *out, const struct sound *query,
                        const struct sketch *sketch, int32_t lag_items,
                        double drift)
{
    double best_db = INFINITY;

    for (int phase = -1; phase <= 1; phase++) {
        const struct timing guess = {
            .offset_samples = lag_items * (double)FINGERPRINT_HOP_SAMPLES +
                              phase * (double)PHASE_STEP,
            .drift = drift};
        struct timing timing = {0};
        double error_db = 0;
        if (timing_refine(&timing, &error_db, query, sketch, &guess, 0,
                          (uint64_t)sketch->frame_count * SKETCH_HOP_SAMPLES,
                          NULL) == STATUS_OK &&
            error_db < best_db) {
            best_db = error_db;
            *out = timing;
        }
    }
    return best_db < INFINITY;
}

static void print_forced(struct asker *asker, struct decoder *decoder,
                         const char *own)
{
    const struct sound query = decoder_sound(decoder);
    const struct recording *recording = NULL;
    struct alignment alignment = {0};
    struct sketch sketch = {0};
    struct sketch_errors errors = {0};
    struct timing timing = {0};

    for (size_t i = 0; i < asker->references.count && recording == NULL; i++) {
        if (own_has(own, asker->references.list[i].id)) {
            recording = &asker->references.list[i];
        }
    }
    if (recording != NULL &&
        align_prints(&alignment, decoder_fingerprint(decoder),
                     &recording->reference.print, NULL) == STATUS_OK &&
        alignment.segment_count > 0 &&
        sketch_unpack(&sketch, recording->sketch.bytes,
                      recording->sketch.length, NULL) == STATUS_OK &&
        find_timing(&timing, &query, &sketch, alignment.lag_items, 0) &&
        sketch_compare(&errors, &query, &sketch, &timing, 0, query.sample_count,
                       NULL) == STATUS_OK) {
        printf("\t%.4f\t%.3f\t%.3f\t%.3f\t%.3f\t%.1f", alignment.bit_error_rate,
               errors.mid.score, (double)errors.mid.median_db,
               errors.side.score, (double)errors.side.median_db,
               timing.drift * 1e6);
    } else {
        printf("\t%.4f\t-\t-\t-\t-\t-", alignment.bit_error_rate);
    }
    sketch_errors_clear(&errors);
    sketch_clear(&sketch);
}

/* --- questions
 * ---------------------------------------------------------------- */

static const char *kind_word(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_MATCHED:
        return "matched";
    case VERDICT_OTHER_EDITION:
        return "other_edition";
    case VERDICT_HELD:
        return "held";
    default:
        return "unmatched";
    }
}

static const struct recording *candidate(const struct candidates *candidates,
                                         int index)
{
    if (index == VERDICT_NONE) {
        return NULL;
    }
    assert(index >= 0 && (size_t)index < candidates->count);
    return &candidates->references->list[candidates->indices[index]];
}

static const char *outcome_word(const struct verdict *verdict,
                                const struct recording *best, char **job)
{
    if (verdict->kind != VERDICT_MATCHED || best == NULL) {
        return kind_word(verdict->kind);
    }
    if (strcmp(best->id, job[JOB_RIGHT]) == 0) {
        return "right";
    }
    return strcmp(best->song, job[JOB_SONG]) == 0 ? "wrong_edition"
                                                  : "wrong_song";
}

/* Where among the candidates the song's first recording stands; 0: nowhere. */
static size_t own_rank(const struct candidates *candidates, const char *song)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (strcmp(candidate(candidates, (int)i)->song, song) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static void print_verdict(const struct verdict *verdict,
                          const struct candidates *candidates, char **job)
{
    const struct recording *best = candidate(candidates, verdict->best);
    const struct recording *next = candidate(candidates, verdict->runner_up);
    const struct stretch first = verdict->difference_count > 0
                                     ? verdict->differences[0]
                                     : (struct stretch){0};
    const char *cause = verdict_cause_word(verdict->cause);

    printf("\t%s\t%s\t%s\t%s\t%.4f\t%s\t%.4f\t%.3f\t%.3f\t%.2f\t%.1f",
           outcome_word(verdict, best, job), kind_word(verdict->kind),
           *cause == '\0' ? "-" : cause, best == NULL ? "-" : best->id,
           verdict->bit_error_rate, next == NULL ? "-" : next->id,
           verdict->runner_up_bit_error_rate, verdict->sketch_score,
           verdict->side_score, verdict->residual_db, verdict->drift_ppm);
    printf("\t%u\t%d\t%zu\t%u\t%u", verdict->aligned_ms, verdict->offset_ms,
           verdict->difference_count, first.start_ms, first.end_ms);
}

static void ask(struct asker *asker, struct decoder *decoder, char **job)
{
    struct error err = {0};
    struct verdict verdict = {0};
    struct candidates candidates =
        candidates_find(&asker->references, decoder_fingerprint(decoder),
                        job[JOB_SONG], job[JOB_OWN]);
    const struct reference_source source = candidates_source(&candidates);
    const double before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    const enum status status = decoder_match(&verdict, decoder, candidates.list,
                                             candidates.count, &source, &err);
    const double match_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - before;

    if (status != STATUS_OK) {
        (void)fprintf(stderr, "match: %s: %s\n", job[JOB_PATH], err.text);
        return;
    }
    for (int i = 0; i < JOB_FIELDS; i++) {
        printf("%s%s", i == 0 ? "" : "\t", job[i]);
    }
    print_verdict(&verdict, &candidates, job);
    printf("\t%u\t%zu\t%d\t%.0f\t%.1f", decoder_facts(decoder)->duration_ms,
           own_rank(&candidates, job[JOB_SONG]), (int)candidates.by_neighbours,
           asker->file.open_ms, match_ms);
    if (asker->options.force_true) {
        print_forced(asker, decoder, job[JOB_OWN]);
    }
    printf("\n");
    (void)fflush(stdout);
}

static void do_job(struct asker *asker, char **job)
{
    const size_t skip = strtoul(job[JOB_SKIP], NULL, 10);
    const size_t drop = strtoul(job[JOB_DROP], NULL, 10);

    if (strcmp(asker->file.path, job[JOB_PATH]) != 0) {
        open_file(asker, job[JOB_PATH]);
    }
    if (asker->file.decoder == NULL) {
        return;
    }
    if (skip == 0 && drop == 0) {
        ask(asker, asker->file.decoder, job);
        return;
    }
    if (asker->file.pcm.samples == NULL) {
        read_samples(&asker->file);
    }
    struct decoder *part = open_part(asker, skip, drop);
    if (part != NULL) {
        ask(asker, part, job);
    }
    decoder_close(part);
}

static void do_jobs(struct asker *asker)
{
    char line[LINE_MAX_BYTES];
    char *job[JOB_FIELDS];

    while (fgets(line, sizeof line, stdin) != NULL &&
           time(NULL) < asker->options.until) {
        char *rest = line;
        size_t count = 0;
        line[strcspn(line, "\n")] = '\0';
        while (count < JOB_FIELDS && rest != NULL) {
            job[count++] = strsep(&rest, "\t");
        }
        if (count < JOB_FIELDS) {
            give_up("jobs", "a line has too few fields");
        }
        do_job(asker, job);
    }
}

static struct options read_options(int argc, char **argv)
{
    static const struct option list[] = {
        {"decoder", required_argument, NULL, 'd'},
        {"store", required_argument, NULL, 's'},
        {"references", required_argument, NULL, 'r'},
        {"until", required_argument, NULL, 'u'},
        {"force-true", no_argument, NULL, 'f'},
        {0},
    };
    struct options options = {.until = (time_t)INT64_MAX};
    int option = 0;

    while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
        switch (option) {
        case 'd':
            options.decoder = optarg;
            break;
        case 's':
            options.store = optarg;
            break;
        case 'r':
            options.references = optarg;
            break;
        case 'u':
            options.until = (time_t)strtoll(optarg, NULL, 10);
            break;
        case 'f':
            options.force_true = true;
            break;
        default:
            exit(2);
        }
    }
    if (options.decoder == NULL || options.store == NULL ||
        options.references == NULL) {
        give_up("options", "--decoder, --store and --references are needed");
    }
    return options;
}

int main(int argc, char **argv)
{
    static struct asker asker;
    struct error err = {0};

    asker.options = read_options(argc, argv);
    asker.references = references_load(
        asker.options.references, asker.options.store, asker.options.decoder);
    /* A file, and a part of it. */
    if (decoder_pool_open(&asker.pool, asker.options.decoder, 2, &err) !=
        STATUS_OK) {
        give_up(asker.options.decoder, err.text);
    }
    do_jobs(&asker);
    close_file(&asker.file);
    decoder_pool_close(asker.pool);
    references_clear(&asker.references);
    return 0;
}
