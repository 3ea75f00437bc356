/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_VERDICT_H
#define REFRAIN_MATCHER_VERDICT_H

#include "matcher/align.h"
#include "matcher/audio.h"
#include "matcher/edition.h"
#include "matcher/fingerprint.h"
#include "matcher/status.h"

#include <stdbool.h>

/** Query and candidates in, decision with its evidence out (pure). */

enum verdict_kind {
    VERDICT_UNMATCHED = 0, /* no candidate is this recording */
    VERDICT_OTHER_EDITION, /* the same song, but another cut of it */
    VERDICT_HELD,          /* probably the same; not sure enough to swap */
    VERDICT_MATCHED,       /* the same recording, the same edition */
};

/** Where query and recording differ, in the query's time. */
struct stretch {
    uint32_t start_ms;
    uint32_t end_ms;
};
enum { VERDICT_MAX_DIFFERENCES = 16, VERDICT_NONE = -1 };

/** The decision. Indices point into the candidates that were given. */
struct verdict {
    enum verdict_kind kind;
    int best;      /* index of the recording meant, or VERDICT_NONE */
    int runner_up; /* index of the next best, or VERDICT_NONE */
    /* Share of differing bits where the two are alike, at one phase; 1 where
     * there is no such recording. */
    double bit_error_rate;
    double runner_up_bit_error_rate;
    double edition_score; /* over the limit: another edition */
    uint32_t aligned_ms;  /* how much of the query lies on the recording */
    int32_t offset_ms;    /* query time minus recording time */
    struct stretch differences[VERDICT_MAX_DIFFERENCES]; /* in order of time */
    size_t difference_count;
    bool differences_cut; /* there were more than fit */
};

/** A recording that may be the one: what the catalog keeps of its sound.
 *  Borrowed for the call. */
struct reference {
    struct fingerprint print;
    uint32_t duration_ms;
    enum advisory advisory;
};

/** A file whose recording is looked for. Borrowed for the call. */
struct query {
    /* At the phase of the reference it is judged with: its items begin
     * `start_samples` into the file. */
    const struct fingerprint *print;
    size_t start_samples;
    uint32_t duration_ms;
    uint32_t head_quiet_ms; /* of the whole file */
    uint32_t tail_quiet_ms;
    enum advisory advisory;
};

/** What came of one candidate. Zeroed is VERDICT_UNMATCHED and owns nothing. */
struct judgement {
    enum verdict_kind kind;
    enum advisory advisory; /* of the candidate */
    struct alignment alignment;
    struct edition edition; /* owned; empty when VERDICT_UNMATCHED */
    size_t start_samples;   /* of the query's print that was judged */
    uint32_t aligned_ms;
    int32_t offset_ms;
    struct stretch differences[VERDICT_MAX_DIFFERENCES];
    size_t difference_count;
    bool differences_cut;
};

/** Whether two prints, at any phase, may be of one song: worth a closer look.
 */
bool verdict_is_promising(const struct alignment *alignment,
                          const struct fingerprint *query,
                          const struct fingerprint *reference);

/** Judges one candidate.
 *  out  the caller's on STATUS_OK: judgement_clear() it. */
MUST_USE enum status verdict_judge(struct judgement *out,
                                   const struct query *query,
                                   const struct reference *reference,
                                   struct error *err);
void judgement_clear(struct judgement *judgement);

/** Chooses among judgements of one query: the best kind first; among matches
 *  the one that the query differs least from anywhere, and VERDICT_HELD when
 *  that is too close to tell. Indices in *out are those of `judgements`. */
void verdict_choose(struct verdict *out, const struct judgement *judgements,
                    size_t count);

#endif
