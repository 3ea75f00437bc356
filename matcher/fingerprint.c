/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/fingerprint.h"

#include "matcher/levels.h"

#include <assert.h>
#include <chromaprint.h>
#include <stdlib.h>
#include <string.h>

/* Chromaprint counts samples in an int, so long audio goes in by pieces. Whole
 * frames only: libchromaprint 1.5.1 aborts on a part of one; mono has none. */
enum { FEED_SAMPLES = 1 << 20 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left to fingerprint with");
}

/* All items of `count` samples, into `out`. */
static enum status compute_items(struct fingerprint *out,
                                 const int16_t *samples, size_t count,
                                 struct error *err)
{
    uint32_t *items = NULL;
    int item_count = 0;
    enum status status = no_memory(err);
    ChromaprintContext *context =
        chromaprint_new(CHROMAPRINT_ALGORITHM_DEFAULT);

    if (context == NULL || chromaprint_start(context, PCM_RATE_HZ, 1) == 0) {
        goto out;
    }
    for (size_t at = 0; at < count; at += FEED_SAMPLES) {
        size_t piece = count - at < FEED_SAMPLES ? count - at : FEED_SAMPLES;
        if (chromaprint_feed(context, samples + at, (int)piece) == 0) {
            goto out;
        }
    }
    if (chromaprint_finish(context) == 0 ||
        chromaprint_get_raw_fingerprint(context, &items, &item_count) == 0) {
        goto out;
    }
    assert(item_count >= 1 && item_count <= FINGERPRINT_MAX_ITEMS);
    out->items = malloc((size_t)item_count * sizeof *out->items);
    if (out->items == NULL) {
        goto out;
    }
    memcpy(out->items, items, (size_t)item_count * sizeof *out->items);
    out->item_count = (size_t)item_count;
    status = STATUS_OK;
out:
    chromaprint_dealloc(items);
    if (context != NULL) {
        chromaprint_free(context);
    }
    return status;
}

static uint32_t hops_ms(size_t hops)
{
    return (uint32_t)(hops * FINGERPRINT_HOP_SAMPLES * 1000 / PCM_RATE_HZ);
}

static void measure_quiet(struct fingerprint *out, const uint8_t *levels,
                          size_t hops)
{
    uint8_t loud = levels_loud(levels, hops);
    size_t head = 0;
    size_t tail = 0;

    while (head < hops && levels[head] + LEVELS_QUIET_STEPS <= loud) {
        head++;
    }
    while (tail < hops - head &&
           levels[hops - 1 - tail] + LEVELS_QUIET_STEPS <= loud) {
        tail++;
    }
    out->head_quiet_ms = hops_ms(head);
    out->tail_quiet_ms = hops_ms(tail);
}

/* Levels of all hops, of which the items' middles are kept. */
static enum status compute_levels(struct fingerprint *out,
                                  const int16_t *samples, size_t count,
                                  struct error *err)
{
    size_t hops = count / FINGERPRINT_HOP_SAMPLES;
    uint8_t *levels = malloc(hops);

    assert(hops >= out->item_count + FINGERPRINT_CENTRE_HOPS);
    out->levels = malloc(out->item_count);
    if (levels == NULL || out->levels == NULL) {
        free(levels);
        return no_memory(err);
    }
    levels_measure(levels, samples, count);
    measure_quiet(out, levels, hops);
    memcpy(out->levels, levels + FINGERPRINT_CENTRE_HOPS, out->item_count);
    free(levels);
    return STATUS_OK;
}

enum status fingerprint_compute(struct fingerprint *out,
                                const struct pcm *audio, size_t start,
                                size_t count, struct error *err)
{
    assert(start <= audio->sample_count);
    assert(count <= audio->sample_count - start);
    *out = (struct fingerprint){0};
    if (count * 1000 / PCM_RATE_HZ < FINGERPRINT_MIN_MS) {
        return error_set(err, STATUS_INVALID, "too_short",
                         "%zu samples are under the %d ms that a fingerprint "
                         "needs",
                         count, FINGERPRINT_MIN_MS);
    }
    enum status status = compute_items(out, audio->samples + start, count, err);
    if (status == STATUS_OK) {
        status = compute_levels(out, audio->samples + start, count, err);
    }
    if (status != STATUS_OK) {
        fingerprint_clear(out);
    }
    return status;
}
