/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/edition.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Thresholds and where each was measured: matcher/README.md, "Thresholds". */

/* Up to here the sketch says: the same. Over it the master's own samples are
 * asked. */
static const double max_score = 1.6;
/* Where nobody asks them, what is shown stands out so far: edits 5.5 in the
 * median, one of fifty good transcodes somewhere. */
static const double clear_score = 4;
/* How far a place stands out on the sketch, times the share of its sound that
 * the master does not explain, of mid and of side: up to here they are the
 * same, and so many times the limit they are not. What was coded at a low bit
 * rate has more of both: the limit rises with the noise, from none to that of a
 * coarse copy. */
static const double max_doubt = .42;
static const double max_coarse_doubt = .65;
static const double no_noise_db = .2;
static const double coarse_noise_db = .25;
static const double sure = 1.6;
/* Loudness that rides up and down so much is another mastering. */
static const double max_spread_db = 1.6;
/* Two recordings of one song may have the same fingerprint nearly; their
 * levels lie apart everywhere. */
static const double max_median_db = 1.5;

/* A second in which one side plays and the other is so much quieter than
 * elsewhere is a fade; less of it is believed at an end that one lacks. */
static const double max_gain_db = 6;
static const double max_end_gain_db = 3;

enum {
    /* What a ripping tool or a gapless album may cut off each end. */
    MAX_TRIM_MS = 30 * 1000,
    MAX_TRIM_SLACK_MS = 500,
    /* Sound that the query has beyond the recording, or a trim so short that
     * no fade fits in. */
    MAX_END_MS = 2000,
    /* Of a match: on the recording, and items of it that say something. */
    MIN_COVERED_MS = 15 * 1000,
    MIN_TELLING_ITEMS = 80,
    /* Two differences so close are one, and none is shown shorter. */
    STRETCH_MS = 500,
    /* An edit spoils the .5 s around it: taken off again. */
    FRAME_REACH = 5,
    /* A window of the second look may stand so many of its steps from a frame
     * and still speak of it. */
    WINDOW_REACH = 2,
    FRAMES_PER_SECOND = PCM_RATE_HZ / SKETCH_HOP_SAMPLES,
    /* Of .4 s two hops of .124 s at the least lie in the middle. */
    MAX_SILENT_HOPS = 1,
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- where they differ ---- */

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
    start_ms = larger(0, smaller(start_ms, latest_ms));
    end_ms = smaller(end_ms, query->duration_ms);
    end_ms = larger(end_ms, start_ms + STRETCH_MS);
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

static int64_t query_ms(const struct judgement *judgement, double sample)
{
    const struct timing *timing = &judgement->timing;

    return llround((timing->offset_samples + (1 + timing->drift) * sample) *
                   1000 / PCM_RATE_HZ);
}

/* The middle of a frame, counted from the first that was compared. */
static int64_t frame_ms(const struct judgement *judgement, size_t frame)
{
    return query_ms(judgement, (double)(judgement->errors.first_frame + frame) *
                                       SKETCH_HOP_SAMPLES +
                                   SKETCH_WINDOW_SAMPLES / 2.0);
}

/* What is in front of the recording, or what of it the query lacks; the
 * recording shifted by so much. */
static void add_head(struct judgement *out, const struct query *query,
                     int64_t shift_ms)
{
    int64_t start_ms = out->identity.spans.query_start_ms;
    int64_t other_ms = out->identity.spans.reference_start_ms + shift_ms;

    if (llabs(start_ms - other_ms) > MAX_END_MS) {
        add_difference(out, query, start_ms, larger(other_ms, start_ms));
    }
}

static void add_tail(struct judgement *out, const struct query *query,
                     int64_t shift_ms)
{
    int64_t end_ms = out->identity.spans.query_end_ms;
    int64_t other_ms = out->identity.spans.reference_end_ms + shift_ms;

    if (llabs(end_ms - other_ms) > MAX_END_MS) {
        add_difference(out, query, smaller(other_ms, end_ms), end_ms);
    }
}

/* Where a segment's lag puts the recording, against where its own lag does. */
static int64_t shift_of(const struct alignment *alignment,
                        const struct segment *segment)
{
    int64_t items = (int64_t)segment->lag_items - alignment->lag_items;

    return items * FINGERPRINT_HOP_SAMPLES * 1000 / PCM_RATE_HZ;
}

/* Of a song that is built differently: what lies between its parts. */
static void list_gaps(struct judgement *out, const struct query *query)
{
    const struct alignment *alignment = &out->identity.alignment;
    size_t count = alignment->segment_count;

    if (count == 0) {
        return;
    }
    add_head(out, query, shift_of(alignment, alignment->segments));
    for (size_t i = 1; i < count; i++) {
        const struct segment *segment = &alignment->segments[i];
        const struct segment *before = segment - 1;
        add_difference(out, query,
                       identity_item_ms(query, before->query_item +
                                                   before->item_count - 1),
                       identity_item_ms(query, segment->query_item));
    }
    add_tail(out, query, shift_of(alignment, alignment->segments + count - 1));
}

static double doubt_limit(const struct judgement *judgement)
{
    double coarse = (judgement->errors.mid.noise_db - no_noise_db) /
                    (coarse_noise_db - no_noise_db);

    return max_doubt + (max_coarse_doubt - max_doubt) * fmin(coarse, 1);
}

static double over_noise(const struct sketch_channel_errors *channel, size_t i)
{
    return channel->error_db == NULL
               ? 0
               : (double)channel->error_db[i] / channel->noise_db;
}

static bool side_is_worse(const struct sketch_errors *errors, size_t i)
{
    return over_noise(&errors->side, i) > over_noise(&errors->mid, i);
}

static double worse_of(const struct sketch_errors *errors, size_t i)
{
    return fmax(over_noise(&errors->mid, i), over_noise(&errors->side, i));
}

static bool stands_out(const struct judgement *judgement, size_t frame)
{
    const struct sketch_errors *errors = &judgement->errors;
    double gain = (double)errors->gain_db[frame];
    bool differs =
        judgement->doubts == NULL
            ? worse_of(errors, frame) > clear_score
            : (double)judgement->doubts[frame] > doubt_limit(judgement);

    return differs || (!isnan(gain) && fabs(gain) > max_gain_db);
}

/* Frames that stand out, in runs. */
static void list_places(struct judgement *out, const struct query *query)
{
    size_t count = out->errors.frame_count;
    size_t start = 0;
    bool inside = false;

    add_head(out, query, 0);
    for (size_t i = 0; i <= count; i++) {
        bool now = i < count && stands_out(out, i);
        if (now && !inside) {
            start = i;
        } else if (!now && inside) {
            int64_t start_ms = frame_ms(out, start + FRAME_REACH);
            int64_t end_ms =
                frame_ms(out, i > FRAME_REACH ? i - FRAME_REACH : 0);
            add_difference(out, query, smaller(start_ms, end_ms),
                           larger(start_ms, end_ms));
        }
        inside = now;
    }
    add_tail(out, query, 0);
}

/* Parts of it lie elsewhere: something was cut out or put in. */
static bool is_rebuilt(const struct alignment *alignment)
{
    for (size_t i = 0; i < alignment->segment_count; i++) {
        int64_t apart =
            (int64_t)alignment->segments[i].lag_items - alignment->lag_items;
        if (llabs(apart) > 1) {
            return true;
        }
    }
    return false;
}

static void refuse(struct judgement *out, const struct query *query,
                   enum verdict_kind kind, enum verdict_cause cause)
{
    out->kind = kind;
    out->cause = cause;
    if (out->errors.frame_count == 0 ||
        (kind == VERDICT_OTHER_EDITION &&
         is_rebuilt(&out->identity.alignment))) {
        out->cause = out->errors.frame_count == 0 ? cause : CAUSE_STRUCTURE;
        list_gaps(out, query);
    } else {
        list_places(out, query);
    }
}

/* ---- by the identity ---- */

static bool advisories_differ(enum advisory a, enum advisory b)
{
    return a != ADVISORY_UNKNOWN && b != ADVISORY_UNKNOWN && a != b;
}

/* A trim at an end is forgiven; more sound than the recording has is not. */
static bool ends_agree(const struct spans *spans)
{
    int64_t missing_head = spans->query_start_ms - spans->reference_start_ms;
    int64_t missing_tail = spans->reference_end_ms - spans->query_end_ms;
    int64_t most = MAX_TRIM_MS + MAX_TRIM_SLACK_MS;

    return missing_head >= -MAX_END_MS && missing_head <= most &&
           missing_tail >= -MAX_END_MS && missing_tail <= most;
}

bool edition_by_identity(struct judgement *out, const struct query *query,
                         const struct reference *reference)
{
    const struct identity *identity = &out->identity;

    out->advisory = reference->advisory;
    out->timing = identity->timing;
    if (identity->kind == IDENTITY_NONE) {
        return true;
    }
    if (identity->kind == IDENTITY_PART) {
        refuse(out, query, VERDICT_OTHER_EDITION, CAUSE_STRUCTURE);
        return true;
    }
    if (!ends_agree(&identity->spans)) {
        refuse(out, query, VERDICT_OTHER_EDITION, CAUSE_ENDS);
        return true;
    }
    if (advisories_differ(query->advisory, reference->advisory)) {
        refuse(out, query, VERDICT_OTHER_EDITION, CAUSE_ADVISORY);
        return true;
    }
    return false;
}

/* ---- by the sketch ---- */

/* The lowest and highest of the frames' gains over [start, end). */
static bool gain_within(const struct sketch_errors *errors, size_t start,
                        size_t end, double limit_db)
{
    for (size_t i = start; i < end; i++) {
        double gain = (double)errors->gain_db[i];
        if (!isnan(gain) && fabs(gain) > limit_db) {
            return false;
        }
    }
    return true;
}

/* No side fades where the other plays on. */
static bool fades_agree(const struct judgement *judgement)
{
    const struct sketch_errors *errors = &judgement->errors;
    const struct spans *spans = &judgement->identity.spans;
    size_t count = errors->frame_count;
    size_t end = (size_t)2 * FRAMES_PER_SECOND;

    if (!gain_within(errors, 0, count, max_gain_db)) {
        return false;
    }
    end = end < count ? end : count;
    if (spans->query_start_ms - spans->reference_start_ms > MAX_END_MS &&
        !gain_within(errors, 0, end, max_end_gain_db)) {
        return false;
    }
    return spans->reference_end_ms - spans->query_end_ms <= MAX_END_MS ||
           gain_within(errors, count - end, count, max_end_gain_db);
}

/* Enough in common to swear on. */
static bool long_enough(const struct judgement *judgement)
{
    const struct alignment *alignment = &judgement->identity.alignment;
    double covered_ms = (double)judgement->errors.frame_count *
                        SKETCH_HOP_SAMPLES * 1000 / PCM_RATE_HZ;

    return alignment->lag_telling_items >= MIN_TELLING_ITEMS &&
           covered_ms >= MIN_COVERED_MS;
}

/* Passed: what is left to ask before it is a match. */
static void accept(struct judgement *out, const struct query *query)
{
    const struct identity *identity = &out->identity;

    if (identity->silent_hops > MAX_SILENT_HOPS) {
        out->kind = VERDICT_OTHER_EDITION;
        out->cause = CAUSE_FADE;
        out->difference_count = 0;
        add_difference(out, query, identity->silent_start_ms,
                       identity->silent_end_ms);
    } else if (out->identity.kind == IDENTITY_FAR) {
        refuse(out, query, VERDICT_HELD, CAUSE_BIT_ERRORS);
    } else if (!long_enough(out)) {
        refuse(out, query, VERDICT_HELD, CAUSE_SHORT);
    } else {
        out->kind = VERDICT_MATCHED;
        out->cause = CAUSE_NONE;
        out->difference_count = 0;
        out->differences_cut = false;
    }
}

/* A little else everywhere, or louder and softer by turns. */
static bool is_mastered_anew(const struct sketch_errors *errors)
{
    return (double)errors->mid.median_db > max_median_db ||
           (double)errors->gain_spread_db > max_spread_db;
}

bool edition_by_sketch(struct judgement *out, const struct query *query)
{
    const struct sketch_errors *errors = &out->errors;

    if (!fades_agree(out)) {
        refuse(out, query, VERDICT_OTHER_EDITION, CAUSE_FADE);
        return true;
    }
    if (fmax(errors->mid.score, errors->side.score) <= max_score &&
        !is_mastered_anew(errors)) {
        accept(out, query);
        return true;
    }
    refuse(out, query, VERDICT_HELD, CAUSE_UNAVAILABLE);
    return false;
}

/* ---- by the master's samples ---- */

/* The largest shares of the windows around a frame. */
static struct residual_window left_over(const struct residual *residual,
                                        size_t frame)
{
    double middle = (double)frame * SKETCH_HOP_SAMPLES +
                    SKETCH_WINDOW_SAMPLES / 2.0 -
                    residual->window_samples / 2.0;
    long nearest = lround((middle - (double)residual->first_sample) /
                          residual->step_samples);
    long last = (long)residual->window_count - 1;
    struct residual_window most = {0};

    for (long i = nearest - WINDOW_REACH; i <= nearest + WINDOW_REACH; i++) {
        long at = i < 0 ? 0 : i > last ? last : i;
        most.mid = fmaxf(most.mid, residual->windows[at].mid);
        most.side = fmaxf(most.side, residual->windows[at].side);
    }
    return most;
}

/* Fills the doubts, and returns the frame with the largest. */
static size_t find_doubts(struct judgement *out, float *doubts,
                          const struct residual *residual)
{
    const struct sketch_errors *errors = &out->errors;
    size_t worst = 0;

    for (size_t i = 0; i < errors->frame_count; i++) {
        const struct residual_window most =
            left_over(residual, errors->first_frame + i);
        doubts[i] = (float)(over_noise(&errors->mid, i) * (double)most.mid +
                            over_noise(&errors->side, i) * (double)most.side);
        if (doubts[i] > doubts[worst]) {
            worst = i;
        }
    }
    const struct residual_window most =
        left_over(residual, errors->first_frame + worst);
    out->residual_db =
        10 * log10(fmax((double)most.mid + (double)most.side, 1e-4));
    return worst;
}

enum status edition_by_samples(struct judgement *out, const struct query *query,
                               const struct residual *residual,
                               struct error *err)
{
    const struct sketch_errors *errors = &out->errors;
    float *doubts = malloc(errors->frame_count * sizeof *doubts);

    assert(out->kind == VERDICT_HELD && out->doubts == NULL);
    assert(errors->frame_count > 0 && residual->window_count > 0);
    if (doubts == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to compare with a master");
    }
    out->doubts = doubts;
    out->difference_count = 0;
    out->differences_cut = false;
    size_t worst = find_doubts(out, doubts, residual);
    double doubt = (double)doubts[worst] / doubt_limit(out);
    if (doubt > sure) {
        refuse(out, query, VERDICT_OTHER_EDITION,
               side_is_worse(errors, worst) ? CAUSE_SIDE : CAUSE_SKETCH);
    } else if (doubt > 1) {
        refuse(out, query, VERDICT_HELD, CAUSE_DOUBT);
    } else if (is_mastered_anew(errors)) {
        refuse(out, query, VERDICT_HELD, CAUSE_DYNAMICS);
    } else {
        accept(out, query);
    }
    return STATUS_OK;
}

void judgement_clear(struct judgement *judgement)
{
    sketch_errors_clear(&judgement->errors);
    free(judgement->doubts);
    *judgement = (struct judgement){0};
}
