/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_PATTERN_H
#define REFRAIN_TESTS_SUPPORT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/** Bytes that look random and are the same on every run and in every language:
 *  x = 6364136223846793005 x + 1442695040888963407 mod 2^64, starting with
 *  x = seed; each byte is the highest of the new x. */
static inline void pattern_fill(uint8_t *out, size_t length, uint64_t seed)
{
    uint64_t x = seed;
    for (size_t i = 0; i < length; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(x >> 56);
    }
}

/** The next of a row of numbers below `limit`, for drawing positions. */
static inline uint64_t pattern_below(uint64_t *x, uint64_t limit)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*x >> 16) % limit;
}

#endif
