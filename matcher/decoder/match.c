/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include "matcher/align.h"
#include "matcher/edition.h"
#include "matcher/identity.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Three steps, the costly ones last. Find: every reference is aligned with the
 * print that there is already. Identify: the promising ones get the query
 * again, at their phase, which hides more than any codec (measured: bit error
 * rate .067 at half a hop, .013 in phase). Compare: what is the same recording
 * is laid on its sketch and, where that doubts, on its master. */

enum {
    /* References that are looked at closely: the best after aligning. */
    MAX_CLOSE = 8,
    /* Measured: 16 or 64 phases lower nothing that matters. */
    PHASES = 8,
    /* 10 s of sound. */
    WINDOW_ITEMS = 59,
    WINDOW_SAMPLES =
        FINGERPRINT_ITEM_SAMPLES + (WINDOW_ITEMS - 1) * FINGERPRINT_HOP_SAMPLES,
    /* A query whose clock drifts is fingerprinted in pieces of 8 s, each at the
     * reference's phase: at .1 % a sixteenth of a hop is left at their ends. */
    PIECE_ITEMS = 64,
};

/* A drift that the items hear: an eighth of a hop in 140 s. */
static const double heard_drift = 120e-6;

/* The work of one decoder_match. */
struct match {
    struct decoder *decoder;
    const struct reference *references;
    const struct reference_source *source;
    struct query query; /* its print and clock change with the reference */
};

/* A reference after aligning. */
struct prospect {
    int index; /* of the reference */
    struct alignment alignment;
};

static bool is_no_overlap(enum status status, const struct error *err)
{
    return status == STATUS_INVALID && strcmp(err->code, "no_overlap") == 0;
}

/* ---- find ---- */

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
                                  const struct match *match, size_t count,
                                  struct error *err)
{
    const struct fingerprint *query = decoder_fingerprint(match->decoder);

    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct prospect *prospect = &out[*out_count];
        const struct fingerprint *print = &match->references[i].print;
        enum status status =
            align_prints(&prospect->alignment, query, print, err);
        if (status != STATUS_OK) {
            return status;
        }
        if (identity_is_promising(&prospect->alignment, query, print)) {
            prospect->index = (int)i;
            (*out_count)++;
        }
    }
    if (*out_count > 0) {
        qsort(out, *out_count, sizeof *out, compare_prospects);
    }
    return STATUS_OK;
}

/* ---- identify ---- */

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

/* Which sample of the query one of the reference is, to an eighth of a hop:
 * tries one loud window of the query at every phase, against the three items of
 * the reference around the lag. */
static enum status find_phase(int64_t *query_sample, int64_t *reference_sample,
                              const struct match *match,
                              const struct alignment *alignment,
                              const struct fingerprint *reference,
                              struct error *err)
{
    const struct fingerprint *query = decoder_fingerprint(match->decoder);
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
            decoder_print(match->decoder, &print, start, samples, err);
        if (status != STATUS_OK) {
            return status;
        }
        for (int64_t near = -1; near <= 1; near++) {
            int64_t at = (int64_t)window - alignment->lag_items + near;
            double rate = rate_at(&print, reference, at);
            if (rate < best_rate) {
                best_rate = rate;
                *query_sample = (int64_t)start;
                *reference_sample = at * FINGERPRINT_HOP_SAMPLES;
            }
        }
        fingerprint_clear(&print);
    }
    return STATUS_OK;
}

/* The whole query again, on the reference's hops. */
static enum status print_in_phase(struct fingerprint *out, struct match *match,
                                  const struct timing *timing,
                                  struct error *err)
{
    int64_t offset = llround(timing->offset_samples);
    int64_t start = offset % FINGERPRINT_HOP_SAMPLES;

    start += start < 0 ? FINGERPRINT_HOP_SAMPLES : 0;
    match->query.start_samples = (double)start;
    match->query.drift = 0;
    return decoder_print(match->decoder, out, (size_t)start, 0, err);
}

/* Appends up to PIECE_ITEMS items from `start` on; *more is false at the end of
 * the file. */
static enum status append_piece(struct fingerprint *out, struct match *match,
                                double start, bool *more, struct error *err)
{
    uint64_t total = decoder_sound(match->decoder).sample_count;
    uint64_t from = (uint64_t)llround(start);
    size_t count =
        FINGERPRINT_ITEM_SAMPLES + (PIECE_ITEMS - 1) * FINGERPRINT_HOP_SAMPLES;
    struct fingerprint piece = {0};

    *more = from < total && total - from >= count;
    if (from >= total ||
        total - from < (uint64_t)PCM_RATE_HZ * FINGERPRINT_MIN_MS / 1000 + 1) {
        return STATUS_OK; /* too little is left for an item */
    }
    enum status status = decoder_print(match->decoder, &piece, (size_t)from,
                                       *more ? count : 0, err);
    if (status == STATUS_OK) {
        memcpy(out->items + out->item_count, piece.items,
               piece.item_count * sizeof *out->items);
        memcpy(out->levels + out->item_count, piece.levels, piece.item_count);
        out->item_count += piece.item_count;
        *more = *more && piece.item_count == PIECE_ITEMS;
    }
    fingerprint_clear(&piece);
    return status;
}

/* The same of a query whose clock drifts, piece by piece. */
static enum status print_on_clock(struct fingerprint *out, struct match *match,
                                  const struct timing *timing,
                                  struct error *err)
{
    double hop = (1 + timing->drift) * FINGERPRINT_HOP_SAMPLES;
    double start = fmod(timing->offset_samples, hop);
    size_t room = decoder_fingerprint(match->decoder)->item_count + PIECE_ITEMS;
    bool more = true;
    enum status status = STATUS_OK;

    start += start < 0 ? hop : 0;
    match->query.start_samples = start;
    match->query.drift = timing->drift;
    out->items = malloc(room * sizeof *out->items);
    out->levels = malloc(room);
    if (out->items == NULL || out->levels == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to match with");
    }
    while (more && status == STATUS_OK &&
           out->item_count + PIECE_ITEMS <= room) {
        status = append_piece(out, match, start + hop * (double)out->item_count,
                              &more, err);
    }
    return status;
}

/* Judges the identity with the query at the timing. */
static enum status identify_at(struct identity *out, struct match *match,
                               const struct timing *timing,
                               const struct reference *reference,
                               struct error *err)
{
    struct fingerprint print = {0};
    enum status status = timing->drift == 0
                             ? print_in_phase(&print, match, timing, err)
                             : print_on_clock(&print, match, timing, err);

    if (status == STATUS_OK && print.item_count > 0) {
        match->query.print = &print;
        status = identity_judge(out, &match->query, reference, err);
        match->query.print = NULL;
    }
    fingerprint_clear(&print);
    return status;
}

/* ---- compare ---- */

/* A reference that is looked at closely. */
struct close_look {
    struct match *match;
    size_t index; /* of the reference */
    const struct reference *reference;
    /* Two samples that are the same moment, as the phase tells. */
    int64_t query_sample;
    int64_t reference_sample;
    struct sketch sketch;       /* owned; empty until it is asked for */
    struct timing timing;       /* as the sketch tells */
    enum verdict_cause missing; /* why there was no comparison */
    struct judgement *out;
};

static struct timing timing_through(const struct close_look *look, double drift)
{
    return (struct timing){.offset_samples =
                               (double)look->query_sample -
                               (1 + drift) * (double)look->reference_sample,
                           .drift = drift};
}

/* STATUS_NOT_FOUND: it cannot be had. */
static enum status fetch_sketch(struct close_look *look, struct error *err)
{
    const struct reference_source *source = look->match->source;

    return look->sketch.frame_count > 0
               ? STATUS_OK
               : source->sketch(source->context, look->index, &look->sketch,
                                err);
}

static enum status refine_timing(struct timing *out, struct close_look *look,
                                 const struct timing *guess, struct error *err)
{
    struct sound sound = decoder_sound(look->match->decoder);
    uint64_t end = (uint64_t)look->sketch.frame_count * SKETCH_HOP_SAMPLES;
    double error_db = 0;

    return timing_refine(out, &error_db, &sound, &look->sketch, guess, 0, end,
                         err);
}

/* Where the query lies on the sketch, to a sample; what the sketch cannot tell
 * (it cannot be had, or there is too little in common) leaves *found false. */
static enum status find_timing(struct close_look *look, bool *found,
                               struct error *err)
{
    double drift = identity_drift(&look->out->identity.alignment);
    struct timing guess = timing_through(look, drift);
    enum status status = fetch_sketch(look, err);

    *found = false;
    if (status == STATUS_OK) {
        status = refine_timing(&look->timing, look, &guess, err);
        *found = status == STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND) {
        look->missing = CAUSE_UNAVAILABLE;
        return STATUS_OK;
    }
    if (is_no_overlap(status, err)) {
        look->missing = CAUSE_SHORT;
        return STATUS_OK;
    }
    return status;
}

/* The query's clock is another: judges the identity again, on that clock. What
 * the first look said stands when this one says less. */
static enum status follow_drift(struct close_look *look, struct error *err)
{
    struct identity again = {0};
    struct identity *first = &look->out->identity;
    enum status status =
        identify_at(&again, look->match, &look->timing, look->reference, err);

    if (status == STATUS_OK &&
        (again.kind > first->kind ||
         (again.kind == first->kind &&
          again.alignment.bit_error_rate < first->alignment.bit_error_rate))) {
        *first = again;
    }
    return status;
}

/* What of the query is compared: not the silence at its ends, which was put
 * there, or stands where something was cut off. */
static void skip_quiet(uint64_t *start, uint64_t *end,
                       const struct query *query)
{
    /* the hop in which the sound begins is not counted as quiet */
    const uint32_t more_ms = 2 * FINGERPRINT_HOP_SAMPLES * 1000 / PCM_RATE_HZ;
    uint64_t head_ms =
        query->head_quiet_ms == 0 ? 0 : query->head_quiet_ms + more_ms;
    uint64_t tail_ms =
        query->tail_quiet_ms == 0 ? 0 : query->tail_quiet_ms + more_ms;
    uint64_t head = head_ms * PCM_RATE_HZ / 1000;
    uint64_t tail = tail_ms * PCM_RATE_HZ / 1000;

    if (head + tail <= *end) {
        *start = head;
        *end -= tail;
    }
}

/* A sample of the query as one of the reference, no less than 0. */
static uint64_t reference_sample(const struct timing *timing, uint64_t sample)
{
    double place =
        ((double)sample - timing->offset_samples) / (1 + timing->drift);

    return place < 0 ? 0 : (uint64_t)place;
}

/* Lays the query on the master's own samples. */
static enum status compare_samples(struct close_look *look, struct error *err)
{
    const struct match *match = look->match;
    struct decoder *master = NULL;
    struct residual residual = {0};

    if (match->source->master == NULL) {
        return STATUS_OK;
    }
    enum status status = match->source->master(match->source->context,
                                               look->index, &master, err);
    if (status != STATUS_OK) {
        goto out;
    }
    struct sound sound = decoder_sound(match->decoder);
    struct sound of_master = decoder_sound(master);
    const struct timing *timing = &look->out->timing;
    uint64_t start = 0;
    uint64_t end = sound.sample_count;
    skip_quiet(&start, &end, &match->query);
    status = residual_compare(&residual, &sound, &of_master, timing,
                              reference_sample(timing, start),
                              reference_sample(timing, end), err);
    if (status == STATUS_OK) {
        status = edition_by_samples(look->out, &match->query, &residual, err);
    }
out:
    residual_clear(&residual);
    decoder_close(master);
    /* a master that cannot be had leaves the doubt as it is */
    return status == STATUS_NOT_FOUND || status == STATUS_INVALID ? STATUS_OK
                                                                  : status;
}

static enum status compare_editions(struct close_look *look, struct error *err)
{
    struct judgement *out = look->out;
    struct sound sound = decoder_sound(look->match->decoder);
    uint64_t start = 0;
    uint64_t end = sound.sample_count;

    skip_quiet(&start, &end, &look->match->query);
    enum status status = sketch_compare(&out->errors, &sound, &look->sketch,
                                        &look->timing, start, end, err);

    out->timing = look->timing;
    if (is_no_overlap(status, err)) {
        look->missing = CAUSE_SHORT;
        return STATUS_OK;
    }
    if (status == STATUS_OK && !edition_by_sketch(out, &look->match->query)) {
        status = compare_samples(look, err);
    }
    return status;
}

/* ---- the whole ---- */

/* The identity, at the phase and on the clock that fit best. */
static enum status identify(struct close_look *look,
                            const struct prospect *prospect, bool *timed,
                            struct error *err)
{
    enum status status =
        find_phase(&look->query_sample, &look->reference_sample, look->match,
                   &prospect->alignment, &look->reference->print, err);

    *timed = false;
    if (status == STATUS_OK) {
        const struct timing timing = timing_through(look, 0);
        status = identify_at(&look->out->identity, look->match, &timing,
                             look->reference, err);
    }
    if (status != STATUS_OK || look->out->identity.kind == IDENTITY_NONE) {
        return status;
    }
    status = find_timing(look, timed, err);
    if (status == STATUS_OK && *timed &&
        fabs(look->timing.drift) > heard_drift) {
        status = follow_drift(look, err);
    }
    return status;
}

static enum status judge(struct judgement *out, struct match *match,
                         const struct prospect *prospect, struct error *err)
{
    struct close_look look = {
        .match = match,
        .index = (size_t)prospect->index,
        .reference = &match->references[prospect->index],
        .out = out,
    };
    bool timed = false;
    enum status status = identify(&look, prospect, &timed, err);

    if (status == STATUS_OK &&
        !edition_by_identity(out, &match->query, look.reference)) {
        if (timed) {
            status = compare_editions(&look, err);
        }
        if (look.missing != CAUSE_NONE) {
            out->kind = VERDICT_HELD;
            out->cause = look.missing;
        }
    }
    sketch_clear(&look.sketch);
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

static struct query describe_query(const struct decoder *decoder)
{
    const struct fingerprint *print = decoder_fingerprint(decoder);
    const struct audio_facts *facts = decoder_facts(decoder);

    return (struct query){
        .duration_ms = facts->duration_ms,
        .head_quiet_ms = print->head_quiet_ms,
        .tail_quiet_ms = print->tail_quiet_ms,
        .advisory = facts->tags.advisory,
    };
}

enum status decoder_match(struct verdict *out, struct decoder *decoder,
                          const struct reference *references,
                          size_t reference_count,
                          const struct reference_source *source,
                          struct error *err)
{
    struct match match = {.decoder = decoder,
                          .references = references,
                          .source = source,
                          .query = describe_query(decoder)};
    struct judgement judgements[MAX_CLOSE] = {0};
    size_t count = 0;
    struct prospect *prospects = calloc(reference_count + 1, sizeof *prospects);
    struct error local = {0};
    struct error *why = err == NULL ? &local : err;

    if (prospects == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to match with");
    }
    enum status status =
        find_prospects(prospects, &count, &match, reference_count, why);
    count = count < MAX_CLOSE ? count : MAX_CLOSE;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = judge(&judgements[i], &match, &prospects[i], why);
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
