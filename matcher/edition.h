/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_EDITION_H
#define REFRAIN_MATCHER_EDITION_H

#include "matcher/identity.h"
#include "matcher/residual.h"
#include "matcher/sketch.h"

#include <stdbool.h>
#include <stdint.h>

/** Whether a file that is the same recording is also the same edition of it: no
 *  word muted, bleeped or turned around, no verse cut, no other mix (pure).
 *  Rules and where each was measured: matcher/README.md, "Thresholds". */

enum verdict_kind {
    VERDICT_UNMATCHED = 0, /* no candidate is this recording */
    VERDICT_OTHER_EDITION, /* the same song, but another cut of it */
    VERDICT_HELD,          /* probably the same; not sure enough to swap */
    VERDICT_MATCHED,       /* the same recording, the same edition */
};

/** What decided: the rule that a file did not pass, or CAUSE_NONE of a match
 *  and of a file that is like nothing. */
enum verdict_cause {
    CAUSE_NONE = 0,
    CAUSE_STRUCTURE,   /* a part is cut, repeated, or of another song */
    CAUSE_ENDS,        /* begins or ends elsewhere, by more than a trim */
    CAUSE_FADE,        /* fades, or is silent, where the other plays on */
    CAUSE_SKETCH,      /* sounds different somewhere, in the middle */
    CAUSE_SIDE,        /* the same, in what the two channels do not share */
    CAUSE_ADVISORY,    /* labels say explicit here, clean there */
    CAUSE_BIT_ERRORS,  /* the fingerprints are too far apart */
    CAUSE_SHORT,       /* too little in common to be sure */
    CAUSE_DOUBT,       /* between the limits of same and other edition */
    CAUSE_DYNAMICS,    /* another mastering of the same performance */
    CAUSE_SIBLINGS,    /* two recordings pass, and nothing tells which it is */
    CAUSE_UNAVAILABLE, /* the reference's sketch or master cannot be had */
};

/** Where query and recording differ, in the query's time. */
struct stretch {
    uint32_t start_ms;
    uint32_t end_ms;
};
enum { VERDICT_MAX_DIFFERENCES = 16 };

/** What came of one reference. Zeroed is VERDICT_UNMATCHED and owns nothing. */
struct judgement {
    enum verdict_kind kind;
    enum verdict_cause cause;
    enum advisory advisory; /* of the reference */
    bool differences_cut;   /* there were more than fit */
    struct identity identity;
    struct timing timing;        /* to a sample, once it was compared */
    struct sketch_errors errors; /* owned; empty when it was not compared */
    /* Of the second look, one each frame of errors: how far it stands out of
     * the noise, times the share of its sound that the master does not explain.
     * Owned; NULL: none was taken. */
    float *doubts;
    double
        residual_db; /* of the second look, where the doubt is most; 0: none */
    struct stretch differences[VERDICT_MAX_DIFFERENCES]; /* in order of time */
    size_t difference_count;
};
void judgement_clear(struct judgement *judgement);

/** First answer, by the identity alone (already in out->identity). True: it is
 *  final. False: the sketch has the word. */
bool edition_by_identity(struct judgement *out, const struct query *query,
                         const struct reference *reference);
/** Second answer, by out->errors. True: it is final. False: the master's own
 *  samples should be looked at; until then the kind is VERDICT_HELD. */
bool edition_by_sketch(struct judgement *out, const struct query *query);

/** Last answer, by the master's samples. A coder that saves shows on the sketch
 *  in one place and leaves most over in another; an edit does both at once.
 *  STATUS_NO_MEMORY: the answer stays what it was. */
MUST_USE enum status edition_by_samples(struct judgement *out,
                                        const struct query *query,
                                        const struct residual *residual,
                                        struct error *err);

#endif
