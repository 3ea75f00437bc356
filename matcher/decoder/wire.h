/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_WIRE_H
#define REFRAIN_MATCHER_DECODER_WIRE_H

#include "matcher/audio.h"
#include "matcher/buffer.h"
#include "matcher/fingerprint.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** The messages between refrain-decoder and the pool that drives it: bytes in
 *  and out, no I/O (pure). Layouts: matcher/README.md, "Decoder's wire". The
 *  decoder may have been taken over by the file that it reads, so every field
 *  is checked here before anybody uses it: STATUS_CORRUPT "wire_corrupt". */

enum {
    WIRE_VERSION = 1,
    WIRE_HEADER_BYTES = 8,
    WIRE_MAX_BODY_BYTES = 3 * 1024 * 1024, /* facts with the largest cover */
};

enum wire_type {
    WIRE_PROGRESS = 1, /* decoder: so much is decoded */
    WIRE_FACTS = 2,    /* decoder: what the file is; a WIRE_PRINT follows */
    WIRE_PRINT = 3,    /* decoder: a fingerprint */
    WIRE_FAILURE = 4,  /* decoder: a status and its error */
    WIRE_REQUEST = 5,  /* pool: fingerprint these samples */
};

struct wire_header {
    enum wire_type type;
    uint32_t body_length;
};

struct wire_request {
    uint64_t start;
    uint64_t count;
};

/* Each appends one whole message, header included. */
MUST_USE enum status wire_put_progress(struct buffer *out, uint32_t decoded_ms,
                                       struct error *err);
MUST_USE enum status wire_put_facts(struct buffer *out,
                                    const struct audio_facts *facts,
                                    uint64_t sample_count, struct error *err);
MUST_USE enum status wire_put_print(struct buffer *out,
                                    const struct fingerprint *print,
                                    struct error *err);
MUST_USE enum status wire_put_failure(struct buffer *out, enum status failed,
                                      const struct error *why,
                                      struct error *err);
MUST_USE enum status wire_put_request(struct buffer *out,
                                      const struct wire_request *request,
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
                                      uint64_t *sample_count,
                                      const uint8_t *body, size_t length,
                                      struct error *err);
MUST_USE enum status wire_parse_print(struct fingerprint *out,
                                      const uint8_t *body, size_t length,
                                      struct error *err);
MUST_USE enum status wire_parse_request(struct wire_request *out,
                                        const uint8_t *body, size_t length,
                                        struct error *err);
/** *failed: STATUS_INVALID, STATUS_UNAVAILABLE or STATUS_NO_MEMORY; *why: its
 *  code and sentence. */
MUST_USE enum status wire_parse_failure(enum status *failed, struct error *why,
                                        const uint8_t *body, size_t length,
                                        struct error *err);

#endif
