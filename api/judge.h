/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_JUDGE_H
#define REFRAIN_API_JUDGE_H

#include "api/nearest.h"
#include "api/service.h"
#include "catalog/library/library.h"

/** What a file is among the catalog's recordings: the one home of finding and
 *  matching, for uploads and for those that are asked again.
 *
 *  Two tries: with the query's own terms first; when nothing of what they find
 *  is the song, once more with the one-bit neighbours of those terms, in which
 *  a rip that lost its upper band or was resampled still meets the recording.
 *  The second try widens what is compared, never how. */

/* About 30 KB: on the heap. Zeroed owns nothing. */
struct judged {
    struct verdict verdict; /* its indices are nearest's */
    struct nearest nearest; /* owned */
    /* The last one made: what there is was found by it, and nothing by those
     * before. */
    enum attempt attempt;
};

/** Finds and matches. No match is a verdict, not an error.
 *  redis    the calling thread's
 *  decoder  has the file open, with a place of service->decoders
 *  out      the caller's on STATUS_OK: judged_clear() it. Empty on error.
 *  STATUS_INVALID      the file's own fault: the decoder ended on it
 *  STATUS_UNAVAILABLE  Redis is gone, no process can be started, or nothing was
 *                      found while parts of the index did not answer
 *                      ("index_degraded"): try later
 *  STATUS_CORRUPT      a stored fingerprint or bucket. */
MUST_USE enum status judge_song(struct judged *out,
                                const struct service *service,
                                struct redis *redis, struct decoder *decoder,
                                struct error *err);
void judged_clear(struct judged *judged);

/** Whether the catalog has anything that may be this song, from its stored
 *  fingerprint alone: finds and aligns, both tries. Where the audio is sealed
 *  away this comes first; only a yes is worth opening it for judge_song().
 *  newer_than  recordings up to this number say nothing: the song is not theirs
 *              already; 0 for all
 *  STATUS_UNAVAILABLE "index_degraded": no, as far as the index answered.
 *  A no is what judge_song() would answer VERDICT_UNMATCHED to, but for what
 *  another phase of the hop may show. */
MUST_USE enum status judge_is_worth(bool *out, const struct service *service,
                                    struct redis *redis,
                                    const struct fingerprint *print,
                                    uint32_t newer_than, struct error *err);

#endif
