/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODE_H
#define REFRAIN_MATCHER_DECODE_H

#include "matcher/audio.h"
#include "matcher/status.h"

#include <stdint.h>

/** FFmpeg's home: any allowed file becomes samples, tags and facts. It
 *  runs inside refrain-decoder, which is sandboxed; here only what FFmpeg can
 *  be told: allow-lists of containers and codecs, no protocol, no second file,
 *  no video decoder (a cover is an opaque packet). */

enum {
    DECODE_MIN_RATE_HZ = 8000,
    DECODE_MAX_RATE_HZ = 192000,
    DECODE_MAX_CHANNELS = 8,
    /* Two hours: the longest file that is matched. */
    DECODE_MAX_MS = 2 * 60 * 60 * 1000,
    DECODE_MAX_COVER_BYTES = 2 * 1024 * 1024,
    /* A report of progress for every five minutes of audio. */
    DECODE_PROGRESS_MS = 5 * 60 * 1000,
};

/** A file to decode; borrowed for the call.
 *  fd          seekable, readable; its own position is neither used nor moved
 *  size_bytes  of the file, as fstat says
 *  progress    called with the milliseconds heard so far, at most once for
 *              DECODE_PROGRESS_MS; may be NULL
 *  context     handed to `progress` */
struct decode_input {
    int fd;
    uint64_t size_bytes;
    void (*progress)(void *context, uint32_t decoded_ms);
    void *context;
};

/** Silences FFmpeg's log, lets it look at the machine, which needs system calls
 *  that the sandbox refuses later, and fill its tables, which forks then share.
 *  Once, before the first decode. */
void decode_prepare(void);

/** Decodes the whole file into 11025 Hz: the mid with fpcalc's resampler
 *  settings, all channels in it; the side is half of the first less the second
 *  channel, by a shorter filter with the same cut-off, at the same time as the
 *  mid and as long. A file that is mono all along has none; where one is mono
 *  for a while, its side is silent. A packet that does not decode is left out;
 * a file that ends early gives what it has. out, facts  the caller's on
 * STATUS_OK: pcm_clear(), audio_facts_clear(). Empty on error. STATUS_INVALID
 * "not_audio"  no allowed container or codec, or next to nothing of it decodes
 *                  "too_short"  under FINGERPRINT_MIN_MS
 *                  "too_long"   over DECODE_MAX_MS
 *  STATUS_NO_MEMORY  nothing was kept. FFmpeg also says it of a file that asks
 *                    for an impossible amount. */
MUST_USE enum status decode_file(struct pcm *out, struct audio_facts *facts,
                                 const struct decode_input *input,
                                 struct error *err);

#endif
