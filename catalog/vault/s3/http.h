/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_HTTP_H
#define REFRAIN_CATALOG_VAULT_S3_HTTP_H

#include "catalog/vault/crypto.h"
#include "catalog/vault/s3/answer.h"
#include "catalog/vault/store_s3.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** libcurl's home in catalog/: one signed request and its answer, over
 *  connections that are kept. Thread-safe: each request takes a handle of its
 *  own out of a bounded pool. */
struct s3_http;

/** config  as s3_address_init() accepted it; copied
 *  https   the endpoint's: the other scheme is not spoken
 *  STATUS_NO_MEMORY. */
MUST_USE enum status s3_http_open(struct s3_http **out,
                                  const struct store_s3_config *config,
                                  bool https, struct error *err);
/** No request may be under way. */
void s3_http_close(struct s3_http *http);

/** Everything borrowed. */
struct s3_request {
    const char *method; /* GET, HEAD, PUT, DELETE */
    const char *url;
    const void *body; /* of a PUT */
    size_t body_length;
    const uint8_t *body_sha256; /* SHA256_BYTES; NULL: there is no body */
    uint64_t range_first;       /* of a GET */
    uint64_t range_length;      /* 0: all */
    size_t answer_max_bytes;    /* what a good answer may have */
};

/** A zeroed struct is an empty one. */
struct s3_answer {
    long http_status;      /* 0: none came */
    struct buffer body;    /* all of a good answer; of others up to 64 KiB */
    uint64_t length_bytes; /* as announced: what HEAD asks for */
    bool has_range;
    struct s3_content_range range;
    uint32_t retry_after_ms; /* what the store asks for, or 0 */
};
void s3_answer_clear(struct s3_answer *answer);

/** Makes one try.
 *  deadline_ms  of s3_now_ms(): connecting, sending and the answer are over by
 *               then
 *  out   emptied first; the caller's in any case
 *  STATUS_OK: there is a whole answer, maybe a refusal. STATUS_UNAVAILABLE
 *  "store_unreachable" none, or not all of it; "store_busy" no handle was free
 *  until the deadline; "store_certificate", "store_refused" (more than
 *  answer_max_bytes): trying again is no use; STATUS_NO_MEMORY. */
MUST_USE enum status s3_http_perform(struct s3_http *http,
                                     const struct s3_request *request,
                                     int64_t deadline_ms, struct s3_answer *out,
                                     struct error *err);

/** A steady clock. */
int64_t s3_now_ms(void);

#endif
