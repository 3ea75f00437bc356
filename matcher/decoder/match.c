/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include "matcher/align.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The costly questions come last: every reference is aligned with the print
 * that there is already; the promising ones get the query again, at their
 * phase. The phase of the hop hides more than any codec (measured: bit error
 * rate .067 at half a hop, .013 in phase). */

enum {
    /* References that are looked at closely: the best after aligning. */
    MAX_CLOSE = 8,
    /* Measured: 16 or 64 phases lower nothing that matters. */
    PHASES = 8,
    /* 10 s of sound. */
    WINDOW_ITEMS = 59,
    WINDOW_SAMPLES =
        FINGERPRINT_ITEM_SAMPLES + (WINDOW_ITEMS - 1) * FINGERPRINT_HOP_SAMPLES,
};

/* A reference after aligning. */
struct prospect {
    int index; /* of the reference */
    struct alignment alignment;
};

static int compare_prospects(const void *left, const void *right)
{
    const struct prospect *a = left;
    const struct prospect *b = right;
    size_t a_items = a->alignment.telling_items;
    size_t b_items = b->alignment.telling_items;

    if (a_items != b_items) {
        return a_items > b_items ? -1 : 1;
    }
    double a_rate = a->alignment.bit_error_rate;
    double b_rate = b->alignment.bit_error_rate;
    return (a_rate > b_rate) - (a_rate < b_rate);
}

/* Aligns with every reference; the promising ones first and best. */
static enum status find_prospects(struct prospect *out, size_t *out_count,
                                  const struct fingerprint *query,
                                  const struct reference *references,
                                  size_t count, struct error *err)
{
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct prospect *prospect = &out[*out_count];
        const struct fingerprint *print = &references[i].print;
        enum status status =
            align_prints(&prospect->alignment, query, print, err);
        if (status != STATUS_OK) {
            return status;
        }
        if (verdict_is_promising(&prospect->alignment, query, print)) {
            prospect->index = (int)i;
            (*out_count)++;
        }
    }
    if (*out_count > 0) {
        qsort(out, *out_count, sizeof *out, compare_prospects);
    }
    return STATUS_OK;
}

/* The longest segment on the lag that has most. */
static struct segment longest_segment(const struct alignment *alignment)
{
    struct segment longest = {0};

    for (size_t i = 0; i < alignment->segment_count; i++) {
        if (alignment->segments[i].lag_items == alignment->lag_items &&
            alignment->segments[i].item_count > longest.item_count) {
            longest = alignment->segments[i];
        }
    }
    return longest;
}

/* The loudest window of `length` items in the segment, which is longer. */
static size_t loudest_window(const struct fingerprint *query,
                             const struct segment *segment, size_t length)
{
    size_t sum = 0;
    size_t loudest = 0;
    size_t best = segment->query_item;

    for (size_t i = 0; i < segment->item_count; i++) {
        size_t at = segment->query_item + i;
        sum += query->levels[at];
        if (i >= length) {
            sum -= query->levels[at - length];
        }
        if (i + 1 >= length && sum > loudest) {
            loudest = sum;
            best = at + 1 - length;
        }
    }
    return best;
}

/* The bit error rate of `print` against the reference from item `at` on; 1
 * when it does not fit there. */
static double rate_at(const struct fingerprint *print,
                      const struct fingerprint *reference, int64_t at)
{
    if (at < 0 ||
        at + (int64_t)print->item_count > (int64_t)reference->item_count) {
        return 1;
    }
    return align_bit_error_rate(print->items, reference->items + at,
                                print->item_count);
}

/* Where the reference begins in the query, to an eighth of a hop: tries one
 * loud window of the query at every phase, against the three items of the
 * reference around the lag. */
static enum status find_offset(int64_t *offset_samples, struct decoder *decoder,
                               const struct alignment *alignment,
                               const struct fingerprint *reference,
                               struct error *err)
{
    const struct fingerprint *query = decoder_fingerprint(decoder);
    struct segment segment = longest_segment(alignment);
    double best_rate = 2;

    assert(segment.item_count >= 2);
    segment.item_count--; /* a phase reaches up to one item further */
    size_t length =
        segment.item_count < WINDOW_ITEMS ? segment.item_count : WINDOW_ITEMS;
    size_t window = loudest_window(query, &segment, length);
    size_t samples =
        FINGERPRINT_ITEM_SAMPLES + (length - 1) * FINGERPRINT_HOP_SAMPLES;
    for (size_t phase = 0; phase < PHASES; phase++) {
        struct fingerprint print = {0};
        size_t start = window * FINGERPRINT_HOP_SAMPLES +
                       phase * FINGERPRINT_HOP_SAMPLES / PHASES;
        enum status status =
            decoder_print(decoder, &print, start, samples, err);
        if (status != STATUS_OK) {
            return status;
        }
        for (int64_t near = -1; near <= 1; near++) {
            int64_t at = (int64_t)window - alignment->lag_items + near;
            double rate = rate_at(&print, reference, at);
            if (rate < best_rate) {
                best_rate = rate;
                *offset_samples = (int64_t)start - at * FINGERPRINT_HOP_SAMPLES;
            }
        }
        fingerprint_clear(&print);
    }
    return STATUS_OK;
}

/* Judges one reference with the query at its phase. */
static enum status judge(struct judgement *out, struct decoder *decoder,
                         const struct alignment *alignment,
                         const struct reference *reference, struct error *err)
{
    const struct fingerprint *first = decoder_fingerprint(decoder);
    const struct audio_facts *facts = decoder_facts(decoder);
    struct fingerprint print = {0};
    int64_t offset = 0;
    struct query query = {
        .print = first,
        .duration_ms = facts->duration_ms,
        .head_quiet_ms = first->head_quiet_ms,
        .tail_quiet_ms = first->tail_quiet_ms,
        .advisory = facts->tags.advisory,
    };
    enum status status =
        find_offset(&offset, decoder, alignment, &reference->print, err);

    if (status != STATUS_OK) {
        return status;
    }
    int64_t start = offset % FINGERPRINT_HOP_SAMPLES;
    start += start < 0 ? FINGERPRINT_HOP_SAMPLES : 0;
    if (start != 0) {
        status = decoder_print(decoder, &print, (size_t)start, 0, err);
        query.print = &print;
        query.start_samples = (size_t)start;
    }
    if (status == STATUS_OK) {
        status = verdict_judge(out, &query, reference, err);
    }
    fingerprint_clear(&print);
    return status;
}

/* From indices of judgements to indices of references. */
static void name_references(struct verdict *verdict,
                            const struct prospect *prospects)
{
    if (verdict->best != VERDICT_NONE) {
        verdict->best = prospects[verdict->best].index;
    }
    if (verdict->runner_up != VERDICT_NONE) {
        verdict->runner_up = prospects[verdict->runner_up].index;
    }
}

enum status decoder_match(struct verdict *out, struct decoder *decoder,
                          const struct reference *references,
                          size_t reference_count, struct error *err)
{
    struct judgement judgements[MAX_CLOSE] = {0};
    size_t count = 0;
    struct prospect *prospects = calloc(reference_count + 1, sizeof *prospects);
    enum status status = STATUS_OK;

    if (prospects == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to match with");
    }
    status = find_prospects(prospects, &count, decoder_fingerprint(decoder),
                            references, reference_count, err);
    count = count < MAX_CLOSE ? count : MAX_CLOSE;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = judge(&judgements[i], decoder, &prospects[i].alignment,
                       &references[prospects[i].index], err);
    }
    if (status == STATUS_OK) {
        verdict_choose(out, judgements, count);
        name_references(out, prospects);
    }
    for (size_t i = 0; i < MAX_CLOSE; i++) {
        judgement_clear(&judgements[i]);
    }
    free(prospects);
    return status;
}
