/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/matcher/prints.h"

#include "matcher/audio.h"
#include "tests/support/pattern.h"

#include <stdlib.h>
#include <string.h>

static struct fingerprint make(size_t item_count)
{
    struct fingerprint print = {.item_count = item_count};

    print.items = calloc(item_count, sizeof *print.items);
    print.levels = calloc(item_count, 1);
    if (print.items == NULL || print.levels == NULL) {
        abort();
    }
    return print;
}

struct fingerprint prints_random(uint64_t seed, size_t item_count)
{
    struct fingerprint print = make(item_count);

    pattern_fill((uint8_t *)print.items, item_count * sizeof *print.items,
                 seed);
    pattern_fill(print.levels, item_count, seed ^ UINT64_MAX);
    for (size_t i = 0; i < item_count; i++) {
        print.levels[i] = (uint8_t)(30 + print.levels[i] % 9);
    }
    return print;
}

struct fingerprint prints_constant(uint32_t item, uint8_t level,
                                   size_t item_count)
{
    struct fingerprint print = make(item_count);

    for (size_t i = 0; i < item_count; i++) {
        print.items[i] = item;
        print.levels[i] = level;
    }
    return print;
}

struct fingerprint prints_slice(const struct fingerprint *print, size_t first,
                                size_t item_count)
{
    struct fingerprint slice = make(item_count);

    memcpy(slice.items, print->items + first, item_count * sizeof *slice.items);
    memcpy(slice.levels, print->levels + first, item_count);
    return slice;
}

struct fingerprint prints_join(const struct fingerprint *a,
                               const struct fingerprint *b)
{
    struct fingerprint joined = make(a->item_count + b->item_count);

    memcpy(joined.items, a->items, a->item_count * sizeof *a->items);
    memcpy(joined.levels, a->levels, a->item_count);
    memcpy(joined.items + a->item_count, b->items,
           b->item_count * sizeof *b->items);
    memcpy(joined.levels + a->item_count, b->levels, b->item_count);
    return joined;
}

void prints_spoil(struct fingerprint *print, size_t first, size_t item_count,
                  double rate)
{
    double owed = 0;
    unsigned bit = 0;

    for (size_t i = first; i < first + item_count; i++) {
        owed += rate * 32;
        while (owed >= 1) {
            print->items[i] ^= UINT32_C(1) << bit;
            bit = (bit + 7) % 32; /* 7 and 32 share no factor: all bits */
            owed -= 1;
        }
    }
}

uint32_t prints_duration_ms(const struct fingerprint *print)
{
    return (uint32_t)(((print->item_count - 1) * FINGERPRINT_HOP_SAMPLES +
                       FINGERPRINT_ITEM_SAMPLES) *
                      1000 / PCM_RATE_HZ);
}
