/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_STORE_S3_H
#define REFRAIN_CATALOG_VAULT_STORE_S3_H

#include "catalog/vault/store.h"
#include "matcher/status.h"

#include <stdbool.h>

/** A store in a bucket of anything that speaks S3 (signature version 4,
 *  ListObjectsV2). An object's key is PREFIX/ab/abcd…, as in a folder, so that
 *  a folder can be copied into a bucket as it is. Neither keys nor headers say
 *  more than the name does. */

enum store_s3_style {
    STORE_S3_PATH,         /* https://HOST/BUCKET/KEY */
    STORE_S3_VIRTUAL_HOST, /* https://BUCKET.HOST/KEY */
};

enum {
    STORE_S3_TIMEOUT_MS = 30000, /* of a whole call, all its tries */
    STORE_S3_TRIES = 5,
    STORE_S3_CONNECTIONS = 16,
    STORE_S3_PAGE = 1000, /* objects an answer; S3 gives no more */
};

/** Everything is borrowed for the call of store_s3_open(). */
struct store_s3_config {
    const char *endpoint; /* https://HOST or https://HOST:PORT */
    const char *region;   /* us-east-1; goes into the signature */
    const char *bucket;   /* there already */
    const char *prefix;   /* of every key, without '/' around; NULL: none */
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
    enum store_s3_style style;
    const char *ca_file; /* PEM, of those who may sign the endpoint's
                            certificate; NULL: the system's */
    bool allow_http;     /* to other machines; to this one it always is */
    /* 0: as above */
    unsigned timeout_ms;
    unsigned tries_max;
    unsigned connections_max;
    unsigned page_max;
};

/** Opens the store; nothing is asked of the server yet (probe does that). The
 *  secrets are copied, and the copies overwritten by close; those that libcurl
 *  makes during a call are freed without that.
 *
 *  STATUS_INVALID "store_config": a setting cannot be right, the sentence says
 *  which; STATUS_NO_MEMORY.
 *
 *  Its methods give, besides what store.h says, STATUS_UNAVAILABLE
 *    "store_unreachable"  no answer, at the last of all tries
 *    "store_busy"         HTTP 408, 409, 429, 500, 502, 503, 504, likewise; or
 *                         no connection became free
 *    "store_denied"       key, secret, token or rights: the sentence says which
 *    "store_bucket"       there is no such bucket
 *    "store_clock"        the clocks differ too much for signatures
 *    "store_region"       wrong endpoint or region; redirects are not followed
 *    "store_certificate"  the endpoint is not whom it should be
 *    "store_altered"      what arrived is not what was sent
 *    "store_refused"      any other answer that this program does not expect
 *    "store_listing"      a listing that is none
 *  After five calls in a row that ended with one of the first two, callers get
 *  the last error at once for five seconds; then one call tries. */
MUST_USE enum status store_s3_open(struct store **out,
                                   const struct store_s3_config *config,
                                   struct error *err);

#endif
