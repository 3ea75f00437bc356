/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_POOL_H
#define REFRAIN_MATCHER_DECODER_POOL_H

#include "matcher/audio.h"
#include "matcher/fingerprint.h"
#include "matcher/status.h"
#include "matcher/verdict.h"

/** Drives refrain-decoder: one sandboxed process a file, a bounded number at
 *  a time. Everything that comes back is treated as hostile. */

struct decoder_pool;
/** One file in one process. The PCM stays there until decoder_close, so that
 *  a further question costs no second decode. One thread at a time, and one
 *  that lives as long as the decoder does: when the thread that opened it ends,
 *  the kernel ends the process (PR_SET_PDEATHSIG looks at the thread, not at
 *  the program), so that no decoder outlives a server that was killed. */
struct decoder;

/** program        path of refrain-decoder; copied
 *  process_count  how many may run at once, 1..64
 *  STATUS_UNAVAILABLE "no_decoder": the program cannot be executed. */
MUST_USE enum status decoder_pool_open(struct decoder_pool **out,
                                       const char *program,
                                       unsigned process_count,
                                       struct error *err);
/** Waits for nobody: every decoder must have been closed. NULL is fine. */
void decoder_pool_close(struct decoder_pool *pool);

/** Decodes the file behind `fd` (seekable, read-only; borrowed) and waits for
 *  its facts and fingerprint; first for a free place in the pool.
 *  Thread-safe. On error nothing is left running.
 *  STATUS_INVALID  "not_audio" no allowed container or codec, or nothing to
 *                  decode; "too_short" under FINGERPRINT_MIN_MS; "too_long"
 *                  over two hours; "unreadable" the decoder died on it or ran
 *                  out of its budget (counted as hostile)
 *  STATUS_UNAVAILABLE  no process could be started. */
MUST_USE enum status decoder_open(struct decoder **out,
                                  struct decoder_pool *pool, int fd,
                                  struct error *err);
/** Borrowed until decoder_close. */
const struct audio_facts *decoder_facts(const struct decoder *decoder);
const struct fingerprint *decoder_fingerprint(const struct decoder *decoder);
/** Fingerprints samples [start, start + count) of the PCM (11025 Hz mono);
 *  count 0 means to the end. STATUS_INVALID when that is too short. */
MUST_USE enum status decoder_print(struct decoder *decoder,
                                   struct fingerprint *out, size_t start,
                                   size_t count, struct error *err);
/** Ends the process and frees the place. NULL is fine. */
void decoder_close(struct decoder *decoder);

/** Decides what `decoder`'s file is among `references`: aligns all, asks for
 *  the query at the phase of the eight that are most alike, compares editions.
 *  No match is a verdict, not an error.
 *  STATUS_INVALID "unreadable": the decoder ended meanwhile. */
MUST_USE enum status decoder_match(struct verdict *out, struct decoder *decoder,
                                   const struct reference *references,
                                   size_t reference_count, struct error *err);

#endif
