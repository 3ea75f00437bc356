/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/residual.h"

#include "matcher/spectrum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Source: matcher/README.md, "Second look". */
enum {
    HOP = 256,
    WINDOW = SHORT_WINDOW_SAMPLES,
    BINS = SHORT_BINS,
    BANDS = 12,
    /* Products are kept for groups of 4 frames; a window is 4 groups: 16
     * frames reach over 4352 samples, .395 s. */
    GROUP_FRAMES = 4,
    WINDOW_GROUPS = 4,
    STEP = GROUP_FRAMES * HOP,
    /* 10 s share one estimate of what the timing left. */
    BLOCK_GROUPS = 108,
    BLOCK_FRAMES = BLOCK_GROUPS * GROUP_FRAMES,
    /* Delays are looked for in quarters of a sample, up to 12: a compressor
     * shifts what the timing finds by 8. */
    QUARTERS = 48,
    TURN_STEPS = 4 * WINDOW, /* one turn of the first bin by quarters */
};
static const double PI = 3.14159265358979323846;
static const double FLOOR = 1e-3; /* 30 dB under the band's loud level */
static const double LEAST = 1e-4; /* -40 dB: nothing is better than that */
/* A block whose products agree less about any delay keeps the last one. */
static const double AGREEMENT_MIN = .3;

/* What a band of a few frames has in common. */
struct products {
    float real; /* <x, y>: master and query */
    float imaginary;
    float master; /* |x|^2 */
    float query;  /* |y|^2 */
};

/* One 10 s block of both sounds: rows of BINS, and where the query's frames
 * were read too early, in samples. */
struct block {
    float master_real[BLOCK_FRAMES][BINS];
    float master_imaginary[BLOCK_FRAMES][BINS];
    float query_real[BLOCK_FRAMES][BINS];
    float query_imaginary[BLOCK_FRAMES][BINS];
    float late[BLOCK_FRAMES];
    size_t frame_count;
};

/* What a band of a channel exceeds in a tenth of the windows. */
struct loud {
    double master;
    double query;
};

/* Mid, and side where both sounds have one. */
enum { CHANNELS = 2 };

struct work {
    struct sound_reader master; /* of the channel at work */
    struct sound_reader query;
    struct spectrum *spectrum;
    struct block *block; /* owned */
    /* Owned, BANDS of each group; of the side NULL when it is not compared. */
    struct products *products[CHANNELS];
    struct loud loud[CHANNELS][BANDS];
    float *energies;        /* owned, one each group: scratch */
    size_t band_end[BANDS]; /* bins, from SHORT_FIRST_BIN */
    float turn_real[TURN_STEPS];
    float turn_imaginary[TURN_STEPS];
    double delay; /* of the last block, samples */
};

/* Bands of equal width on the mel scale, 300 to 5000 Hz. */
static void fill_bands(size_t *band_end)
{
    const double bin_hz = (double)PCM_RATE_HZ / WINDOW;
    const double low = log(1 + SHORT_FIRST_BIN * bin_hz / 700);
    const double high = log(1 + (SHORT_FIRST_BIN + BINS) * bin_hz / 700);

    for (size_t band = 0; band < BANDS; band++) {
        double part = (double)(band + 1) / BANDS;
        double hz = 700 * (exp(low + (high - low) * part) - 1);
        band_end[band] = (size_t)lrint(hz / bin_hz) - SHORT_FIRST_BIN;
    }
    assert(band_end[BANDS - 1] == BINS);
}

static void fill_turns(struct work *work)
{
    for (size_t i = 0; i < TURN_STEPS; i++) {
        double angle = 2 * PI * (double)i / TURN_STEPS;
        work->turn_real[i] = (float)cos(angle);
        work->turn_imaginary[i] = (float)sin(angle);
    }
}

static void work_close(struct work *work)
{
    if (work != NULL) {
        sound_reader_close(&work->master);
        sound_reader_close(&work->query);
        spectrum_close(work->spectrum);
        free(work->block);
        free(work->products[PCM_MID]);
        free(work->products[PCM_SIDE]);
        free(work->energies);
        free(work);
    }
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left to compare with a master");
}

static enum status work_open(struct work **out, size_t group_count,
                             struct error *err)
{
    struct work *work = calloc(1, sizeof *work);

    assert(group_count >= WINDOW_GROUPS);
    *out = work;
    if (work == NULL || (work->block = malloc(sizeof *work->block)) == NULL ||
        (work->energies = calloc(group_count, sizeof *work->energies)) ==
            NULL) {
        return no_memory(err);
    }
    fill_bands(work->band_end);
    fill_turns(work);
    return spectrum_open(&work->spectrum, err);
}

/* --- spectra of a block --- */

static enum status read_block(struct work *work, uint64_t first_sample,
                              size_t frame_count, const struct timing *timing,
                              struct error *err)
{
    struct block *block = work->block;
    const int16_t *samples = NULL;
    enum status status = STATUS_OK;

    block->frame_count = frame_count;
    for (size_t i = 0; i < frame_count && status == STATUS_OK; i++) {
        int64_t at = (int64_t)(first_sample + i * HOP);
        double exact =
            timing->offset_samples + (1 + timing->drift) * (double)at;
        int64_t nearest = llrint(exact);
        block->late[i] = (float)(exact - (double)nearest);
        status = sound_reader_at(&work->master, at, WINDOW, &samples, err);
        if (status != STATUS_OK) {
            break;
        }
        spectrum_short(work->spectrum, samples, block->master_real[i],
                       block->master_imaginary[i]);
        status = sound_reader_at(&work->query, nearest, WINDOW, &samples, err);
        if (status != STATUS_OK) {
            break;
        }
        spectrum_short(work->spectrum, samples, block->query_real[i],
                       block->query_imaginary[i]);
    }
    return status;
}

/* Turns every bin of a frame as if it had been read `late` samples later. */
static void turn_frame(float *restrict real, float *restrict imaginary,
                       double late)
{
    const double angle = 2 * PI * late / WINDOW;
    double c = cos(angle * SHORT_FIRST_BIN);
    double s = sin(angle * SHORT_FIRST_BIN);
    const double c_step = cos(angle);
    const double s_step = sin(angle);

    for (size_t bin = 0; bin < BINS; bin++) {
        float r = real[bin] * (float)c - imaginary[bin] * (float)s;
        imaginary[bin] = real[bin] * (float)s + imaginary[bin] * (float)c;
        real[bin] = r;
        double next = c * c_step - s * s_step;
        s = s * c_step + c * s_step;
        c = next;
    }
}

/* --- the delay that the timing left --- */

/* <y, x> of each bin over the block, its square root in size, so that the loud
 * bins do not decide alone. */
static void cross_spectrum(float *real, float *imaginary,
                           const struct block *block)
{
    memset(real, 0, BINS * sizeof *real);
    memset(imaginary, 0, BINS * sizeof *imaginary);
    for (size_t i = 0; i < block->frame_count; i++) {
        const float *xr = block->master_real[i];
        const float *xi = block->master_imaginary[i];
        const float *yr = block->query_real[i];
        const float *yi = block->query_imaginary[i];
        for (size_t bin = 0; bin < BINS; bin++) {
            real[bin] += xr[bin] * yr[bin] + xi[bin] * yi[bin];
            imaginary[bin] += xr[bin] * yi[bin] - xi[bin] * yr[bin];
        }
    }
    for (size_t bin = 0; bin < BINS; bin++) {
        float size = sqrtf(hypotf(real[bin], imaginary[bin]));
        if (size > 0) {
            real[bin] /= size;
            imaginary[bin] /= size;
        }
    }
}

/* How far all bins agree when the query is read `quarters` later. */
static double agreement(const struct work *work, const float *real,
                        const float *imaginary, int quarters)
{
    double sum_real = 0;
    double sum_imaginary = 0;

    for (size_t bin = 0; bin < BINS; bin++) {
        int turn = (int)(bin + SHORT_FIRST_BIN) * quarters;
        size_t at = (size_t)(turn + TURN_STEPS * QUARTERS) % TURN_STEPS;
        double c = work->turn_real[at];
        double s = work->turn_imaginary[at];
        sum_real += real[bin] * c - imaginary[bin] * s;
        sum_imaginary += real[bin] * s + imaginary[bin] * c;
    }
    return hypot(sum_real, sum_imaginary);
}

static double find_delay(const struct work *work)
{
    float real[BINS];
    float imaginary[BINS];
    double at[2 * QUARTERS + 1];
    double whole = 0;
    size_t best = 0;

    cross_spectrum(real, imaginary, work->block);
    for (size_t bin = 0; bin < BINS; bin++) {
        whole += hypotf(real[bin], imaginary[bin]);
    }
    for (size_t k = 0; k <= 2 * (size_t)QUARTERS; k++) {
        at[k] = agreement(work, real, imaginary, (int)k - QUARTERS);
        best = at[k] > at[best] ? k : best;
    }
    if (best == 0 || best == 2 * (size_t)QUARTERS ||
        at[best] < AGREEMENT_MIN * whole || whole <= 0) {
        return work->delay;
    }
    double bend = 2 * at[best] - at[best - 1] - at[best + 1];
    double vertex = bend > 0 ? (at[best + 1] - at[best - 1]) / bend / 2 : 0;
    return ((double)best - QUARTERS + vertex) / 4;
}

/* --- what is in common --- */

static void add_frame(struct products *products, const struct work *work,
                      size_t frame)
{
    const struct block *block = work->block;
    const float *xr = block->master_real[frame];
    const float *xi = block->master_imaginary[frame];
    const float *yr = block->query_real[frame];
    const float *yi = block->query_imaginary[frame];
    size_t bin = 0;

    for (size_t band = 0; band < BANDS; band++) {
        struct products sum = {0};
        for (; bin < work->band_end[band]; bin++) {
            sum.real += xr[bin] * yr[bin] + xi[bin] * yi[bin];
            sum.imaginary += xr[bin] * yi[bin] - xi[bin] * yr[bin];
            sum.master += xr[bin] * xr[bin] + xi[bin] * xi[bin];
            sum.query += yr[bin] * yr[bin] + yi[bin] * yi[bin];
        }
        products[band].real += sum.real;
        products[band].imaginary += sum.imaginary;
        products[band].master += sum.master;
        products[band].query += sum.query;
    }
}

static enum status add_block(struct work *work, struct products *products,
                             size_t first_group, size_t group_count,
                             uint64_t first_sample, const struct timing *timing,
                             struct error *err)
{
    struct block *block = work->block;
    enum status status =
        read_block(work, first_sample + (uint64_t)first_group * STEP,
                   group_count * GROUP_FRAMES, timing, err);

    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < block->frame_count; i++) {
        turn_frame(block->query_real[i], block->query_imaginary[i],
                   block->late[i]);
    }
    work->delay = find_delay(work);
    for (size_t i = 0; i < block->frame_count; i++) {
        size_t group = first_group + i / GROUP_FRAMES;
        turn_frame(block->query_real[i], block->query_imaginary[i],
                   work->delay);
        add_frame(products + group * BANDS, work, i);
    }
    return STATUS_OK;
}

static enum status add_channel(struct work *work, const struct sound *query,
                               const struct sound *master,
                               enum pcm_channel channel, size_t group_count,
                               uint64_t first_sample,
                               const struct timing *timing, struct error *err)
{
    struct products *products =
        calloc(group_count, BANDS * sizeof(struct products));

    if (products == NULL) {
        return no_memory(err);
    }
    work->products[channel] = products;
    work->delay = 0;
    sound_reader_close(&work->master);
    sound_reader_close(&work->query);
    enum status status = sound_reader_open(&work->master, master, channel, err);
    if (status == STATUS_OK) {
        status = sound_reader_open(&work->query, query, channel, err);
    }
    for (size_t group = 0; group < group_count && status == STATUS_OK;
         group += BLOCK_GROUPS) {
        size_t left = group_count - group;
        status = add_block(work, products, group,
                           left < BLOCK_GROUPS ? left : BLOCK_GROUPS,
                           first_sample, timing, err);
    }
    return status;
}

/* --- what is not --- */

static int compare_floats(const void *left, const void *right)
{
    float a = *(const float *)left;
    float b = *(const float *)right;

    return (a > b) - (a < b);
}

/* What a tenth of the groups exceed; at least the noise of 16 bits. */
static double loud_level(struct work *work, const struct products *products,
                         size_t band, size_t group_count, bool of_query)
{
    for (size_t i = 0; i < group_count; i++) {
        const struct products *at = &products[i * BANDS + band];
        work->energies[i] = of_query ? at->query : at->master;
    }
    qsort(work->energies, group_count, sizeof *work->energies, compare_floats);
    double loud = work->energies[(group_count - 1) * 9 / 10];
    return loud > 1 ? loud : 1;
}

static void find_loud(struct work *work, enum pcm_channel channel,
                      size_t group_count)
{
    const struct products *products = work->products[channel];

    assert(products != NULL);
    for (size_t band = 0; band < BANDS; band++) {
        /* of windows, not of groups */
        work->loud[channel][band] = (struct loud){
            .master = WINDOW_GROUPS *
                      loud_level(work, products, band, group_count, false),
            .query = WINDOW_GROUPS *
                     loud_level(work, products, band, group_count, true)};
    }
}

static struct products window_products(const struct products *products,
                                       size_t group, size_t band)
{
    struct products window = {0};

    for (size_t i = 0; i < WINDOW_GROUPS; i++) {
        const struct products *at = &products[(group + i) * BANDS + band];
        window.real += at->real;
        window.imaginary += at->imaginary;
        window.master += at->master;
        window.query += at->query;
    }
    return window;
}

static double band_residual(double *energy, const struct products *at,
                            const struct loud *loud)
{
    double master = at->master;
    double query = at->query;
    double both =
        (double)at->real * at->real + (double)at->imaginary * at->imaginary;
    double alike = master * query > 0 ? both / (master * query) : 0;
    double heard = fmax(master / loud->master, query / loud->query);
    double share = heard / (heard + FLOOR);

    *energy = fmax(master, query * loud->master / loud->query);
    return fmax(1 - alike, 0) * share * share;
}

/* Mid and side as loud as they are: what a coder makes up in a side that nobody
 * hears weighs nothing, and a word that is in the side alone does. */
static struct residual_window find_window(const struct work *work, size_t group)
{
    double sums[CHANNELS] = {0};
    double weights = 0;

    for (size_t band = 0; band < BANDS; band++) {
        double left_over[CHANNELS] = {0};
        double whole = 0;
        for (size_t i = 0; i < CHANNELS && work->products[i] != NULL; i++) {
            const struct products window =
                window_products(work->products[i], group, band);
            double energy = 0;
            double share =
                band_residual(&energy, &window, &work->loud[i][band]);
            whole += energy;
            left_over[i] = share * energy;
        }
        if (whole > 0) {
            double weight = pow(whole, .3);
            sums[PCM_MID] += weight * left_over[PCM_MID] / whole;
            sums[PCM_SIDE] += weight * left_over[PCM_SIDE] / whole;
            weights += weight;
        }
    }
    double scale = weights > 0 ? 1 / weights : 0;
    return (struct residual_window){.mid = (float)(sums[PCM_MID] * scale),
                                    .side = (float)(sums[PCM_SIDE] * scale)};
}

static float window_db(const struct residual_window *window)
{
    return (float)(10 * log10(fmax((double)window->mid + (double)window->side,
                                   LEAST)));
}

static enum status find_windows(struct residual *out, struct work *work,
                                size_t group_count, struct error *err)
{
    out->window_count = group_count - WINDOW_GROUPS + 1;
    out->windows = malloc(out->window_count * sizeof *out->windows);
    if (out->windows == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < out->window_count; i++) {
        out->windows[i] = find_window(work, i);
        work->energies[i] = window_db(&out->windows[i]);
        if (work->energies[i] > work->energies[out->worst_window]) {
            out->worst_window = i;
        }
    }
    out->worst_db = (double)work->energies[out->worst_window];
    qsort(work->energies, out->window_count, sizeof *work->energies,
          compare_floats);
    out->median_db = work->energies[out->window_count / 2];
    return STATUS_OK;
}

/* Groups of [start, end) whose samples both have, and where they begin. */
static enum status find_overlap(uint64_t *first_sample, size_t *group_count,
                                const struct sound *query,
                                const struct sound *master,
                                const struct timing *timing, uint64_t start,
                                uint64_t end, struct error *err)
{
    double rate = 1 + timing->drift;
    double from = fmax((double)start, ceil(-timing->offset_samples / rate));
    double until = fmin(
        fmin((double)end, (double)master->sample_count),
        floor(((double)query->sample_count - timing->offset_samples) / rate));

    if (!(until - from >= 10 * PCM_RATE_HZ)) {
        return error_set(err, STATUS_INVALID, "no_overlap",
                         "under 10 s in common: too little to compare");
    }
    *first_sample = (uint64_t)from;
    *group_count = (size_t)(until - from - (WINDOW - HOP)) / STEP;
    return STATUS_OK;
}

enum status residual_compare(struct residual *out, const struct sound *query,
                             const struct sound *master,
                             const struct timing *timing, uint64_t start,
                             uint64_t end, struct error *err)
{
    struct work *work = NULL;
    size_t group_count = 0;
    int channels = query->has_side && master->has_side ? CHANNELS : 1;

    *out = (struct residual){.step_samples = STEP,
                             .window_samples =
                                 WINDOW_GROUPS * STEP + WINDOW - HOP};
    assert(isfinite(timing->offset_samples) && fabs(timing->drift) < .1);
    enum status status = find_overlap(&out->first_sample, &group_count, query,
                                      master, timing, start, end, err);
    if (status == STATUS_OK) {
        status = work_open(&work, group_count, err);
    }
    for (int i = 0; i < channels && status == STATUS_OK; i++) {
        enum pcm_channel channel = i == 0 ? PCM_MID : PCM_SIDE;
        status = add_channel(work, query, master, channel, group_count,
                             out->first_sample, timing, err);
        if (status == STATUS_OK) {
            find_loud(work, channel, group_count);
        }
    }
    if (status == STATUS_OK) {
        status = find_windows(out, work, group_count, err);
    }
    if (status != STATUS_OK) {
        residual_clear(out);
    }
    work_close(work);
    return status;
}

void residual_clear(struct residual *residual)
{
    free(residual->windows);
    *residual = (struct residual){0};
}
