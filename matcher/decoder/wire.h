/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_WIRE_H
#define REFRAIN_MATCHER_DECODER_WIRE_H

#include "matcher/audio.h"
#include "matcher/buffer.h"
#include "matcher/fingerprint.h"
#include "matcher/sound.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The messages between refrain-decoder and the pool that drives it: bytes in
 *  and out, no I/O (pure). Layouts: matcher/README.md, "Decoder's wire". The
 *  decoder may have been taken over by the file that it reads, so every field
 *  is checked here before anybody uses it: STATUS_CORRUPT "wire_corrupt". */

enum {
    WIRE_VERSION = 2,
    WIRE_HEADER_BYTES = 8,
    WIRE_MAX_BODY_BYTES = 3 * 1024 * 1024, /* facts with the largest cover */
    WIRE_MAX_QUESTION_BYTES = 16,          /* the body of what the pool asks */
};

enum wire_type {
    WIRE_PROGRESS = 1, /* decoder: so much is decoded */
    WIRE_FACTS = 2,    /* decoder: what the file is; a WIRE_PRINT follows */
    WIRE_PRINT = 3,    /* decoder: a fingerprint */
    WIRE_FAILURE = 4,  /* decoder: a status and its error */
    WIRE_REQUEST = 5,  /* pool: fingerprint these samples */
    WIRE_READ = 6,     /* pool: show these samples */
    WIRE_SAMPLES = 7,  /* decoder: samples */
};

struct wire_header {
    enum wire_type type;
    uint32_t body_length;
};

struct wire_request {
    uint64_t start;
    uint64_t count;
};

/** Samples [start, start + count) of a channel; count 1 to SOUND_READ_MAX. */
struct wire_read {
    enum pcm_channel channel;
    uint32_t count;
    uint64_t start;
};

/** What there is to be read. */
struct wire_extent {
    uint64_t sample_count; /* of each channel */
    bool has_side;
};

/* Each appends one whole message, header included. */
MUST_USE enum status wire_put_progress(struct buffer *out, uint32_t decoded_ms,
                                       struct error *err);
MUST_USE enum status wire_put_facts(struct buffer *out,
                                    const struct audio_facts *facts,
                                    const struct wire_extent *extent,
                                    struct error *err);
MUST_USE enum status wire_put_print(struct buffer *out,
                                    const struct fingerprint *print,
                                    struct error *err);
MUST_USE enum status wire_put_failure(struct buffer *out, enum status failed,
                                      const struct error *why,
                                      struct error *err);
MUST_USE enum status wire_put_request(struct buffer *out,
                                      const struct wire_request *request,
                                      struct error *err);
MUST_USE enum status wire_put_read(struct buffer *out,
                                   const struct wire_read *read,
                                   struct error *err);
/** The answer to `read`, which is part of it: read->count samples. */
MUST_USE enum status wire_put_samples(struct buffer *out,
                                      const struct wire_read *read,
                                      const int16_t *samples,
                                      struct error *err);

/** Reads the WIRE_HEADER_BYTES of a header: version, type and a body length
 *  that the type can have. */
MUST_USE enum status wire_parse_header(struct wire_header *out,
                                       const uint8_t *bytes, struct error *err);

/* Each reads the body of its message. Owners that are filled are the caller's
 * on STATUS_OK and empty otherwise. */
MUST_USE enum status wire_parse_progress(uint32_t *decoded_ms,
                                         const uint8_t *body, size_t length,
                                         struct error *err);
/** out->cover is owned: buffer_clear() it. */
MUST_USE enum status wire_parse_facts(struct audio_facts *out,
                                      struct wire_extent *extent,
                                      const uint8_t *body, size_t length,
                                      struct error *err);
MUST_USE enum status wire_parse_print(struct fingerprint *out,
                                      const uint8_t *body, size_t length,
                                      struct error *err);
MUST_USE enum status wire_parse_request(struct wire_request *out,
                                        const uint8_t *body, size_t length,
                                        struct error *err);
MUST_USE enum status wire_parse_read(struct wire_read *out, const uint8_t *body,
                                     size_t length, struct error *err);
/** Copies asked->count samples to `out`; the body must answer what was asked,
 *  no other channel, place or count. */
MUST_USE enum status wire_parse_samples(int16_t *out,
                                        const struct wire_read *asked,
                                        const uint8_t *body, size_t length,
                                        struct error *err);
/** *failed: STATUS_INVALID, STATUS_UNAVAILABLE or STATUS_NO_MEMORY; *why: its
 *  code and sentence. */
MUST_USE enum status wire_parse_failure(enum status *failed, struct error *why,
                                        const uint8_t *body, size_t length,
                                        struct error *err);

#endif
