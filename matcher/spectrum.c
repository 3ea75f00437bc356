/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/spectrum.h"

#include <assert.h>
#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    WINDOW = SKETCH_WINDOW_SAMPLES,
    BINS = WINDOW / 2, /* the last, at 5512 Hz, lies in no band */
    LANES = 4,         /* sums that do not wait for one another */
    EDGES = SKETCH_BANDS + 2,
};
static const double PI = 3.14159265358979323846;
static const double LOWEST_HZ = 50;
static const double HIGHEST_HZ = 5400;

/* Made once: FFTW's planner is not thread-safe, and windows and triangles are
 * the same for all. Read-only from then on. */
static struct {
    fftwf_plan long_plan;
    fftwf_plan short_plan;
    float long_window[WINDOW]; /* squares sum up to 1: white noise keeps its
                                  power */
    float short_window[SHORT_WINDOW_SAMPLES];
    struct triangle {
        size_t first_bin;
        size_t bin_count; /* a multiple of LANES; what is over weighs 0 */
    } triangles[SKETCH_BANDS];
    float weights[SKETCH_BANDS][BINS];
} shared;
static pthread_once_t shared_once = PTHREAD_ONCE_INIT;

struct spectrum {
    float *in;          /* FFTW's own memory: aligned as its plans expect */
    fftwf_complex *out; /* the same */
    float power[BINS];
};

static void fill_hann(float *window, size_t count)
{
    double squares = 0;

    for (size_t i = 0; i < count; i++) {
        double hann =
            0.5 - 0.5 * cos(2 * PI * (double)i / (double)count); /* periodic */
        window[i] = (float)hann;
        squares += hann * hann;
    }
    for (size_t i = 0; i < count; i++) {
        window[i] = (float)(window[i] / sqrt(squares));
    }
}

static double mel_of(double hz)
{
    return 2595 * log10(1 + hz / 700);
}

static double hz_of(double mel)
{
    return 700 * (pow(10, mel / 2595) - 1);
}

static double triangle_at(double hz, const double *edges_hz)
{
    double rising = (hz - edges_hz[0]) / (edges_hz[1] - edges_hz[0]);
    double falling = (edges_hz[2] - hz) / (edges_hz[2] - edges_hz[1]);
    double height = rising < falling ? rising : falling;

    return height < 0 ? 0 : height;
}

static void fill_triangle(struct triangle *triangle, float *weights,
                          const double *edges_hz)
{
    const double bin_hz = (double)PCM_RATE_HZ / WINDOW;
    size_t first = (size_t)(edges_hz[0] / bin_hz);
    size_t last = (size_t)(edges_hz[2] / bin_hz) + 1;
    double sum = 0;

    size_t count = (last - first + LANES) / LANES * LANES;
    first = first + count > BINS ? BINS - count : first;
    for (size_t i = 0; i < count; i++) {
        double height = triangle_at((double)(first + i) * bin_hz, edges_hz);
        weights[i] = (float)height;
        sum += height;
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] = (float)(weights[i] / sum);
    }
    triangle->first_bin = first;
    triangle->bin_count = count;
}

static void fill_triangles(void)
{
    double lowest = mel_of(LOWEST_HZ);
    double step = (mel_of(HIGHEST_HZ) - lowest) / (EDGES - 1);
    double edges_hz[EDGES];

    for (size_t i = 0; i < EDGES; i++) {
        edges_hz[i] = hz_of(lowest + (double)i * step);
    }
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        fill_triangle(&shared.triangles[band], shared.weights[band],
                      edges_hz + band);
    }
}

/* Plans are for memory that is aligned as fftwf_malloc() does; ESTIMATE reads
 * and writes none of it. */
static void make_shared(void)
{
    float *in = fftwf_alloc_real(WINDOW);
    fftwf_complex *out = fftwf_alloc_complex(WINDOW / 2 + 1);

    fill_hann(shared.long_window, WINDOW);
    fill_hann(shared.short_window, SHORT_WINDOW_SAMPLES);
    fill_triangles();
    if (in != NULL && out != NULL) {
        shared.long_plan =
            fftwf_plan_dft_r2c_1d(WINDOW, in, out, FFTW_ESTIMATE);
        shared.short_plan =
            fftwf_plan_dft_r2c_1d(SHORT_WINDOW_SAMPLES, in, out, FFTW_ESTIMATE);
    }
    fftwf_free(in);
    fftwf_free(out);
}

enum status spectrum_open(struct spectrum **out, struct error *err)
{
    *out = NULL;
    (void)pthread_once(&shared_once, make_shared);
    struct spectrum *spectrum = calloc(1, sizeof *spectrum);
    if (spectrum == NULL) {
        goto no_memory;
    }
    spectrum->in = fftwf_alloc_real(WINDOW);
    spectrum->out = fftwf_alloc_complex(WINDOW / 2 + 1);
    if (spectrum->in == NULL || spectrum->out == NULL ||
        shared.long_plan == NULL || shared.short_plan == NULL) {
        goto no_memory;
    }
    *out = spectrum;
    return STATUS_OK;
no_memory:
    spectrum_close(spectrum);
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left for a spectrum");
}

void spectrum_close(struct spectrum *spectrum)
{
    if (spectrum != NULL) {
        fftwf_free(spectrum->in);
        fftwf_free(spectrum->out);
        free(spectrum);
    }
}

static float weigh(const float *power, const float *weights, size_t count)
{
    float sums[LANES] = {0};

    for (size_t i = 0; i < count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += power[i + lane] * weights[i + lane];
        }
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void spectrum_levels(struct spectrum *spectrum, const int16_t *samples,
                     int16_t *levels)
{
    const float hundredths_an_octave = 301.029996F; /* 1000 log10(2) */
    float *restrict in = spectrum->in;
    float *restrict power = spectrum->power;

    for (size_t i = 0; i < WINDOW; i++) {
        in[i] = shared.long_window[i] * (float)samples[i];
    }
    fftwf_execute_dft_r2c(shared.long_plan, spectrum->in, spectrum->out);
    for (size_t i = 0; i < BINS; i++) {
        const float *bin = spectrum->out[i];
        power[i] = bin[0] * bin[0] + bin[1] * bin[1];
    }
    for (size_t band = 0; band < SKETCH_BANDS; band++) {
        const struct triangle *triangle = &shared.triangles[band];
        float sum = weigh(power + triangle->first_bin, shared.weights[band],
                          triangle->bin_count);
        float level = hundredths_an_octave * log2f(1 + sum) + .5F;
        assert(level < LEVEL_MAX);
        levels[band] = (int16_t)level;
    }
}

int64_t frame_grid_start(const struct frame_grid *grid, size_t index)
{
    return llrint(grid->first_sample + (double)index * grid->step_samples);
}

static double energy_of(const int16_t *samples, size_t count)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        int32_t square = samples[i] * samples[i];
        sum += square;
    }
    return (double)sum;
}

enum status spectrum_read_levels(int16_t *levels, double *energy,
                                 const struct sound *sound,
                                 enum pcm_channel channel,
                                 const struct frame_grid *grid,
                                 struct error *err)
{
    struct spectrum *spectrum = NULL;
    struct sound_reader reader = {0};
    const int16_t *samples = NULL;
    int16_t frame[SKETCH_BANDS];
    double sum = 0;
    enum status status = spectrum_open(&spectrum, err);

    if (status == STATUS_OK) {
        status = sound_reader_open(&reader, sound, channel, err);
    }
    for (size_t i = 0; i < grid->count && status == STATUS_OK; i++) {
        status = sound_reader_at(&reader, frame_grid_start(grid, i), WINDOW,
                                 &samples, err);
        if (status == STATUS_OK) {
            spectrum_levels(spectrum, samples, frame);
            sum += energy_of(samples, SKETCH_HOP_SAMPLES);
            for (size_t band = 0; band < SKETCH_BANDS; band++) {
                levels[band * grid->count + i] = frame[band];
            }
        }
    }
    if (energy != NULL) {
        *energy = sum;
    }
    sound_reader_close(&reader);
    spectrum_close(spectrum);
    return status;
}

void spectrum_short(struct spectrum *spectrum, const int16_t *samples,
                    float *real, float *imaginary)
{
    float *restrict in = spectrum->in;

    for (size_t i = 0; i < SHORT_WINDOW_SAMPLES; i++) {
        in[i] = shared.short_window[i] * (float)samples[i];
    }
    fftwf_execute_dft_r2c(shared.short_plan, spectrum->in, spectrum->out);
    for (size_t i = 0; i < SHORT_BINS; i++) {
        real[i] = spectrum->out[SHORT_FIRST_BIN + i][0];
        imaginary[i] = spectrum->out[SHORT_FIRST_BIN + i][1];
    }
}
