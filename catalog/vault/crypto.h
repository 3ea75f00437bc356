/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_CRYPTO_H
#define REFRAIN_CATALOG_VAULT_CRYPTO_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** OpenSSL's one home: the few primitives that Refrain uses, with lengths in
 *  the prototypes. Thread-safe; failures of the library itself (no memory)
 *  assert, since no caller can do anything about them. */

enum {
    SHA256_BYTES = 32,
    AES128_KEY_BYTES = 16,
    AES256_KEY_BYTES = 32,
    GCM_NONCE_BYTES = 12,
    GCM_TAG_BYTES = 16,
    KEY_WRAP_EXTRA_BYTES = 8,
};

void crypto_random(void *out, size_t length);
void crypto_wipe(void *bytes, size_t length);

void crypto_sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length);
/** SHA-256 in pieces. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(void);
void crypto_hash_add(struct crypto_hash *hash, const void *bytes,
                     size_t length);
/** Writes the digest and frees `hash`. */
void crypto_hash_finish(struct crypto_hash *hash, uint8_t out[SHA256_BYTES]);

/** HMAC-SHA-256 (RFC 2104) over label (its text and a NUL, for domain
 *  separation) and bytes. Every key of ours is used with labels; NULL, for
 *  formats of others, leaves label and NUL out. */
void crypto_hmac(uint8_t out[SHA256_BYTES], const void *key, size_t key_length,
                 const char *label, const void *bytes, size_t length);

/** AES-128-GCM or AES-256-GCM, by key_length 16 or 32. out has length bytes;
 *  in place is fine. */
void crypto_gcm_seal(uint8_t *out, uint8_t tag[GCM_TAG_BYTES],
                     const uint8_t *key, size_t key_length,
                     const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                     size_t aad_length, const uint8_t *plain, size_t length);
/** STATUS_CORRUPT "sealed_bytes": the tag does not verify; out is wiped. */
MUST_USE enum status
crypto_gcm_open(uint8_t *out, const uint8_t *key, size_t key_length,
                const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                size_t aad_length, const uint8_t *sealed, size_t length,
                const uint8_t tag[GCM_TAG_BYTES], struct error *err);

/** The same with the key set up once, for many segments under one key: about
 *  1 us a call less than the above. One thread at a time. */
struct crypto_gcm;
struct crypto_gcm *crypto_gcm_new(const uint8_t *key, size_t key_length);
void crypto_gcm_seal_next(struct crypto_gcm *gcm, uint8_t *out,
                          uint8_t tag[GCM_TAG_BYTES],
                          const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                          size_t aad_length, const uint8_t *plain,
                          size_t length);
/** STATUS_CORRUPT "sealed_bytes" as above; the context stays usable. */
MUST_USE enum status crypto_gcm_open_next(struct crypto_gcm *gcm, uint8_t *out,
                                          const uint8_t nonce[GCM_NONCE_BYTES],
                                          const void *aad, size_t aad_length,
                                          const uint8_t *sealed, size_t length,
                                          const uint8_t tag[GCM_TAG_BYTES],
                                          struct error *err);
/** Wipes and frees; NULL is fine. */
void crypto_gcm_free(struct crypto_gcm *gcm);

/** AES-256 key wrap, RFC 3394. Unwrapping: STATUS_CORRUPT "sealed_bytes" when
 *  the wrapped key does not verify; out is wiped. */
void crypto_key_wrap(uint8_t out[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES],
                     const uint8_t wrapping_key[AES256_KEY_BYTES],
                     const uint8_t key[AES256_KEY_BYTES]);
MUST_USE enum status crypto_key_unwrap(
    uint8_t out[AES256_KEY_BYTES], const uint8_t wrapping_key[AES256_KEY_BYTES],
    const uint8_t wrapped[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES],
    struct error *err);

#endif
