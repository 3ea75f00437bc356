/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_IDENTITY_H
#define REFRAIN_MATCHER_IDENTITY_H

#include "matcher/align.h"
#include "matcher/audio.h"
#include "matcher/fingerprint.h"
#include "matcher/sketch.h"
#include "matcher/status.h"

#include <stdbool.h>

/** Whether two fingerprints are of the same recording (pure): the step between
 *  finding candidates and comparing editions. It says how the two lie on each
 *  other; which edition it is cannot be told from a fingerprint's bits
 *  (measured: a word 6 dB under the music, muted, moves them no more than a
 *  codec does). */

/** A recording that may be the one: what the catalog keeps of its sound.
 *  Borrowed for the call. */
struct reference {
    struct fingerprint print;
    uint32_t duration_ms;
    enum advisory advisory;
};

/** A file whose recording is looked for. Borrowed for the call. */
struct query {
    /* At the phase, and on the clock, of the reference it is judged with: item
     * i begins at sample start_samples + (1 + drift) x 1365 i of the file. */
    const struct fingerprint *print;
    double start_samples;
    double drift;
    uint32_t duration_ms;
    uint32_t head_quiet_ms; /* of the whole file */
    uint32_t tail_quiet_ms;
    enum advisory advisory;
};

enum identity_kind {
    IDENTITY_NONE = 0, /* another song, or too little in common */
    IDENTITY_PART,     /* shares a part of it; the rest lies elsewhere */
    IDENTITY_FAR,      /* lies on it throughout, with too many bits differing */
    IDENTITY_SAME,     /* lies on it throughout */
};

/** Both files on the query's clock, without the quiet at their ends. */
struct spans {
    int64_t query_start_ms;
    int64_t query_end_ms;
    int64_t reference_start_ms;
    int64_t reference_end_ms;
};

struct identity {
    enum identity_kind kind;
    struct alignment alignment;
    struct timing timing; /* to an eighth of a hop at the best */
    struct spans spans;
    uint32_t aligned_ms; /* of the query, on any lag */
    /* The longest stretch, on the query's clock, in which one of the two is
     * silent (quiet, by 6 dB) and the other plays; count 0: none. What plays
     * may be too soft for the sketch, whose scale ends 22 dB under the loud
     * tenth. */
    size_t silent_hops;
    int64_t silent_start_ms;
    int64_t silent_end_ms;
};

/** Whether two prints, at any phase, may be of one song: worth a closer look.
 */
bool identity_is_promising(const struct alignment *alignment,
                           const struct fingerprint *query,
                           const struct fingerprint *reference);

/** The query's clock over the reference's as far as the lags of an alignment
 *  tell, when they drift as one slow clock does and no further than .15 %; else
 *  0: they are of a file that was cut. A hop in the length of the song is what
 *  can be seen: .0006 of 200 s. */
double identity_drift(const struct alignment *alignment);

MUST_USE enum status identity_judge(struct identity *out,
                                    const struct query *query,
                                    const struct reference *reference,
                                    struct error *err);

/** Where in the file, ms, the middle of what item `item` hears is. */
int64_t identity_item_ms(const struct query *query, size_t item);

#endif
