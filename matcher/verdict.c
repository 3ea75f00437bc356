/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/verdict.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Thresholds and where each was measured: matcher/README.md, "Thresholds". */

/* The same song: 20 s alike, or a third of the shorter (then 5 s at least),
 * with no more bits different than a wrong phase and a poor codec explain. */
enum {
    SONG_ITEMS = 160,
    SONG_MIN_ITEMS = 40,
    SONG_PERCENT = 30,
};
static const double max_song_error_rate = .15;

/* The same recording. Over `max_error_rate` real transcodes were never seen,
 * over `max_trusted_error_rate` the local figures mean nothing. */
static const double max_error_rate = .05;
static const double max_trusted_error_rate = .08;
enum {
    MIN_COVERED_PERCENT = 90,
    MIN_COVERED_MS = 50 * 1000,
    /* Quiet apart, durations and ends may differ by so much. */
    MAX_END_MS = 2000,
    /* Items that say something, of a match: 10 s. */
    MIN_TELLING_ITEMS = 80,
};
/* A recording shorter than MIN_COVERED_MS has less to say: closer, then. */
static const double max_short_error_rate = .03;

/* The same edition. */
static const double max_score = 1.5;
static const double max_worst_second = .13;
static const double max_worst_four_seconds = .10;
static const double max_level_error_db = 6;

/* A place that scores this by itself is shown as a difference. */
static const double shown_score = 1.0;
enum {
    /* Two differences so close are one, and none is shown shorter. */
    STRETCH_MS = 500,
    /* An edit spoils the items that hear it: 1.36 s before and after. */
    ITEM_REACH_MS = 1362,
};

/* Siblings (measured: right 99.0 %, wrong 1 of 718 at this margin): where one
 * reference disagrees more than the other at some place, it is not the one. */
static const double sibling_error_scale = .03;
static const double sibling_level_scale_db = 1;
static const double sibling_margin = 1;
/* Two masters of one recording differ by their codecs: under this they are. */
static const double sibling_noise = 2;

static int64_t samples_ms(int64_t samples)
{
    return samples * 1000 / PCM_RATE_HZ;
}

/* Where in the file the middle of what an item hears is. */
static uint32_t item_centre_ms(const struct query *query, size_t item)
{
    return (uint32_t)samples_ms((int64_t)query->start_samples +
                                (int64_t)item * FINGERPRINT_HOP_SAMPLES +
                                FINGERPRINT_ITEM_SAMPLES / 2);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool verdict_is_promising(const struct alignment *alignment,
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

/* Both files on the query's clock, without the quiet at their ends. A file with
 * a cut in it has another offset at its end than at its beginning. */
struct spans {
    int64_t query_start_ms;
    int64_t query_end_ms;
    int64_t reference_start_ms;
    int64_t reference_end_ms;
};

static int64_t lag_offset_ms(const struct query *query, int32_t lag_items)
{
    return samples_ms((int64_t)query->start_samples +
                      (int64_t)lag_items * FINGERPRINT_HOP_SAMPLES);
}

/* For an alignment with segments. */
static struct spans spans_of(const struct query *query,
                             const struct reference *reference,
                             const struct alignment *alignment)
{
    const struct segment *first = alignment->segments;
    const struct segment *last = first + alignment->segment_count - 1;

    return (struct spans){
        .query_start_ms = query->head_quiet_ms,
        .query_end_ms = (int64_t)query->duration_ms - query->tail_quiet_ms,
        .reference_start_ms = lag_offset_ms(query, first->lag_items) +
                              reference->print.head_quiet_ms,
        .reference_end_ms = lag_offset_ms(query, last->lag_items) +
                            (int64_t)reference->duration_ms -
                            reference->print.tail_quiet_ms,
    };
}

static bool ends_agree(const struct spans *spans)
{
    int64_t head = spans->query_start_ms - spans->reference_start_ms;
    int64_t tail = spans->query_end_ms - spans->reference_end_ms;

    return llabs(head) <= MAX_END_MS && llabs(tail) <= MAX_END_MS &&
           llabs(tail - head) <= MAX_END_MS; /* the durations */
}

static int64_t shorter_ms(const struct spans *spans)
{
    return smaller(spans->query_end_ms - spans->query_start_ms,
                   spans->reference_end_ms - spans->reference_start_ms);
}

/* How much sound `items` neighbours hear. */
static int64_t heard_by_ms(size_t items)
{
    return items == 0
               ? 0
               : samples_ms(((int64_t)items - 1) * FINGERPRINT_HOP_SAMPLES +
                            FINGERPRINT_ITEM_SAMPLES);
}

/* One lag holds (nearly) all: no cut, no repeat, no other half. */
static bool same_structure(const struct alignment *alignment,
                           const struct spans *spans)
{
    for (size_t i = 0; i < alignment->segment_count; i++) {
        int32_t lag = alignment->segments[i].lag_items;
        if (abs(lag - alignment->lag_items) > 1) {
            return false;
        }
    }
    int64_t covered_ms = heard_by_ms(alignment->lag_items_alike);
    return covered_ms * 100 >= shorter_ms(spans) * MIN_COVERED_PERCENT &&
           ends_agree(spans);
}

/* Nothing in it that a codec never did. */
static bool within_caps(const struct edition *edition)
{
    return edition->worst_second <= max_worst_second &&
           edition->worst_four_seconds <= max_worst_four_seconds &&
           edition->level_error_db <= max_level_error_db;
}

static bool same_in_every_place(const struct edition *edition)
{
    return within_caps(edition) && edition->score <= max_score;
}

static bool long_enough(const struct alignment *alignment)
{
    int64_t covered_ms = heard_by_ms(alignment->lag_items_alike);

    return alignment->lag_telling_items >= MIN_TELLING_ITEMS &&
           (covered_ms >= MIN_COVERED_MS ||
            alignment->bit_error_rate <= max_short_error_rate);
}

static bool advisories_differ(enum advisory a, enum advisory b)
{
    return a != ADVISORY_UNKNOWN && b != ADVISORY_UNKNOWN && a != b;
}

static enum verdict_kind decide(const struct judgement *judgement,
                                const struct query *query,
                                const struct reference *reference,
                                const struct spans *spans)
{
    double rate = judgement->alignment.bit_error_rate;

    if (!same_structure(&judgement->alignment, spans) ||
        advisories_differ(query->advisory, reference->advisory)) {
        return VERDICT_OTHER_EDITION;
    }
    if (rate > max_trusted_error_rate) {
        return VERDICT_HELD;
    }
    if (rate > max_error_rate) { /* where the score was never measured */
        return within_caps(&judgement->edition) ? VERDICT_HELD
                                                : VERDICT_OTHER_EDITION;
    }
    if (!same_in_every_place(&judgement->edition)) {
        return VERDICT_OTHER_EDITION;
    }
    return long_enough(&judgement->alignment) ? VERDICT_MATCHED : VERDICT_HELD;
}

/* Adds [start, end), widened to STRETCH_MS and kept inside the file (which is
 * longer); joins the one before when they touch. Calls come in the order of
 * time. */
static void add_difference(struct judgement *out, const struct query *query,
                           int64_t start_ms, int64_t end_ms)
{
    int64_t latest_ms = (int64_t)query->duration_ms - STRETCH_MS;

    if (end_ms - start_ms < STRETCH_MS) {
        start_ms = (start_ms + end_ms - STRETCH_MS) / 2;
        end_ms = start_ms + STRETCH_MS;
    }
    start_ms = start_ms < 0 ? 0 : smaller(start_ms, latest_ms);
    end_ms = smaller(end_ms, query->duration_ms);
    if (end_ms < start_ms + STRETCH_MS) {
        end_ms = start_ms + STRETCH_MS;
    }
    if (out->difference_count > 0) {
        struct stretch *last = &out->differences[out->difference_count - 1];
        if (start_ms <= (int64_t)last->end_ms + STRETCH_MS) {
            if (end_ms > last->end_ms) {
                last->end_ms = (uint32_t)end_ms;
            }
            return;
        }
    }
    if (out->difference_count == VERDICT_MAX_DIFFERENCES) {
        out->differences_cut = true;
        return;
    }
    out->differences[out->difference_count++] = (struct stretch){
        .start_ms = (uint32_t)start_ms, .end_ms = (uint32_t)end_ms};
}

/* Places inside one segment that stand out, as [first, last] items around an
 * edit: the reach of the items is taken off again. */
static void add_local_differences(struct judgement *out,
                                  const struct query *query,
                                  const struct segment *segment)
{
    const struct edition *edition = &out->edition;
    double noise = out->alignment.bit_error_rate;
    size_t end = segment->query_item + segment->item_count;
    size_t first = 0;
    bool inside = false;

    for (size_t i = segment->query_item; i <= end; i++) {
        bool stands_out = i < end && i >= edition->first_item &&
                          i - edition->first_item < edition->item_count &&
                          edition_local_score(edition, i - edition->first_item,
                                              noise) > shown_score;
        if (stands_out && !inside) {
            first = i;
        } else if (!stands_out && inside) {
            int64_t start_ms = item_centre_ms(query, first) + ITEM_REACH_MS;
            int64_t end_ms = item_centre_ms(query, i - 1) - ITEM_REACH_MS;
            if (end_ms < start_ms) {
                start_ms = (start_ms + end_ms) / 2;
                end_ms = start_ms;
            }
            add_difference(out, query, start_ms, end_ms);
        }
        inside = stands_out;
    }
}

/* The one place that scores most, when none was shown. */
static void add_worst_place(struct judgement *out, const struct query *query)
{
    const struct edition *edition = &out->edition;
    double noise = out->alignment.bit_error_rate;
    double worst = -1;
    size_t place = 0;

    for (size_t i = 0; i < edition->item_count; i++) {
        double score = edition_local_score(edition, i, noise);
        if (score > worst) {
            worst = score;
            place = i;
        }
    }
    int64_t middle_ms = item_centre_ms(query, edition->first_item + place);
    add_difference(out, query, middle_ms, middle_ms);
}

/* What lies before the first segment, between segments, inside those of the
 * judged lag, and after the last. */
static void list_differences(struct judgement *out, const struct query *query,
                             const struct spans *spans)
{
    const struct alignment *alignment = &out->alignment;
    int64_t end_ms = query->duration_ms;

    if (llabs(spans->query_start_ms - spans->reference_start_ms) > MAX_END_MS) {
        int64_t until_ms = spans->reference_start_ms;
        if (until_ms < spans->query_start_ms) {
            until_ms = spans->query_start_ms; /* it is the query that lacks */
        }
        add_difference(out, query, spans->query_start_ms,
                       smaller(until_ms, end_ms));
    }
    for (size_t i = 0; i < alignment->segment_count; i++) {
        const struct segment *segment = &alignment->segments[i];
        if (i > 0) {
            const struct segment *before = segment - 1;
            add_difference(out, query,
                           item_centre_ms(query, before->query_item +
                                                     before->item_count - 1),
                           item_centre_ms(query, segment->query_item));
        }
        if (segment->lag_items == alignment->lag_items) {
            add_local_differences(out, query, segment);
        }
    }
    if (llabs(spans->query_end_ms - spans->reference_end_ms) > MAX_END_MS) {
        add_difference(out, query,
                       smaller(spans->reference_end_ms, spans->query_end_ms),
                       spans->query_end_ms);
    }
    if (out->difference_count == 0 && !same_in_every_place(&out->edition)) {
        add_worst_place(out, query);
    }
}

static void measure_alignment(struct judgement *out, const struct query *query)
{
    const struct alignment *alignment = &out->alignment;
    size_t items = 0;

    for (size_t i = 0; i < alignment->segment_count; i++) {
        items += alignment->segments[i].item_count;
    }
    out->aligned_ms = (uint32_t)smaller(heard_by_ms(items), query->duration_ms);
    out->offset_ms = (int32_t)lag_offset_ms(query, alignment->lag_items);
}

enum status verdict_judge(struct judgement *out, const struct query *query,
                          const struct reference *reference, struct error *err)
{
    *out = (struct judgement){.start_samples = query->start_samples,
                              .advisory = reference->advisory};
    struct alignment *alignment = &out->alignment;
    enum status status =
        align_prints(alignment, query->print, &reference->print, err);

    if (status != STATUS_OK ||
        !verdict_is_promising(alignment, query->print, &reference->print)) {
        return status;
    }
    /* promising: the lag has ALIGN_WINDOW_ITEMS pairs and more */
    status =
        edition_compare(&out->edition, query->print, &reference->print,
                        alignment->lag_items, alignment->bit_error_rate, err);
    if (status != STATUS_OK) {
        return status;
    }
    measure_alignment(out, query);
    struct spans spans = spans_of(query, reference, alignment);
    out->kind = decide(out, query, reference, &spans);
    if (out->kind != VERDICT_MATCHED) {
        list_differences(out, query, &spans);
    }
    return STATUS_OK;
}

void judgement_clear(struct judgement *judgement)
{
    edition_clear(&judgement->edition);
    *judgement = (struct judgement){0};
}

/* Whether `a` is the better one. */
static bool is_better(const struct judgement *a, const struct judgement *b)
{
    if (a->kind != b->kind) {
        return a->kind > b->kind;
    }
    if (a->kind == VERDICT_OTHER_EDITION &&
        a->alignment.telling_items != b->alignment.telling_items) {
        return a->alignment.telling_items > b->alignment.telling_items;
    }
    return a->alignment.bit_error_rate < b->alignment.bit_error_rate;
}

/* The best that is neither `except` nor unmatched; VERDICT_NONE for none. */
static int find_best(const struct judgement *judgements, size_t count,
                     int except)
{
    int best = VERDICT_NONE;

    for (size_t i = 0; i < count; i++) {
        if ((int)i != except && judgements[i].kind != VERDICT_UNMATCHED &&
            (best == VERDICT_NONE ||
             is_better(&judgements[i], &judgements[best]))) {
            best = (int)i;
        }
    }
    return best;
}

/* How much `a` disagrees where `b` agrees: the extreme over the query's time.
 * Their prints may start a hop apart. */
static double disagreement(const struct judgement *a, const struct judgement *b)
{
    int64_t apart = (int64_t)a->start_samples - (int64_t)b->start_samples;
    int64_t shift = lround((double)apart / FINGERPRINT_HOP_SAMPLES);
    double worst = 0;

    for (size_t i = 0; i < a->edition.item_count; i++) {
        int64_t j = (int64_t)(a->edition.first_item + i) + shift -
                    (int64_t)b->edition.first_item;
        if (j < 0 || j >= (int64_t)b->edition.item_count) {
            continue;
        }
        double errors =
            (double)(a->edition.second_error[i] - b->edition.second_error[j]);
        double level =
            (double)(a->edition.level_error[i] - b->edition.level_error[j]);
        worst = fmax(worst, errors / sibling_error_scale +
                                level / sibling_level_scale_db);
    }
    return worst;
}

/* Two stored editions both pass: the query tells which it is, or not. */
static void choose_sibling(struct verdict *out,
                           const struct judgement *judgements)
{
    const struct judgement *best = &judgements[out->best];
    const struct judgement *other = &judgements[out->runner_up];
    double against_best = disagreement(best, other);
    double against_other = disagreement(other, best);

    bool twins = fmax(against_best, against_other) <= sibling_noise &&
                 !advisories_differ(best->advisory, other->advisory);
    if (twins) {
        return; /* one recording, stored twice */
    }
    if (fabs(against_best - against_other) < sibling_margin) {
        out->kind = VERDICT_HELD;
    }
    if (against_best > against_other) {
        int swapped = out->best;
        out->best = out->runner_up;
        out->runner_up = swapped;
    }
}

void verdict_choose(struct verdict *out, const struct judgement *judgements,
                    size_t count)
{
    *out = (struct verdict){.best = VERDICT_NONE,
                            .runner_up = VERDICT_NONE,
                            .bit_error_rate = 1,
                            .runner_up_bit_error_rate = 1};
    out->best = find_best(judgements, count, VERDICT_NONE);
    if (out->best == VERDICT_NONE) {
        return;
    }
    out->kind = judgements[out->best].kind;
    out->runner_up = find_best(judgements, count, out->best);
    if (out->runner_up != VERDICT_NONE) {
        if (out->kind == VERDICT_MATCHED &&
            judgements[out->runner_up].kind == VERDICT_MATCHED) {
            choose_sibling(out, judgements);
        }
        out->runner_up_bit_error_rate =
            judgements[out->runner_up].alignment.bit_error_rate;
    }
    const struct judgement *best = &judgements[out->best];
    out->bit_error_rate = best->alignment.bit_error_rate;
    out->edition_score = best->edition.score;
    out->aligned_ms = best->aligned_ms;
    out->offset_ms = best->offset_ms;
    memcpy(out->differences, best->differences, sizeof out->differences);
    out->difference_count = best->difference_count;
    out->differences_cut = best->differences_cut;
}
