/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_ANSWER_H
#define REFRAIN_CATALOG_VAULT_S3_ANSWER_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stdint.h>

/** What an answer of S3 means. The codes are those of Amazon's list ("Error
 *  responses", S3 API reference), which the others follow more or less, so the
 *  HTTP status decides about codes that are not known. Pure; thread-safe. */

enum s3_outcome {
    S3_DONE,
    S3_MISSING, /* there is no such object */
    S3_AGAIN,   /* the same request may work in a while */
    S3_REFUSED, /* it will not */
};

struct s3_verdict {
    enum s3_outcome outcome;
    const char *code; /* "store_busy", …; of the last two only */
    const char *text; /* what to do, likewise */
};

/** code  of the error's XML, or "" */
struct s3_verdict s3_judge(long http_status, const char *code);

/** Content-Range: bytes FIRST-LAST/TOTAL (RFC 9110 §14.4). */
struct s3_content_range {
    uint64_t first;
    uint64_t last;
    uint64_t total;
};
/** value  what stands behind the header's name, without blanks around it.
 *  false: it is no such range, or one that does not fit into its total. */
bool s3_content_range_read(struct s3_content_range *out, const char *value);

#endif
