/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_XML_H
#define REFRAIN_CATALOG_VAULT_S3_XML_H

#include "catalog/vault/s3/address.h"
#include "catalog/vault/store.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>

/** libxml2's one home: what S3 answers in XML. Foreign bytes: read once from
 *  front to back, at most six elements deep; nothing outside of them is
 *  fetched, and a document type, which is where entities are defined, is
 *  refused. Thread-safe. */

enum {
    /* 1000 objects, keys of 1024 bytes, and about as much around each */
    S3_LISTING_MAX_BYTES = 4 * 1024 * 1024,
    S3_LISTING_MAX_ENTRIES = STORE_S3_PAGE,
    S3_CODE_SIZE = 64,
};

/** One page of a listing. A zeroed struct is an empty one. */
struct s3_listing {
    struct store_entry *entries; /* owned; in order of name */
    size_t entry_count;
    bool truncated;             /* there is more behind last_key */
    char last_key[S3_KEY_SIZE]; /* also of what is no object of ours; or "" */
};

/** Reads the answer to ListObjectsV2. Keys that are no objects of ours are
 *  passed over.
 *  out     the caller's on STATUS_OK: s3_listing_clear() it. Empty on error.
 *  prefix  of s3_address
 *  after   the key that was listed behind: a page that does not go on from
 *          there would make an endless listing
 *  STATUS_UNAVAILABLE "store_listing" no listing, out of order, or too much;
 *  STATUS_NO_MEMORY. */
MUST_USE enum status s3_listing_read(struct s3_listing *out, const char *prefix,
                                     const char *after, const void *bytes,
                                     size_t length, struct error *err);
void s3_listing_clear(struct s3_listing *listing);

/** The code of an error answer: "NoSuchKey"; "" when the bytes are none. It
 *  has letters and digits alone, so that it may stand in a message. */
void s3_error_code(char out[S3_CODE_SIZE], const void *bytes, size_t length);

#endif
