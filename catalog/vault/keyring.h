/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_KEYRING_H
#define REFRAIN_CATALOG_VAULT_KEYRING_H

#include "catalog/vault/crypto.h"
#include "matcher/status.h"

#include <stdbool.h>

/** The secrets that never enter Redis: DIR/keys/ (0700), files 0400.
 *   master.key              wraps account keys (AES-256 key wrap)
 *   region-NAME.v1.secret   enters the derivation of a region's chunk keys, so
 *                           that a store's owner cannot confirm a known song
 *  Made at the first start on an empty data folder, synced before use; a
 *  missing file beside existing data is an error, never a new secret. */
struct keyring;

enum { WRAPPED_KEY_BYTES = AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES };

/** A new account's random key, in the clear and wrapped. */
struct account_key_pair {
    uint8_t key[AES256_KEY_BYTES]; /* wipe after use */
    uint8_t wrapped[WRAPPED_KEY_BYTES];
};

/** folder      DIR/keys
 *  may_create  first start: missing secrets are made
 *  STATUS_UNAVAILABLE "keys_missing", "keys_unreadable". */
MUST_USE enum status keyring_open(struct keyring **out, const char *folder,
                                  bool may_create, struct error *err);
void keyring_close(struct keyring *keyring);

void keyring_new_account_key(const struct keyring *keyring,
                             struct account_key_pair *out);
/** STATUS_CORRUPT "account_key". */
MUST_USE enum status keyring_unwrap(const struct keyring *keyring,
                                    uint8_t out[AES256_KEY_BYTES],
                                    const uint8_t wrapped[WRAPPED_KEY_BYTES],
                                    struct error *err);
/** The region's current secret and its version; NULL for a region that the
 *  keyring does not hold. */
const uint8_t *keyring_region_secret(const struct keyring *keyring,
                                     const char *region, uint8_t *version);
/** A name for an account's file contents that only this account's key can
 *  make (64 hex digits): finds "the same bytes again" without telling anyone
 *  who has the database which bytes they are. */
void keyring_content_id(char out[2 * SHA256_BYTES + 1],
                        const uint8_t account_key[AES256_KEY_BYTES],
                        const uint8_t file_sha256[SHA256_BYTES]);

#endif
