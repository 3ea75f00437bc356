/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/verdict.h"

#include <math.h>
#include <string.h>

/* Of two editions that both pass, the query lies further from the wrong one
 * where the two differ, and equally far elsewhere. Measured: see
 * matcher/README.md, "Thresholds". */
static const double twin_db = .3;
static const double sibling_margin_db = .12;

const char *verdict_cause_word(enum verdict_cause cause)
{
    static const char *const words[] = {
        [CAUSE_NONE] = "",
        [CAUSE_STRUCTURE] = "structure",
        [CAUSE_ENDS] = "ends",
        [CAUSE_FADE] = "fade",
        [CAUSE_SKETCH] = "sketch",
        [CAUSE_SIDE] = "side",
        [CAUSE_ADVISORY] = "advisory",
        [CAUSE_BIT_ERRORS] = "bit_errors",
        [CAUSE_SHORT] = "short",
        [CAUSE_DOUBT] = "doubt",
        [CAUSE_DYNAMICS] = "dynamics",
        [CAUSE_SIBLINGS] = "siblings",
        [CAUSE_UNAVAILABLE] = "unavailable",
    };

    return words[cause];
}

static double rate_of(const struct judgement *judgement)
{
    return judgement->identity.alignment.bit_error_rate;
}

/* Whether `a` is the better one. */
static bool is_better(const struct judgement *a, const struct judgement *b)
{
    if (a->kind != b->kind) {
        return a->kind > b->kind;
    }
    size_t a_items = a->identity.alignment.telling_items;
    size_t b_items = b->identity.alignment.telling_items;
    if (a->kind == VERDICT_OTHER_EDITION && a_items != b_items) {
        return a_items > b_items;
    }
    return rate_of(a) < rate_of(b);
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

/* How much further the query is from `a` than from `b`, at the worst of all
 * places that both have. */
static double disagreement(const struct judgement *a, const struct judgement *b,
                           const struct sketch_channel_errors *of_a,
                           const struct sketch_channel_errors *of_b)
{
    double worst = 0;

    if (of_a->error_db == NULL || of_b->error_db == NULL) {
        return 0;
    }
    for (size_t i = 0; i < a->errors.frame_count; i++) {
        /* the same place of the query, on the other's clock */
        double place = (double)(a->errors.first_frame + i) * SKETCH_HOP_SAMPLES;
        double sample =
            a->timing.offset_samples + (1 + a->timing.drift) * place;
        double other = (sample - b->timing.offset_samples) /
                       (1 + b->timing.drift) / SKETCH_HOP_SAMPLES;
        long j = lround(other) - (long)b->errors.first_frame;
        if (j >= 0 && (size_t)j < b->errors.frame_count) {
            double more = (double)of_a->error_db[i] - (double)of_b->error_db[j];
            worst = fmax(worst, more);
        }
    }
    return worst;
}

static double disagreement_of(const struct judgement *a,
                              const struct judgement *b)
{
    return fmax(disagreement(a, b, &a->errors.mid, &b->errors.mid),
                disagreement(a, b, &a->errors.side, &b->errors.side));
}

static bool advisories_differ(enum advisory a, enum advisory b)
{
    return a != ADVISORY_UNKNOWN && b != ADVISORY_UNKNOWN && a != b;
}

/* Two stored editions both pass: the query tells which it is, or not. */
static void choose_sibling(struct verdict *out,
                           const struct judgement *judgements)
{
    const struct judgement *best = &judgements[out->best];
    const struct judgement *other = &judgements[out->runner_up];
    double against_best = disagreement_of(best, other);
    double against_other = disagreement_of(other, best);

    bool twins = fmax(against_best, against_other) <= twin_db &&
                 !advisories_differ(best->advisory, other->advisory);
    if (twins) {
        return; /* one recording, stored twice */
    }
    if (fabs(against_best - against_other) < sibling_margin_db) {
        out->kind = VERDICT_HELD;
        out->cause = CAUSE_SIBLINGS;
    }
    if (against_best > against_other) {
        int swapped = out->best;
        out->best = out->runner_up;
        out->runner_up = swapped;
    }
}

/* The evidence of the one that was chosen. */
static void describe(struct verdict *out, const struct judgement *best)
{
    out->bit_error_rate = rate_of(best);
    out->sketch_score = best->errors.mid.score;
    out->side_score = best->errors.side.score;
    out->residual_db = best->residual_db;
    out->drift_ppm = best->timing.drift * 1e6;
    out->aligned_ms = best->identity.aligned_ms;
    out->offset_ms =
        (int32_t)lround(best->timing.offset_samples * 1000 / PCM_RATE_HZ);
    memcpy(out->differences, best->differences, sizeof out->differences);
    out->difference_count = best->difference_count;
    out->differences_cut = best->differences_cut;
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
    out->cause = judgements[out->best].cause;
    out->runner_up = find_best(judgements, count, out->best);
    if (out->runner_up != VERDICT_NONE) {
        if (out->kind == VERDICT_MATCHED &&
            judgements[out->runner_up].kind == VERDICT_MATCHED) {
            choose_sibling(out, judgements);
        }
        out->runner_up_bit_error_rate = rate_of(&judgements[out->runner_up]);
    }
    describe(out, &judgements[out->best]);
}
