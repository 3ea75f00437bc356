/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/answer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUSY                                                                   \
    S3_AGAIN, "store_busy",                                                    \
        "the store is overloaded or in trouble: it is asked again later; see " \
        "to it if this goes on"
#define DENIED_KEY                                                             \
    S3_REFUSED, "store_denied",                                                \
        "the store does not know the access key: correct it"
#define DENIED_SECRET                                                          \
    S3_REFUSED, "store_denied",                                                \
        "the store does not accept the signature: correct the secret key, "    \
        "then look at the region"
#define DENIED_TOKEN                                                           \
    S3_REFUSED, "store_denied",                                                \
        "the store does not accept the session token, or it has expired: get " \
        "a new one"
#define DENIED_RIGHTS                                                          \
    S3_REFUSED, "store_denied",                                                \
        "the store refuses access: check the access key, and give it the "     \
        "rights to list, get, put and delete in the bucket"
#define NO_BUCKET                                                              \
    S3_REFUSED, "store_bucket",                                                \
        "there is no such bucket: create it, or correct the names of bucket "  \
        "and endpoint"
#define CLOCK                                                                  \
    S3_REFUSED, "store_clock",                                                 \
        "the clocks of this machine and of the store differ too much: set "    \
        "this one by NTP"
#define REGION                                                                 \
    S3_REFUSED, "store_region",                                                \
        "the bucket is in another place: correct the region and the endpoint"
#define ALTERED                                                                \
    S3_AGAIN, "store_altered",                                                 \
        "what arrives at the store is not what was sent: look for what "       \
        "changes it on the way"
#define FULL                                                                   \
    S3_REFUSED, "vault_full",                                                  \
        "no space left in the store: free some, or raise its quota"
#define REFUSED                                                                \
    S3_REFUSED, "store_refused",                                               \
        "the store gives an answer that is not expected: check that its "      \
        "endpoint speaks S3"

/* The first line that fits; no code stands for any, no status likewise. */
static const struct {
    const char *code;
    long http_status;
    struct s3_verdict verdict;
} VERDICTS[] = {
    {"NoSuchKey", 0, {S3_MISSING, NULL, NULL}},
    {"NoSuchBucket", 0, {NO_BUCKET}},
    {"InvalidBucketName", 0, {NO_BUCKET}},
    {"InvalidAccessKeyId", 0, {DENIED_KEY}},
    {"SignatureDoesNotMatch", 0, {DENIED_SECRET}},
    {"ExpiredToken", 0, {DENIED_TOKEN}},
    {"InvalidToken", 0, {DENIED_TOKEN}},
    {"TokenRefreshRequired", 0, {DENIED_TOKEN}},
    {"RequestTimeTooSkewed", 0, {CLOCK}},
    {"RequestExpired", 0, {CLOCK}},
    {"AuthorizationHeaderMalformed", 0, {REGION}},
    {"PermanentRedirect", 0, {REGION}},
    {"XAmzContentSHA256Mismatch", 0, {ALTERED}},
    {"BadDigest", 0, {ALTERED}},
    {"IncompleteBody", 0, {ALTERED}},
    {"RequestTimeout", 0, {BUSY}},
    {"SlowDown", 0, {BUSY}},
    {"QuotaExceeded", 0, {FULL}},
    {NULL, 301, {REGION}},
    {NULL, 302, {REGION}},
    {NULL, 307, {REGION}},
    {NULL, 308, {REGION}},
    {NULL, 401, {DENIED_RIGHTS}},
    {NULL, 403, {DENIED_RIGHTS}},
    {NULL, 408, {BUSY}},
    {NULL, 409, {BUSY}},
    {NULL, 413, {FULL}}, /* Swift's quotas; an object has 1 MiB at most */
    {NULL, 429, {BUSY}},
    {NULL, 500, {BUSY}},
    {NULL, 502, {BUSY}},
    {NULL, 503, {BUSY}},
    {NULL, 504, {BUSY}},
    {NULL, 507, {FULL}},
    {NULL, 0, {REFUSED}},
};

struct s3_verdict s3_judge(long http_status, const char *code)
{
    const size_t last = sizeof VERDICTS / sizeof VERDICTS[0] - 1;
    if (http_status >= 200 && http_status < 300) {
        return (struct s3_verdict){.outcome = S3_DONE};
    }
    for (size_t i = 0; i < last; i++) {
        if ((VERDICTS[i].code == NULL || strcmp(VERDICTS[i].code, code) == 0) &&
            (VERDICTS[i].http_status == 0 ||
             VERDICTS[i].http_status == http_status)) {
            return VERDICTS[i].verdict;
        }
    }
    return VERDICTS[last].verdict;
}

/* Digits up to `stop`, which is passed over. */
static const char *read_number(uint64_t *out, const char *text, char stop)
{
    size_t length = strspn(text, "0123456789");
    if (length < 1 || length > 18 || text[length] != stop) {
        return NULL;
    }
    *out = strtoull(text, NULL, 10);
    return text + length + 1;
}

bool s3_content_range_read(struct s3_content_range *out, const char *value)
{
    *out = (struct s3_content_range){0};
    if (strncmp(value, "bytes ", 6) != 0) {
        return false;
    }
    value = read_number(&out->first, value + 6, '-');
    if (value != NULL) {
        value = read_number(&out->last, value, '/');
    }
    if (value != NULL) {
        value = read_number(&out->total, value, '\0');
    }
    return value != NULL && out->first <= out->last && out->last < out->total;
}
