/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/terms.h"

#include <stdbool.h>
#include <stdlib.h>

enum {
    ITEM_BITS = 32,
    /* Digital silence gives one item; what is nearly silent differs from it in
     * the lowest bits. */
    SILENCE_BITS = 24,
};
static const uint32_t no_term = UINT32_MAX; /* over TERM_BITS: never one */

/* The lower bits of an item are the weaker ones. */
static uint32_t upper_bits(uint32_t item)
{
    return item >> (ITEM_BITS - TERM_BITS);
}

static bool is_silence(uint32_t bits)
{
    const uint32_t silence = FINGERPRINT_SILENCE;
    return bits >> (TERM_BITS - SILENCE_BITS) ==
           silence >> (ITEM_BITS - SILENCE_BITS);
}

/* Spreads 28 bits evenly over 28 bits, one to one: odd multipliers and xor
 * shifts can be undone. The smallest of a window is then a fair choice. */
static uint32_t mix(uint32_t bits)
{
    const uint32_t mask = (1U << TERM_BITS) - 1;

    bits ^= bits >> 15;
    bits = bits * 0x5bd1e995U & mask;
    bits ^= bits >> 13;
    bits = bits * 0x2c1b3c6dU & mask;
    bits ^= bits >> 14;
    return bits;
}

/* Sorts seven bits at a time, each pass stable (qsort took nearly all the time
 * that the terms of a query take). */
static void sort(uint32_t *values, uint32_t *spare, size_t count)
{
    enum { DIGIT_BITS = 7, DIGITS = 1 << DIGIT_BITS };
    _Static_assert(TERM_BITS % (2 * DIGIT_BITS) == 0,
                   "an even number of passes: they end where they began");

    for (unsigned shift = 0; shift < TERM_BITS; shift += DIGIT_BITS) {
        size_t starts[DIGITS + 1] = {0};
        for (size_t i = 0; i < count; i++) {
            starts[(values[i] >> shift & (DIGITS - 1)) + 1]++;
        }
        for (size_t i = 1; i < DIGITS; i++) {
            starts[i] += starts[i - 1];
        }
        for (size_t i = 0; i < count; i++) {
            spare[starts[values[i] >> shift & (DIGITS - 1)]++] = values[i];
        }
        uint32_t *sorted = spare;
        spare = values;
        values = sorted;
    }
}

/* Behind the terms is room for as many. */
static void sort_unique(struct terms *terms)
{
    size_t kept = 0;

    sort(terms->values, terms->values + terms->count, terms->count);
    for (size_t i = 0; i < terms->count; i++) {
        if (kept == 0 || terms->values[kept - 1] != terms->values[i]) {
            terms->values[kept++] = terms->values[i];
        }
    }
    terms->count = kept;
}

/* The upper bits of all items in their order, without silence and without
 * repeats of the item before: they say nothing about which music it is. */
static enum status list_bits(struct terms *out, const struct fingerprint *print,
                             struct error *err)
{
    uint32_t before = no_term;

    *out = (struct terms){0};
    /* twice for sort_unique(); calloc of nothing may give NULL */
    out->values = calloc(2 * print->item_count + 1, sizeof *out->values);
    if (out->values == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left for index terms");
    }
    for (size_t i = 0; i < print->item_count; i++) {
        uint32_t bits = upper_bits(print->items[i]);
        if (!is_silence(bits) && bits != before) {
            out->values[out->count++] = bits;
        }
        before = bits;
    }
    return STATUS_OK;
}

static enum status list_terms(struct terms *out,
                              const struct fingerprint *print,
                              struct error *err)
{
    enum status status = list_bits(out, print, err);

    for (size_t i = 0; i < out->count; i++) {
        out->values[i] = mix(out->values[i]);
    }
    return status;
}

/* Keeps of every TERM_WINDOW_ITEMS consecutive terms the smallest (winnowing,
 * Schleimer, Wilkerson, Aiken 2003: two prints that share a window share its
 * term). Fewer terms than a window are one window. */
static void winnow(struct terms *terms)
{
    size_t window =
        terms->count < TERM_WINDOW_ITEMS ? terms->count : TERM_WINDOW_ITEMS;
    size_t kept = 0;
    size_t smallest = SIZE_MAX; /* not known */

    for (size_t start = 0; window > 0 && start + window <= terms->count;
         start++) {
        size_t last = start + window - 1;
        bool moved = false;
        if (smallest == SIZE_MAX || smallest < start) {
            smallest = start;
            for (size_t i = start + 1; i <= last; i++) {
                if (terms->values[i] <= terms->values[smallest]) {
                    smallest = i;
                }
            }
            moved = true;
        } else if (terms->values[last] <= terms->values[smallest]) {
            smallest = last;
            moved = true;
        }
        if (moved) {
            /* at most `start` were kept so far: nothing needed is hit */
            terms->values[kept++] = terms->values[smallest];
        }
    }
    terms->count = kept;
}

enum status terms_for_query(struct terms *out, const struct fingerprint *print,
                            struct error *err)
{
    enum status status = list_terms(out, print, err);

    if (status == STATUS_OK) {
        sort_unique(out);
    }
    return status;
}

enum status terms_for_index(struct terms *out, const struct fingerprint *print,
                            struct error *err)
{
    enum status status = list_terms(out, print, err);

    if (status == STATUS_OK) {
        winnow(out);
        sort_unique(out);
    }
    return status;
}

/* Keeps the smallest TERMS_NEIGHBOURS_MAX, each once. Returns what any further
 * one must be under. */
static uint32_t keep_smallest(struct terms *terms)
{
    sort_unique(terms);
    if (terms->count < TERMS_NEIGHBOURS_MAX) {
        return no_term;
    }
    terms->count = TERMS_NEIGHBOURS_MAX;
    return terms->values[TERMS_NEIGHBOURS_MAX - 1];
}

static void remove_own(struct terms *terms, const struct terms *own)
{
    size_t kept = 0;

    for (size_t i = 0, j = 0; i < terms->count; i++) {
        while (j < own->count && own->values[j] < terms->values[i]) {
            j++;
        }
        if (j == own->count || own->values[j] != terms->values[i]) {
            terms->values[kept++] = terms->values[i];
        }
    }
    terms->count = kept;
}

enum status terms_neighbours(struct terms *out, const struct fingerprint *print,
                             struct error *err)
{
    struct terms bits = {0};
    struct terms own = {0};
    uint32_t bound = no_term;
    enum status status = list_bits(&bits, print, err);

    *out = (struct terms){0};
    if (status == STATUS_OK) {
        status = terms_for_query(&own, print, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    out->values = calloc((size_t)4 * TERMS_NEIGHBOURS_MAX, sizeof *out->values);
    if (out->values == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory left for index terms");
        goto out;
    }
    sort_unique(&bits);
    for (size_t i = 0; i < bits.count * TERM_BITS; i++) {
        uint32_t term = mix(bits.values[i / TERM_BITS] ^ 1U << (i % TERM_BITS));
        if (term < bound) {
            out->values[out->count++] = term;
        }
        if (out->count == (size_t)2 * TERMS_NEIGHBOURS_MAX) {
            bound = keep_smallest(out);
        }
    }
    (void)keep_smallest(out);
    remove_own(out, &own);
out:
    terms_clear(&bits);
    terms_clear(&own);
    return status;
}

void terms_clear(struct terms *terms)
{
    free(terms->values);
    *terms = (struct terms){0};
}
