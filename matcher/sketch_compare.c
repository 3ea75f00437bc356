/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"

#include "matcher/rank.h"
#include "matcher/spectrum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All levels are hundredths of a dB. Source: matcher/README.md, "Sketch". */
enum {
    STEP = SKETCH_STEP_DB * LEVEL_DB,
    RANGE = (SKETCH_LEVELS - 1) * STEP,
    /* 10 s. */
    MIN_FRAMES =
        (10 * PCM_RATE_HZ - SKETCH_WINDOW_SAMPLES) / SKETCH_HOP_SAMPLES,
    /* 300 to 3800 Hz, where words are. */
    FIRST_BAND = 3,
    LAST_BAND = 24,
    /* What changes slowly: means of 5 frames, the median of 23 of them. */
    MEAN_FRAMES = 5,
    MEDIAN_MEANS = 23,
    DIFFERENCE_MAX = 12 * LEVEL_DB,
    WINDOW_FRAMES = 11,
    /* A quiet query cannot go as deep as the sketch; what it has not is not
     * held against it, but for no more than this much of the scale. */
    FLOOR_MAX = 12 * LEVEL_DB,
    /* What lies this far under the other channel, coders that save on stereo
     * fill with noise: neither channel is looked at deeper than that. */
    MASKED = 15 * LEVEL_DB,
    /* 1 s. */
    GAIN_FRAMES = 21,
    SIDE_MIN_DB = -25,
};
/* Less noise than this is not believed in. */
static const double MEDIAN_MIN_DB = .2;

/* One channel of both on the way: rows of frame_count values. */
struct comparison {
    const struct sketch_channel *reference;
    const struct sketch_channel *other; /* of the reference; cells NULL: none */
    size_t first_frame;
    size_t frame_count;
    int16_t *query;    /* SKETCH_BANDS rows */
    int16_t *row;      /* of one band: reference, then differences */
    int16_t *before;   /* the differences of the band below */
    int16_t *telling;  /* of one band: differences of cells that tell */
    int16_t *means;    /* of one band, one each MEAN_FRAMES */
    int16_t *slow;     /* the same, smoothed */
    int32_t *distance; /* sum over bands */
    int32_t *gain;     /* sum over bands that tell */
    uint8_t *bands;    /* how many those are */
};

static void comparison_clear(struct comparison *c)
{
    free(c->query);
    free(c->row);
    free(c->before);
    free(c->telling);
    free(c->means);
    free(c->slow);
    free(c->distance);
    free(c->gain);
    free(c->bands);
    *c = (struct comparison){0};
}

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory left to compare two sounds");
    return STATUS_NO_MEMORY; /* as a checker can see */
}

static enum status comparison_open(struct comparison *c, size_t frame_count,
                                   struct error *err)
{
    size_t means = (frame_count + MEAN_FRAMES - 1) / MEAN_FRAMES;

    assert(frame_count >= MIN_FRAMES);
    *c = (struct comparison){.frame_count = frame_count};
    c->query = calloc(frame_count, SKETCH_BANDS * sizeof *c->query);
    c->row = calloc(frame_count, sizeof *c->row);
    c->before = calloc(frame_count, sizeof *c->before);
    c->telling = calloc(frame_count, sizeof *c->telling);
    c->means = calloc(means, sizeof *c->means);
    c->slow = calloc(means, sizeof *c->slow);
    c->distance = calloc(frame_count, sizeof *c->distance);
    c->gain = calloc(frame_count, sizeof *c->gain);
    c->bands = calloc(frame_count, sizeof *c->bands);
    if (c->query == NULL || c->row == NULL || c->before == NULL ||
        c->telling == NULL || c->means == NULL || c->slow == NULL ||
        c->distance == NULL || c->gain == NULL || c->bands == NULL) {
        comparison_clear(c);
        return no_memory(err);
    }
    return STATUS_OK;
}

static int base_of(const struct sketch_channel *channel, size_t band)
{
    return (int)lrintf(channel->base_db[band] * LEVEL_DB);
}

static void read_row(int16_t *row, const struct comparison *c,
                     const struct sketch_channel *channel, size_t band)
{
    int base = base_of(channel, band);

    for (size_t i = 0; i < c->frame_count; i++) {
        unsigned cell = sketch_cell(channel, c->first_frame + i, band);
        row[i] = (int16_t)(base + (int)cell * STEP);
    }
}

/* Both ends of the scale stand for everything beyond them. */
static bool tells(int level, int base)
{
    return level > base && level < base + RANGE;
}

/* The median of query less reference where the band tells. */
static bool gain_of(int *gain, const struct comparison *c, size_t band)
{
    int base = base_of(c->reference, band);
    const int16_t *query = c->query + band * c->frame_count;
    size_t count = 0;

    for (size_t i = 0; i < c->frame_count; i++) {
        c->telling[count] = (int16_t)(query[i] - c->row[i]);
        count += tells(c->row[i], base);
    }
    if (count == 0) {
        return false;
    }
    *gain = rank_select(c->telling, count, count / 2);
    return true;
}

/* What has no gain of its own, because it is at an end of the scale
 * throughout, gets the median of the others. */
static void find_gains(int16_t *gains, const struct comparison *c)
{
    int16_t known[SKETCH_BANDS];
    bool is_known[SKETCH_BANDS] = {false};
    size_t count = 0;

    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        int gain = 0;
        read_row(c->row, c, c->reference, band);
        is_known[band] = gain_of(&gain, c, band);
        gains[band] = (int16_t)gain;
        if (is_known[band]) {
            known[count++] = gains[band];
        }
    }
    int16_t median = 0;
    if (count > 0) {
        median = rank_select(known, count, count / 2);
    }
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        if (!is_known[band]) {
            gains[band] = median;
        }
    }
}

static void add_gain(const struct comparison *c, size_t band, int gain)
{
    const int16_t *query = c->query + band * c->frame_count;
    int base = base_of(c->reference, band);

    for (size_t i = 0; i < c->frame_count; i++) {
        bool counts = c->row[i] > base;
        c->gain[i] += counts ? query[i] - gain - c->row[i] : 0;
        c->bands[i] = (uint8_t)(c->bands[i] + counts);
    }
}

static int clip(int value, int low, int high)
{
    int raised = value < low ? low : value;

    return raised > high ? high : raised;
}

/* Turns the row of the reference into query less reference, both within what
 * both can show. */
static void subtract(const struct comparison *c, size_t band, int gain)
{
    const int16_t *query = c->query + band * c->frame_count;
    int base = base_of(c->reference, band);
    int lowest = clip(-gain, base, base + FLOOR_MAX);
    int high = base + RANGE;

    if (c->other->cells != NULL) {
        read_row(c->telling, c, c->other, band);
    } else {
        memset(c->telling, 0, c->frame_count * sizeof *c->telling);
    }
    for (size_t i = 0; i < c->frame_count; i++) {
        int low = clip(c->telling[i] - MASKED, lowest, high);
        c->row[i] = (int16_t)(clip(query[i] - gain, low, high) -
                              clip(c->row[i], low, high));
    }
}

static void find_means(const struct comparison *c)
{
    for (size_t i = 0; i * MEAN_FRAMES < c->frame_count; i++) {
        size_t start = i * MEAN_FRAMES;
        size_t end = start + MEAN_FRAMES;
        int sum = 0;
        end = end > c->frame_count ? c->frame_count : end;
        for (size_t frame = start; frame < end; frame++) {
            sum += c->row[frame];
        }
        c->means[i] = (int16_t)(sum / (int)(end - start));
    }
}

/* A sorted window that slides: what leaves makes room for what comes. */
struct window {
    int16_t sorted[MEDIAN_MEANS];
    size_t count;
};

static void window_add(struct window *window, int16_t value)
{
    size_t i = window->count++;

    for (; i > 0 && window->sorted[i - 1] > value; i--) {
        window->sorted[i] = window->sorted[i - 1];
    }
    window->sorted[i] = value;
}

static void window_remove(struct window *window, int16_t value)
{
    size_t i = 0;

    while (window->sorted[i] != value) {
        i++;
        assert(i < window->count);
    }
    window->count--;
    memmove(window->sorted + i, window->sorted + i + 1,
            (window->count - i) * sizeof *window->sorted);
}

/* The median of the MEDIAN_MEANS around each mean; fewer at the ends. */
static void smooth(int16_t *slow, const int16_t *means, size_t count)
{
    const size_t reach = MEDIAN_MEANS / 2;
    struct window window = {.count = 0};

    for (size_t i = 0; i < reach && i < count; i++) {
        window_add(&window, means[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > reach) {
            window_remove(&window, means[i - reach - 1]);
        }
        if (i + reach < count) {
            window_add(&window, means[i + reach]);
        }
        slow[i] = window.sorted[window.count / 2];
    }
}

/* Takes away from a row of differences what changes slowly, and spreads the
 * rest over three frames. */
static void settle(const struct comparison *c)
{
    size_t last = c->frame_count - 1;

    find_means(c);
    smooth(c->slow, c->means, (c->frame_count + MEAN_FRAMES - 1) / MEAN_FRAMES);
    int left = c->row[0] - c->slow[0];
    int here = left;
    for (size_t i = 0; i <= last; i++) {
        size_t next = i < last ? i + 1 : last;
        int right =
            i < last ? c->row[next] - c->slow[next / MEAN_FRAMES] : here;
        c->row[i] = (int16_t)((left + here + right) / 3);
        left = here;
        here = right;
    }
}

/* Of the mean of two neighbouring bands: what a coder adds to one cell it does
 * not add to the next, and a word that is missing lacks in all. */
static void add_distance(const struct comparison *c)
{
    for (size_t i = 0; i < c->frame_count; i++) {
        int difference = abs(c->row[i] + c->before[i]) / 2;
        c->distance[i] +=
            difference > DIFFERENCE_MAX ? DIFFERENCE_MAX : difference;
    }
}

static void compare_bands(struct comparison *c)
{
    int16_t gains[SKETCH_BANDS];

    find_gains(gains, c);
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        read_row(c->row, c, c->reference, band);
        add_gain(c, band, gains[band]);
        if (band + 1 < FIRST_BAND || band > LAST_BAND) {
            continue;
        }
        subtract(c, band, gains[band]);
        settle(c);
        if (band >= FIRST_BAND) {
            add_distance(c);
        }
        int16_t *row = c->row;
        c->row = c->before;
        c->before = row;
    }
}

/* Where the window of `length` around frame i begins, whole at the ends. */
static size_t window_start(size_t i, size_t length, size_t count)
{
    size_t start = i < length / 2 ? 0 : i - length / 2;

    return start + length > count ? count - length : start;
}

static enum status finish(struct sketch_channel_errors *out,
                          const struct comparison *c, struct error *err)
{
    const int bands = LAST_BAND - FIRST_BAND + 1;
    const float scale = 1.F / (float)(bands * WINDOW_FRAMES * LEVEL_DB);
    size_t count = c->frame_count;
    size_t start = 0;
    int32_t sum = 0;

    out->error_db = malloc(count * sizeof *out->error_db);
    if (out->error_db == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < WINDOW_FRAMES; i++) {
        sum += c->distance[i];
    }
    out->worst_frame = 0;
    for (size_t i = 0; i < count; i++) {
        while (start < window_start(i, WINDOW_FRAMES, count)) {
            sum += c->distance[start + WINDOW_FRAMES] - c->distance[start];
            start++;
        }
        out->error_db[i] = (float)sum * scale;
        c->row[i] = (int16_t)lrintf(out->error_db[i] * LEVEL_DB);
        if (out->error_db[i] > out->error_db[out->worst_frame]) {
            out->worst_frame = i;
        }
    }
    int median = rank_select(c->row, count, count / 2);
    out->median_db = (float)median / LEVEL_DB;
    out->noise_db = fmax((double)out->median_db, MEDIAN_MIN_DB);
    out->score = out->error_db[out->worst_frame] / out->noise_db;
    return STATUS_OK;
}

/* Of the frames that tell, 1 s around; NAN where this one does not. */
static void smooth_gain(float *out, const struct comparison *c,
                        const int16_t *raw)
{
    const size_t reach = GAIN_FRAMES / 2;
    int32_t sum = 0;
    int heard = 0;

    for (size_t i = 0; i < c->frame_count + reach; i++) {
        if (i < c->frame_count && c->bands[i] != 0) {
            sum += raw[i];
            heard++;
        }
        if (i >= GAIN_FRAMES && c->bands[i - GAIN_FRAMES] != 0) {
            sum -= raw[i - GAIN_FRAMES];
            heard--;
        }
        if (i >= reach) {
            out[i - reach] = c->bands[i - reach] == 0
                                 ? NAN
                                 : (float)sum / (float)(heard * LEVEL_DB);
        }
    }
}

/* Between the twentieth part that is softest and the loudest one. */
static float spread_of(const struct comparison *c, const float *gain_db)
{
    size_t count = 0;

    for (size_t i = 0; i < c->frame_count; i++) {
        if (!isnan(gain_db[i])) {
            c->telling[count++] = (int16_t)lrintf(gain_db[i] * LEVEL_DB);
        }
    }
    if (count == 0) {
        return 0;
    }
    int low = rank_select(c->telling, count, count / 20);
    int high = rank_select(c->telling, count, count - 1 - count / 20);
    return (float)(high - low) / LEVEL_DB;
}

/* Clears c->bands where the frame does not tell. */
static enum status finish_gain(struct sketch_errors *out,
                               const struct comparison *c, struct error *err)
{
    size_t heard = 0;
    int16_t median = 0;

    out->gain_db = malloc(c->frame_count * sizeof *out->gain_db);
    if (out->gain_db == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < c->frame_count; i++) {
        if (c->bands[i] < SKETCH_BANDS / 2) {
            c->bands[i] = 0;
            continue;
        }
        c->row[i] = (int16_t)(c->gain[i] / c->bands[i]);
        c->telling[heard++] = c->row[i];
    }
    if (heard > 0) {
        median = rank_select(c->telling, heard, heard / 2);
    }
    for (size_t i = 0; i < c->frame_count; i++) {
        c->row[i] = (int16_t)(c->bands[i] == 0 ? 0 : c->row[i] - median);
    }
    smooth_gain(out->gain_db, c, c->row);
    out->gain_spread_db = spread_of(c, out->gain_db);
    return STATUS_OK;
}

/* All frames of the reference whose samples lie in [start, end) of the query.
 */
static enum status find_overlap(struct sketch_errors *out,
                                struct frame_grid *grid, uint64_t start,
                                uint64_t end, const struct sketch *reference,
                                const struct timing *timing, struct error *err)
{
    double step = (1 + timing->drift) * SKETCH_HOP_SAMPLES;
    double first = ceil(((double)start - .5 - timing->offset_samples) / step);
    double last = floor(
        ((double)end - SKETCH_WINDOW_SAMPLES - timing->offset_samples) / step);

    first = fmax(first, 0);
    last = fmin(last, (double)reference->frame_count - 1);
    if (!(last - first + 1 >= MIN_FRAMES)) {
        return error_set(err, STATUS_INVALID, "no_overlap",
                         "under 10 s in common: too little to compare");
    }
    out->first_frame = (size_t)first;
    out->frame_count = (size_t)(last - first) + 1;
    *grid = (struct frame_grid){.first_sample =
                                    timing->offset_samples + first * step,
                                .step_samples = step,
                                .count = out->frame_count};
    return STATUS_OK;
}

static void begin(struct comparison *c, const struct sketch_channel *reference,
                  const struct sketch_channel *other, size_t first_frame)
{
    c->reference = reference;
    c->other = other;
    c->first_frame = first_frame;
    memset(c->distance, 0, c->frame_count * sizeof *c->distance);
    memset(c->gain, 0, c->frame_count * sizeof *c->gain);
    memset(c->bands, 0, c->frame_count * sizeof *c->bands);
}

static enum status compare_side(struct sketch_errors *out, struct comparison *c,
                                const struct sound *query,
                                const struct sketch *reference,
                                const struct frame_grid *grid,
                                double mid_energy, struct error *err)
{
    double side_energy = 0;

    if (!query->has_side || reference->side.cells == NULL ||
        reference->side_db < SIDE_MIN_DB) {
        return STATUS_OK;
    }
    begin(c, &reference->side, &reference->mid, out->first_frame);
    enum status status = spectrum_read_levels(c->query, &side_energy, query,
                                              PCM_SIDE, grid, err);
    if (status != STATUS_OK ||
        sketch_side_db(mid_energy, side_energy) < SIDE_MIN_DB) {
        return status;
    }
    compare_bands(c);
    return finish(&out->side, c, err);
}

enum status sketch_compare(struct sketch_errors *out, const struct sound *query,
                           const struct sketch *reference,
                           const struct timing *timing, uint64_t start,
                           uint64_t end, struct error *err)
{
    struct comparison c = {0};
    struct frame_grid grid = {0};
    double mid_energy = 0;

    *out = (struct sketch_errors){0};
    assert(start <= end && end <= query->sample_count);
    assert(isfinite(timing->offset_samples) && fabs(timing->drift) < .1);
    enum status status =
        find_overlap(out, &grid, start, end, reference, timing, err);
    if (status == STATUS_OK) {
        status = comparison_open(&c, grid.count, err);
    }
    if (status == STATUS_OK) {
        begin(&c, &reference->mid, &reference->side, out->first_frame);
        status = spectrum_read_levels(c.query, &mid_energy, query, PCM_MID,
                                      &grid, err);
    }
    if (status == STATUS_OK) {
        compare_bands(&c);
        status = finish(&out->mid, &c, err);
    }
    if (status == STATUS_OK) {
        status = finish_gain(out, &c, err);
    }
    if (status == STATUS_OK) {
        status =
            compare_side(out, &c, query, reference, &grid, mid_energy, err);
    }
    if (status != STATUS_OK) {
        sketch_errors_clear(out);
    }
    comparison_clear(&c);
    return status;
}

void sketch_errors_clear(struct sketch_errors *errors)
{
    free(errors->mid.error_db);
    free(errors->side.error_db);
    free(errors->gain_db);
    *errors = (struct sketch_errors){0};
}
