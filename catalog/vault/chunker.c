/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/chunker.h"

#include "matcher/buffer.h"

#include <assert.h>

enum {
    /* a byte is shifted out of the 64-bit hash after 64 more */
    WINDOW_BYTES = 64,
    /* 2^18 = CHUNKER_NORMAL_BYTES; level 2 asks for two bits more before that
     * length and two fewer after it, which draws lengths towards it */
    NORMAL_BITS = 18,
    LEVEL = 2,
    VALUES_PER_HMAC = SHA256_BYTES / 8,
};
_Static_assert(1 << NORMAL_BITS == CHUNKER_NORMAL_BYTES, "bits of the masks");
_Static_assert(CHUNKER_MIN_BYTES >= (int)WINDOW_BYTES, "the window must fit");

/* The highest bits, since they have seen the most bytes: bit 44, the lowest
 * one asked, has seen 45. */
#define MASK_HIGH_BITS(count) (UINT64_MAX << (64 - (count)))
static const uint64_t MASK_BEFORE_NORMAL = MASK_HIGH_BITS(NORMAL_BITS + LEVEL);
static const uint64_t MASK_AFTER_NORMAL = MASK_HIGH_BITS(NORMAL_BITS - LEVEL);

void chunker_gear_init(struct chunker_gear *out,
                       const uint8_t secret[SHA256_BYTES])
{
    for (size_t i = 0; i < 256 / VALUES_PER_HMAC; i++) {
        uint8_t digest[SHA256_BYTES];
        uint8_t index = (uint8_t)i;
        crypto_hmac(digest, secret, SHA256_BYTES, "gear", &index, 1);
        for (size_t j = 0; j < VALUES_PER_HMAC; j++) {
            out->values[VALUES_PER_HMAC * i + j] = load_u64le(digest + 8 * j);
        }
        crypto_wipe(digest, sizeof digest);
    }
}

/* Goes on from `at` to the first position up to `end` whose hash has the
 * mask's bits all zero; `end` when there is none. */
static size_t scan(const struct chunker_gear *gear, const uint8_t *bytes,
                   size_t at, size_t end, uint64_t mask, uint64_t *hash)
{
    uint64_t rolling = *hash;
    while (at < end) {
        rolling = (rolling << 1) + gear->values[bytes[at]];
        at++;
        if ((rolling & mask) == 0) {
            break;
        }
    }
    *hash = rolling;
    return at;
}

size_t chunker_cut(const struct chunker_gear *gear, const uint8_t *bytes,
                   size_t length)
{
    assert(length > 0);
    if (length <= CHUNKER_MIN_BYTES) {
        return length;
    }
    size_t end = length < CHUNKER_MAX_BYTES ? length : CHUNKER_MAX_BYTES;
    size_t normal = end < CHUNKER_NORMAL_BYTES ? end : CHUNKER_NORMAL_BYTES;
    uint64_t hash = 0;
    for (size_t i = CHUNKER_MIN_BYTES - WINDOW_BYTES; i < CHUNKER_MIN_BYTES;
         i++) {
        hash = (hash << 1) + gear->values[bytes[i]];
    }
    size_t at =
        scan(gear, bytes, CHUNKER_MIN_BYTES, normal, MASK_BEFORE_NORMAL, &hash);
    if (at < normal || (hash & MASK_BEFORE_NORMAL) == 0) {
        return at;
    }
    return scan(gear, bytes, at, end, MASK_AFTER_NORMAL, &hash);
}
