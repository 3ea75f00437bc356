/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"

#include "matcher/rank.h"
#include "matcher/spectrum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum {
    STEP = SKETCH_STEP_DB * LEVEL_DB,
    /* The base is this far under what a tenth of the frames exceed. */
    HEADROOM = 22 * LEVEL_DB,
};

/* The tenth loudest part of a band marks its level, as long as it is not so
 * quiet that the scale would reach under digital silence. */
static int16_t base_of(const int16_t *levels, size_t count)
{
    int base = rank_select(levels, count, (count - 1) * 9 / 10) - HEADROOM;

    return (int16_t)(base < 0 ? 0 : base);
}

static unsigned cell_of(int level, int base)
{
    int cell = level < base ? 0 : (level - base + STEP / 2) / STEP;

    return cell >= SKETCH_LEVELS ? SKETCH_LEVELS - 1 : (unsigned)cell;
}

static void draw_band(struct sketch_channel *out, size_t band,
                      const int16_t *levels, size_t count)
{
    int base = base_of(levels, count);
    uint8_t *cells = out->cells + band / 2;
    unsigned shift = band % 2 * 4;

    out->base_db[band] = (float)base / LEVEL_DB;
    for (size_t i = 0; i < count; i++) {
        unsigned cell = cell_of(levels[i], base);
        cells[i * SKETCH_FRAME_BYTES] |= (uint8_t)(cell << shift);
    }
}

static enum status draw_channel(struct sketch_channel *out, double *energy,
                                const struct sound *master,
                                enum pcm_channel channel, size_t frame_count,
                                struct error *err)
{
    const struct frame_grid grid = {.step_samples = SKETCH_HOP_SAMPLES,
                                    .count = frame_count};
    enum status status = STATUS_OK;
    int16_t *levels = calloc(frame_count, SKETCH_BANDS * sizeof *levels);

    out->cells = calloc(frame_count, SKETCH_FRAME_BYTES);
    if (levels == NULL || out->cells == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory left for a sketch");
        goto out;
    }
    status = spectrum_read_levels(levels, energy, master, channel, &grid, err);
    for (size_t band = 0; band < SKETCH_BANDS && status == STATUS_OK; band++) {
        draw_band(out, band, levels + band * frame_count, frame_count);
    }
out:
    free(levels);
    return status;
}

enum status sketch_make(struct sketch *out, const struct sound *master,
                        struct error *err)
{
    double mid_energy = 0;
    double side_energy = 0;
    enum status status = STATUS_OK;

    *out = (struct sketch){0};
    if (master->sample_count < SKETCH_WINDOW_SAMPLES) {
        return error_set(err, STATUS_INVALID, "too_short",
                         "this is too short to be compared");
    }
    out->frame_count = (size_t)((master->sample_count - SKETCH_WINDOW_SAMPLES) /
                                SKETCH_HOP_SAMPLES) +
                       1;
    if (out->frame_count > SKETCH_MAX_FRAMES) {
        *out = (struct sketch){0};
        return error_set(err, STATUS_INVALID, "too_long",
                         "this is longer than two hours: cut it");
    }
    status = draw_channel(&out->mid, &mid_energy, master, PCM_MID,
                          out->frame_count, err);
    if (status == STATUS_OK && master->has_side) {
        status = draw_channel(&out->side, &side_energy, master, PCM_SIDE,
                              out->frame_count, err);
    }
    if (status != STATUS_OK) {
        sketch_clear(out);
    } else if (master->has_side) {
        out->side_db = sketch_side_db(mid_energy, side_energy);
    }
    return status;
}

float sketch_side_db(double mid_energy, double side_energy)
{
    double db = 10 * log10((side_energy + 1) / (mid_energy + 1));

    return (float)lrint(db * LEVEL_DB) / LEVEL_DB;
}

void sketch_clear(struct sketch *sketch)
{
    free(sketch->mid.cells);
    free(sketch->side.cells);
    *sketch = (struct sketch){0};
}
