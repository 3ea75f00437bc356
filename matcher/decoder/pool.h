/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_POOL_H
#define REFRAIN_MATCHER_DECODER_POOL_H

#include "matcher/audio.h"
#include "matcher/fingerprint.h"
#include "matcher/sketch.h"
#include "matcher/sound.h"
#include "matcher/status.h"
#include "matcher/verdict.h"

/** Drives refrain-decoder: one sandboxed process a file, a bounded number at
 *  a time. Everything that comes back is treated as hostile. The program is
 *  started with the first file, links once, and forks for each
 *  (decoder/forker.h); no process outlives this one, however it ends. */

struct decoder_pool;
/** One file in one process. The PCM stays there until decoder_close, so that
 *  a further question costs no second decode. One thread at a time, which need
 *  not be the one that opened it. */
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
 *  STATUS_UNAVAILABLE  "no_decoder": no process could be started, or
 *                  refrain-decoder was ended from outside meanwhile: says
 *                  nothing of the file */
MUST_USE enum status decoder_open(struct decoder **out,
                                  struct decoder_pool *pool, int fd,
                                  struct error *err);
/** Borrowed until decoder_close. */
const struct audio_facts *decoder_facts(const struct decoder *decoder);
const struct fingerprint *decoder_fingerprint(const struct decoder *decoder);
/** Fingerprints samples [start, start + count) of the PCM (11025 Hz mono);
 *  count 0 means to the end. STATUS_INVALID when that is too short; else as
 *  decoder_open(). */
MUST_USE enum status decoder_print(struct decoder *decoder,
                                   struct fingerprint *out, size_t start,
                                   size_t count, struct error *err);
/** The samples, to be measured; borrowed from the decoder. Reading fails as
 *  decoder_open() does, with "unreadable" or "no_decoder". */
struct sound decoder_sound(struct decoder *decoder);
/** Ends the process and frees the place. NULL is fine. */
void decoder_close(struct decoder *decoder);

/** Where more of a reference comes from, when it turns out to be needed. Each
 *  is asked at most once a reference and match.
 *  sketch  gives the master's sketch: sketch_clear() it.
 *          STATUS_NOT_FOUND: there is none (taken down meanwhile, say); the
 *          reference then has no say
 *  master  opens the master with a decoder of another pool (this one's places
 *          are held by those who ask): decoder_close() it. May be NULL: there
 *          are no second looks.
 *          STATUS_NOT_FOUND, STATUS_INVALID: it cannot be had; what the sketch
 *          left in doubt is held */
struct reference_source {
    void *context;
    enum status (*sketch)(void *context, size_t index, struct sketch *out,
                          struct error *err);
    enum status (*master)(void *context, size_t index, struct decoder **out,
                          struct error *err);
};

/** Decides what `decoder`'s file is among `references`: aligns all (find), asks
 *  for the query at the phase of the eight that are most alike (identify), lays
 *  it on their sketches and, where those doubt, on their masters (compare).
 *  No match is a verdict, not an error.
 *  STATUS_INVALID "unreadable": the decoder ended meanwhile. */
MUST_USE enum status decoder_match(struct verdict *out, struct decoder *decoder,
                                   const struct reference *references,
                                   size_t reference_count,
                                   const struct reference_source *source,
                                   struct error *err);

#endif
