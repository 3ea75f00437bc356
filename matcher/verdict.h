/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_VERDICT_H
#define REFRAIN_MATCHER_VERDICT_H

#include "matcher/edition.h"

#include <stdbool.h>
#include <stdint.h>

/** Query and candidates in, decision with its evidence out (pure). */

enum { VERDICT_NONE = -1 };

/** The decision. Indices point into the candidates that were given. */
struct verdict {
    enum verdict_kind kind;
    int best;      /* index of the recording meant, or VERDICT_NONE */
    int runner_up; /* index of the next best, or VERDICT_NONE */
    /* Share of differing bits where the two are alike, at one phase; 1 where
     * there is no such recording. */
    double bit_error_rate;
    double runner_up_bit_error_rate;
    enum verdict_cause cause;
    /* Of the edition's comparison: how far the worst place stands out of the
     * track's own noise; 0 where it was not compared (sketch.h). */
    double sketch_score;
    double side_score;
    /* The worst window of the second look, dB; 0 where none was taken
     * (residual.h). */
    double residual_db;
    double drift_ppm;    /* the query's clock over the recording's */
    uint32_t aligned_ms; /* how much of the query lies on the recording */
    int32_t offset_ms;   /* query time minus recording time */
    struct stretch differences[VERDICT_MAX_DIFFERENCES]; /* in order of time */
    size_t difference_count;
    bool differences_cut; /* there were more than fit */
};

/** A stable word for each cause but CAUSE_NONE, which is "". */
const char *verdict_cause_word(enum verdict_cause cause);

/** Chooses among judgements of one query: the best kind first; among matches
 *  the one that the query differs least from anywhere, and VERDICT_HELD when
 *  that is too close to tell. Indices in *out are those of `judgements`. */
void verdict_choose(struct verdict *out, const struct judgement *judgements,
                    size_t count);

#endif
