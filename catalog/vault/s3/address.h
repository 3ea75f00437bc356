/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_ADDRESS_H
#define REFRAIN_CATALOG_VAULT_S3_ADDRESS_H

#include "catalog/vault/crypto.h"
#include "catalog/vault/store_s3.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where things are in a bucket: settings -> keys and URLs. Everything in a URL
 *  is written as the signature wants to have it, the query sorted and encoded,
 *  since libcurl 7.88 signs it as it is given. Pure; thread-safe. */

enum {
    S3_PREFIX_MAX = 200,
    S3_KEY_SIZE = 1024 + 1, /* S3's own limit; ours have 268 at most */
    S3_BASE_SIZE = 400,
    /* an encoded byte is three characters */
    S3_URL_SIZE = S3_BASE_SIZE + 3 * (S3_PREFIX_MAX + S3_KEY_SIZE) + 100,
};

struct s3_address {
    char base[S3_BASE_SIZE];        /* of the bucket, without '/' at its end */
    char prefix[S3_PREFIX_MAX + 2]; /* "" or "music/" */
    bool bucket_in_path;
    bool https;
};

/** Checks all settings of where and who. STATUS_INVALID "store_config". */
MUST_USE enum status s3_address_init(struct s3_address *out,
                                     const struct store_s3_config *config,
                                     struct error *err);

void s3_object_key(char out[S3_KEY_SIZE], const struct s3_address *address,
                   const uint8_t name[SHA256_BYTES]);
/** The name that a key stands for; false: it is none of ours. */
bool s3_key_name(uint8_t out[SHA256_BYTES], const char *prefix,
                 const char *key);

void s3_object_url(char out[S3_URL_SIZE], const struct s3_address *address,
                   const uint8_t name[SHA256_BYTES]);
/** Of an object that is no chunk, for trying to write. */
void s3_probe_url(char out[S3_URL_SIZE], const struct s3_address *address);
/** after  the key to list behind, or "" */
void s3_list_url(char out[S3_URL_SIZE], const struct s3_address *address,
                 unsigned page_max, const char *after);

#endif
