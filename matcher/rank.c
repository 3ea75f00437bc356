/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/rank.h"

#include <assert.h>
#include <string.h>

enum { BYTES = 256 };

/* Order is kept when int16 becomes uint16. */
static unsigned key_of(int16_t value)
{
    return (unsigned)(value - INT16_MIN);
}

/* The byte in which rank lies; *rank becomes the rank within it. */
static unsigned find(const uint32_t *histogram, size_t *rank)
{
    unsigned byte = 0;

    while (*rank >= histogram[byte]) {
        *rank -= histogram[byte];
        byte++;
        assert(byte < BYTES);
    }
    return byte;
}

int16_t rank_select(const int16_t *values, size_t count, size_t rank)
{
    uint32_t histogram[BYTES] = {0};

    assert(rank < count && count <= UINT32_MAX);
    for (size_t i = 0; i < count; i++) {
        histogram[key_of(values[i]) >> 8]++;
    }
    unsigned high = find(histogram, &rank);
    memset(histogram, 0, sizeof histogram);
    for (size_t i = 0; i < count; i++) {
        unsigned key = key_of(values[i]);
        histogram[key & 0xff] += key >> 8 == high;
    }
    unsigned low = find(histogram, &rank);
    return (int16_t)((int)(high << 8 | low) + INT16_MIN);
}
