/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/crypto.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

/* A call into OpenSSL that can only fail for want of memory or by a bug of
 * ours: see the header. */
static void must(int result)
{
    assert(result > 0);
}

void crypto_random(void *out, size_t length)
{
    assert(length <= INT_MAX);
    must(RAND_priv_bytes(out, (int)length));
}

void crypto_wipe(void *bytes, size_t length)
{
    if (length > 0) {
        OPENSSL_cleanse(bytes, length);
    }
}

void crypto_sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length)
{
    struct crypto_hash *hash = crypto_hash_new();
    crypto_hash_add(hash, bytes, length);
    crypto_hash_finish(hash, out);
}

/* struct crypto_hash is OpenSSL's context under a name of ours. */
struct crypto_hash *crypto_hash_new(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert(context != NULL);
    must(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    return (struct crypto_hash *)context;
}

void crypto_hash_add(struct crypto_hash *hash, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)hash, bytes, length));
}

void crypto_hash_finish(struct crypto_hash *hash, uint8_t out[SHA256_BYTES])
{
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)hash, out, NULL));
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

void crypto_hmac(uint8_t out[SHA256_BYTES], const void *key, size_t key_length,
                 const char *label, const void *bytes, size_t length)
{
    EVP_PKEY *secret =
        EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, key, key_length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert(secret != NULL);
    assert(context != NULL);
    must(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, secret));
    if (label != NULL) {
        must(EVP_DigestSignUpdate(context, label, strlen(label) + 1));
    }
    must(EVP_DigestSignUpdate(context, bytes, length));
    size_t out_length = SHA256_BYTES;
    must(EVP_DigestSignFinal(context, out, &out_length));
    assert(out_length == SHA256_BYTES);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(secret);
}

/* The same for struct crypto_gcm. */
struct crypto_gcm *crypto_gcm_new(const uint8_t *key, size_t key_length)
{
    assert(key_length == AES128_KEY_BYTES || key_length == AES256_KEY_BYTES);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert(context != NULL);
    const EVP_CIPHER *cipher =
        key_length == AES128_KEY_BYTES ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    must(EVP_CipherInit_ex(context, cipher, NULL, key, NULL, 1));
    assert(EVP_CIPHER_CTX_get_iv_length(context) == GCM_NONCE_BYTES);
    return (struct crypto_gcm *)context;
}

void crypto_gcm_free(struct crypto_gcm *gcm)
{
    EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)gcm); /* wipes the key schedule */
}

/* Nonce, AAD and bytes: what sealing and opening share. */
static void gcm_run(EVP_CIPHER_CTX *context, int is_seal, uint8_t *out,
                    const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                    size_t aad_length, const uint8_t *in, size_t length)
{
    assert(aad_length <= INT_MAX);
    assert(length <= INT_MAX);
    int written = 0;
    must(EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, is_seal));
    if (aad_length > 0) {
        must(EVP_CipherUpdate(context, NULL, &written, aad, (int)aad_length));
    }
    if (length > 0) {
        must(EVP_CipherUpdate(context, out, &written, in, (int)length));
        assert((size_t)written == length);
    }
}

void crypto_gcm_seal_next(struct crypto_gcm *gcm, uint8_t *out,
                          uint8_t tag[GCM_TAG_BYTES],
                          const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                          size_t aad_length, const uint8_t *plain,
                          size_t length)
{
    EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *)gcm;
    uint8_t rest[GCM_TAG_BYTES]; /* GCM has no padding: stays empty */
    int written = 0;
    gcm_run(context, 1, out, nonce, aad, aad_length, plain, length);
    must(EVP_CipherFinal_ex(context, rest, &written));
    assert(written == 0);
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES,
                             tag));
}

enum status crypto_gcm_open_next(struct crypto_gcm *gcm, uint8_t *out,
                                 const uint8_t nonce[GCM_NONCE_BYTES],
                                 const void *aad, size_t aad_length,
                                 const uint8_t *sealed, size_t length,
                                 const uint8_t tag[GCM_TAG_BYTES],
                                 struct error *err)
{
    EVP_CIPHER_CTX *context = (EVP_CIPHER_CTX *)gcm;
    uint8_t expected[GCM_TAG_BYTES]; /* OpenSSL wants it writable */
    memcpy(expected, tag, sizeof expected);
    uint8_t rest[GCM_TAG_BYTES];
    int written = 0;
    gcm_run(context, 0, out, nonce, aad, aad_length, sealed, length);
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES,
                             expected));
    if (EVP_CipherFinal_ex(context, rest, &written) <= 0) {
        crypto_wipe(out, length);
        return error_set(err, STATUS_CORRUPT, "sealed_bytes",
                         "sealed bytes do not verify: they were changed, or "
                         "belong to another key");
    }
    return STATUS_OK;
}

void crypto_gcm_seal(uint8_t *out, uint8_t tag[GCM_TAG_BYTES],
                     const uint8_t *key, size_t key_length,
                     const uint8_t nonce[GCM_NONCE_BYTES], const void *aad,
                     size_t aad_length, const uint8_t *plain, size_t length)
{
    struct crypto_gcm *gcm = crypto_gcm_new(key, key_length);
    crypto_gcm_seal_next(gcm, out, tag, nonce, aad, aad_length, plain, length);
    crypto_gcm_free(gcm);
}

enum status crypto_gcm_open(uint8_t *out, const uint8_t *key, size_t key_length,
                            const uint8_t nonce[GCM_NONCE_BYTES],
                            const void *aad, size_t aad_length,
                            const uint8_t *sealed, size_t length,
                            const uint8_t tag[GCM_TAG_BYTES], struct error *err)
{
    struct crypto_gcm *gcm = crypto_gcm_new(key, key_length);
    enum status status = crypto_gcm_open_next(gcm, out, nonce, aad, aad_length,
                                              sealed, length, tag, err);
    crypto_gcm_free(gcm);
    return status;
}

/* RFC 3394 with its default initial value (section 2.2.3.1). */
static int key_wrap_run(uint8_t *out, const uint8_t *wrapping_key,
                        const uint8_t *in, size_t length, int is_wrap)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert(context != NULL);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    must(EVP_CipherInit_ex(context, EVP_aes_256_wrap(), NULL, wrapping_key,
                           NULL, is_wrap));
    int written = 0;
    int result = EVP_CipherUpdate(context, out, &written, in, (int)length);
    EVP_CIPHER_CTX_free(context);
    return result > 0 ? written : -1;
}

void crypto_key_wrap(uint8_t out[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES],
                     const uint8_t wrapping_key[AES256_KEY_BYTES],
                     const uint8_t key[AES256_KEY_BYTES])
{
    int written = key_wrap_run(out, wrapping_key, key, AES256_KEY_BYTES, 1);
    assert(written == AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES);
}

enum status crypto_key_unwrap(
    uint8_t out[AES256_KEY_BYTES], const uint8_t wrapping_key[AES256_KEY_BYTES],
    const uint8_t wrapped[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES],
    struct error *err)
{
    /* OpenSSL works in the output and may use all of the input's length */
    uint8_t key[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES] = {0};
    int written = key_wrap_run(key, wrapping_key, wrapped, sizeof key, 0);
    enum status status = STATUS_OK;
    if (written == AES256_KEY_BYTES) {
        memcpy(out, key, AES256_KEY_BYTES);
    } else {
        crypto_wipe(out, AES256_KEY_BYTES);
        status = error_set(err, STATUS_CORRUPT, "sealed_bytes",
                           "a wrapped key does not verify: it was changed, or "
                           "wrapped under another key");
    }
    crypto_wipe(key, sizeof key);
    return status;
}
