/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/identity.h"

#include "matcher/levels.h"

#include <math.h>
#include <stdlib.h>

/* Thresholds and where each was measured: matcher/README.md, "Thresholds". */

/* The same song: 20 s alike, or a third of the shorter (then 5 s at least),
 * with no more bits different than a wrong phase and a poor codec explain. */
enum {
    SONG_ITEMS = 160,
    SONG_MIN_ITEMS = 40,
    SONG_PERCENT = 30,
};
static const double max_song_error_rate = .15;

/* The same recording: real transcodes of 64 kbit/s and more are not over this
 * but for a few in AAC at 64, and there an edit would not be seen. */
static const double max_error_rate = .05;
enum {
    /* Of what both hold, on one lag. What is not covered is compared like the
     * rest; this keeps songs apart that share a part. */
    MIN_COVERED_PERCENT = 50,
};

/* Clocks of sound cards and tape transfers; a hop more for the phase. */
static const double max_drift = .0015;

static int64_t samples_ms(double samples)
{
    return llround(samples * 1000 / PCM_RATE_HZ);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t identity_item_ms(const struct query *query, size_t item)
{
    return samples_ms(query->start_samples +
                      (1 + query->drift) * (double)item *
                          FINGERPRINT_HOP_SAMPLES +
                      FINGERPRINT_ITEM_SAMPLES / 2.0);
}

bool identity_is_promising(const struct alignment *alignment,
                           const struct fingerprint *query,
                           const struct fingerprint *reference)
{
    size_t shorter = query->item_count < reference->item_count
                         ? query->item_count
                         : reference->item_count;
    size_t alike = alignment->telling_items;

    if (alignment->bit_error_rate > max_song_error_rate ||
        alignment->lag_telling_items < ALIGN_WINDOW_ITEMS) {
        return false;
    }
    return alike >= SONG_ITEMS ||
           (alike >= SONG_MIN_ITEMS && alike * 100 >= shorter * SONG_PERCENT);
}

double identity_drift(const struct alignment *alignment)
{
    double weights = 0;
    double places = 0;
    double lags = 0;
    double squares = 0;
    double products = 0;

    /* a line through the lags of all items: least squares; what the items of a
     * segment spread around its middle is (n^2 - 1) / 12 */
    for (size_t i = 0; i < alignment->segment_count; i++) {
        const struct segment *segment = &alignment->segments[i];
        double weight = (double)segment->item_count;
        double place = (double)segment->query_item + weight / 2;
        weights += weight;
        places += weight * place;
        lags += weight * segment->lag_items;
        squares += weight * (place * place + (weight * weight - 1) / 12);
        products += weight * place * segment->lag_items;
    }
    double spread = weights * squares - places * places;
    if (spread <= 0) {
        return 0;
    }
    double slope = (weights * products - places * lags) / spread;
    double start = (lags - slope * places) / weights;
    if (fabs(slope) > max_drift) {
        return 0;
    }
    for (size_t i = 0; i < alignment->segment_count; i++) {
        const struct segment *segment = &alignment->segments[i];
        double place =
            (double)segment->query_item + (double)segment->item_count / 2;
        if (fabs(start + slope * place - segment->lag_items) > 1) {
            return 0;
        }
    }
    return slope / (1 - slope); /* of the reference's clock */
}

/* How much sound `items` neighbours hear. */
static int64_t heard_by_ms(size_t items)
{
    return items == 0
               ? 0
               : samples_ms(((double)items - 1) * FINGERPRINT_HOP_SAMPLES +
                            FINGERPRINT_ITEM_SAMPLES);
}

static struct spans spans_of(const struct query *query,
                             const struct reference *reference,
                             const struct timing *timing)
{
    double offset_ms = timing->offset_samples * 1000 / PCM_RATE_HZ;
    double scale = 1 + timing->drift;

    return (struct spans){
        .query_start_ms = query->head_quiet_ms,
        .query_end_ms = (int64_t)query->duration_ms - query->tail_quiet_ms,
        .reference_start_ms =
            llround(offset_ms + scale * reference->print.head_quiet_ms),
        .reference_end_ms =
            llround(offset_ms + scale * ((double)reference->duration_ms -
                                         reference->print.tail_quiet_ms)),
    };
}

static int64_t overlap_ms(const struct spans *spans)
{
    return smaller(spans->query_end_ms, spans->reference_end_ms) -
           larger(spans->query_start_ms, spans->reference_start_ms);
}

static int64_t hop_ms(const struct query *query, size_t item)
{
    return samples_ms(query->start_samples +
                      (1 + query->drift) *
                          (double)((item + FINGERPRINT_CENTRE_HOPS) *
                                   FINGERPRINT_HOP_SAMPLES));
}

/* Whether one is silent in the middle of query item `item` and the other is
 * not, inside what both hold. */
static bool one_is_silent(const struct identity *identity,
                          const struct query *query,
                          const struct reference *reference, size_t item,
                          const uint8_t loud[2])
{
    enum { MARGIN_STEPS = 3, MARGIN_MS = 250 };
    const struct spans *spans = &identity->spans;
    int64_t other = (int64_t)item - identity->alignment.lag_items;
    int64_t at_ms = hop_ms(query, item);

    if (other < 0 || other >= (int64_t)reference->print.item_count ||
        at_ms < larger(spans->query_start_ms, spans->reference_start_ms) +
                    MARGIN_MS ||
        at_ms > smaller(spans->query_end_ms, spans->reference_end_ms) -
                    2 * (int64_t)MARGIN_MS) {
        return false;
    }
    int level = query->print->levels[item] + LEVELS_QUIET_STEPS - loud[0];
    bool plays = reference->print.levels[other] + LEVELS_QUIET_STEPS > loud[1];
    return plays ? level <= -MARGIN_STEPS : level > MARGIN_STEPS;
}

static void find_silence(struct identity *out, const struct query *query,
                         const struct reference *reference)
{
    const struct fingerprint *print = query->print;
    const uint8_t loud[2] = {
        levels_loud(print->levels, print->item_count),
        levels_loud(reference->print.levels, reference->print.item_count)};
    size_t run = 0;

    for (size_t i = 0; i < print->item_count; i++) {
        run = one_is_silent(out, query, reference, i, loud) ? run + 1 : 0;
        if (run > out->silent_hops) {
            out->silent_hops = run;
            out->silent_start_ms = hop_ms(query, i + 1 - run);
            out->silent_end_ms = hop_ms(query, i + 1);
        }
    }
}

static enum identity_kind kind_of(const struct identity *identity)
{
    int64_t covered_ms = heard_by_ms(identity->alignment.lag_items_alike);

    if (covered_ms * 100 < overlap_ms(&identity->spans) * MIN_COVERED_PERCENT) {
        return IDENTITY_PART;
    }
    return identity->alignment.bit_error_rate > max_error_rate ? IDENTITY_FAR
                                                               : IDENTITY_SAME;
}

enum status identity_judge(struct identity *out, const struct query *query,
                           const struct reference *reference, struct error *err)
{
    *out = (struct identity){0};
    enum status status =
        align_prints(&out->alignment, query->print, &reference->print, err);
    size_t items = 0;

    if (status != STATUS_OK ||
        !identity_is_promising(&out->alignment, query->print,
                               &reference->print)) {
        return status;
    }
    for (size_t i = 0; i < out->alignment.segment_count; i++) {
        items += out->alignment.segments[i].item_count;
    }
    out->aligned_ms = (uint32_t)smaller(heard_by_ms(items), query->duration_ms);
    out->timing = (struct timing){
        .offset_samples = query->start_samples + (1 + query->drift) *
                                                     FINGERPRINT_HOP_SAMPLES *
                                                     out->alignment.lag_items,
        .drift = query->drift};
    out->spans = spans_of(query, reference, &out->timing);
    out->kind = kind_of(out);
    find_silence(out, query, reference);
    return STATUS_OK;
}
