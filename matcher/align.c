/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/align.h"

#include "matcher/levels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEM_BITS = 32,
    /* Upper bits that two items share to vote for a lag (measured: 1.0000 of
     * 755 queries found by 24; the index needs more, to tell many songs). */
    VOTE_BITS = 24,
    /* Equal terms are counted pair by pair; one that both prints repeat more
     * often than this says nothing about where. */
    MAX_PAIRS_OF_TERM = 1024,
    /* Fewer votes for a lag are chance: real transcodes share 43 terms a
     * minute at the least (measured, 1st percentile). */
    MIN_VOTES = 4,
    /* A lag that was voted for is at most this far from the best one. */
    REFINE_ITEMS = 3,
    /* Two items a second apart with no more different bits stand still. */
    STILL_BITS = 2,
    STILL_ITEMS = 8,
    /* A window with fewer telling items cannot decide. */
    MIN_TELLING_OF_WINDOW = 8,
    /* The shortest segment: 3 s on the first lag, 5 s on any other. */
    MIN_SEGMENT_ITEMS = 24,
    MIN_FURTHER_SEGMENT_ITEMS = 40,
};

/* A window is alike up to this. Measured over 4 s: transcodes .151 at the most,
 * .195 with the worst phase in any second; other music .46, 1 % under .38. */
static const double max_window_error_rate = .20;

enum mark { MARK_OTHER = 0, MARK_UNDECIDED, MARK_ALIKE };

/* What is known of one print. */
struct side {
    const struct fingerprint *print; /* borrowed */
    bool *quiet;                     /* owned, item_count of them */
    bool *telling;                   /* owned, item_count of them */
};

/* The work of one align_prints. */
struct work {
    struct side query;
    struct side reference;
    uint32_t *votes;   /* owned; of lag (index - reference items) */
    uint32_t *errors;  /* owned; running sums of differing bits */
    uint32_t *heard;   /* owned; running sums of pairs that are not quiet */
    uint32_t *telling; /* owned; running sums of telling pairs */
    uint8_t *marks;    /* owned; of the query's items, on one lag */
    int8_t *owner;     /* owned; index of the lag that has the item, or -1 */
    int32_t lags[ALIGN_MAX_LAGS];
    size_t lag_count;
};

/* Counted in pairs, fours and bytes (Hacker's Delight, 5-1): without a compiler
 * option for newer processors, the built-in is a call of a function. */
static unsigned bits_of(uint32_t value)
{
    value -= value >> 1 & 0x55555555;
    value = (value & 0x33333333) + (value >> 2 & 0x33333333);
    value = (value + (value >> 4)) & 0x0f0f0f0f;
    return value * 0x01010101 >> 24;
}

double align_bit_error_rate(const uint32_t *query, const uint32_t *reference,
                            size_t count)
{
    size_t bits = 0;

    assert(count > 0);
    for (size_t i = 0; i < count; i++) {
        bits += bits_of(query[i] ^ reference[i]);
    }
    return (double)bits / (double)(count * ITEM_BITS);
}

void align_mark_quiet(bool *quiet, const struct fingerprint *print)
{
    enum { HOPS_BEFORE = FINGERPRINT_CENTRE_HOPS, HOPS_AFTER = 8 };
    uint8_t loud = levels_loud(print->levels, print->item_count);
    size_t count = print->item_count;
    size_t sounded = 0; /* hops up to the last one that sounds */
    size_t looked_at = 0;

    for (size_t i = 0; i < count; i++) {
        for (; looked_at < count && looked_at <= i + HOPS_AFTER; looked_at++) {
            if (print->levels[looked_at] + LEVELS_QUIET_STEPS > loud) {
                sounded = looked_at + 1;
            }
        }
        bool sounds = sounded > 0 && sounded + HOPS_BEFORE > i;
        quiet[i] = !sounds || print->items[i] == FINGERPRINT_SILENCE;
    }
}

static void mark_telling(struct side *side)
{
    const struct fingerprint *print = side->print;

    align_mark_quiet(side->quiet, print);
    for (size_t i = 0; i < print->item_count; i++) {
        size_t other = i >= STILL_ITEMS ? i - STILL_ITEMS : i + STILL_ITEMS;
        unsigned moved = other < print->item_count
                             ? bits_of(print->items[i] ^ print->items[other])
                             : 0;
        side->telling[i] = !side->quiet[i] && moved > STILL_BITS;
    }
}

static enum status side_init(struct side *side, const struct fingerprint *print,
                             struct error *err)
{
    side->print = print;
    side->quiet = calloc(print->item_count + 1, sizeof *side->quiet);
    side->telling = calloc(print->item_count + 1, sizeof *side->telling);
    if (side->quiet == NULL || side->telling == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to align with");
    }
    mark_telling(side);
    return STATUS_OK;
}

static void work_clear(struct work *work)
{
    free(work->query.quiet);
    free(work->query.telling);
    free(work->reference.quiet);
    free(work->reference.telling);
    free(work->votes);
    free(work->errors);
    free(work->heard);
    free(work->telling);
    free(work->marks);
    free(work->owner);
}

static enum status work_init(struct work *work, const struct fingerprint *query,
                             const struct fingerprint *reference,
                             struct error *err)
{
    size_t items = query->item_count;

    enum status status = side_init(&work->query, query, err);
    if (status == STATUS_OK) {
        status = side_init(&work->reference, reference, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    work->votes =
        calloc(items + reference->item_count + 1, sizeof *work->votes);
    work->errors = calloc(items + 1, sizeof *work->errors);
    work->heard = calloc(items + 1, sizeof *work->heard);
    work->telling = calloc(items + 1, sizeof *work->telling);
    work->marks = calloc(items + 1, sizeof *work->marks);
    work->owner = malloc(items + 1);
    if (work->votes == NULL || work->errors == NULL || work->heard == NULL ||
        work->telling == NULL || work->marks == NULL || work->owner == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to align with");
    }
    memset(work->owner, -1, items + 1);
    return STATUS_OK;
}

/* Sorts by the term, which is 24 bits above the lower 32: a byte at a time,
 * each pass stable (qsort took two thirds of the time of a whole alignment). */
static void sort_keys(uint64_t *keys, uint64_t *spare, size_t count)
{
    enum { BYTES = 256, PASSES = VOTE_BITS / 8 };
    _Static_assert(VOTE_BITS % 8 == 0, "whole bytes");

    for (unsigned pass = 0; pass < PASSES; pass++) {
        unsigned shift = 32 + 8 * pass;
        size_t starts[BYTES + 1] = {0};
        for (size_t i = 0; i < count; i++) {
            starts[(keys[i] >> shift & 0xff) + 1]++;
        }
        for (size_t i = 1; i < BYTES; i++) {
            starts[i] += starts[i - 1];
        }
        for (size_t i = 0; i < count; i++) {
            spare[starts[keys[i] >> shift & 0xff]++] = keys[i];
        }
        memcpy(keys, spare, count * sizeof *keys);
    }
}

/* Telling items as (term << 32 | place), ascending. */
static size_t sort_terms(uint64_t *keys, uint64_t *spare,
                         const struct side *side)
{
    size_t count = 0;

    for (size_t i = 0; i < side->print->item_count; i++) {
        if (side->telling[i]) {
            uint64_t term = side->print->items[i] >> (ITEM_BITS - VOTE_BITS);
            keys[count++] = term << 32 | i;
        }
    }
    sort_keys(keys, spare, count);
    return count;
}

/* Length of the run of equal terms that starts at `at`. */
static size_t run_length(const uint64_t *keys, size_t count, size_t at)
{
    size_t end = at;

    while (end < count && keys[end] >> 32 == keys[at] >> 32) {
        end++;
    }
    return end - at;
}

static void vote_run(struct work *work, const uint64_t *query,
                     size_t query_count, const uint64_t *reference,
                     size_t reference_count)
{
    if (query_count * reference_count > MAX_PAIRS_OF_TERM) {
        return;
    }
    for (size_t i = 0; i < query_count; i++) {
        for (size_t j = 0; j < reference_count; j++) {
            size_t lag = (query[i] & UINT32_MAX) +
                         work->reference.print->item_count -
                         (reference[j] & UINT32_MAX);
            work->votes[lag]++;
        }
    }
}

/* Every pair of equal terms votes for its lag. */
static enum status vote(struct work *work, struct error *err)
{
    size_t query_items = work->query.print->item_count;
    size_t reference_items = work->reference.print->item_count;
    uint64_t *query = calloc(query_items + 1, sizeof *query);
    uint64_t *reference = calloc(reference_items + 1, sizeof *reference);
    uint64_t *spare = calloc(query_items + reference_items + 1, sizeof *spare);
    enum status status = STATUS_OK;

    if (query == NULL || reference == NULL || spare == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory left to align with");
        goto out;
    }
    size_t query_count = sort_terms(query, spare, &work->query);
    size_t reference_count = sort_terms(reference, spare, &work->reference);
    size_t i = 0;
    size_t j = 0;
    while (i < query_count && j < reference_count) {
        uint64_t left = query[i] >> 32;
        uint64_t right = reference[j] >> 32;
        size_t left_run = run_length(query, query_count, i);
        size_t right_run = run_length(reference, reference_count, j);
        if (left == right) {
            vote_run(work, query + i, left_run, reference + j, right_run);
        }
        i += left <= right ? left_run : 0;
        j += right <= left ? right_run : 0;
    }
out:
    free(query);
    free(reference);
    free(spare);
    return status;
}

/* The part of the query that has a counterpart on `lag`: [*from, *to). */
static void overlap(const struct work *work, int32_t lag, size_t *from,
                    size_t *to)
{
    int64_t items = (int64_t)work->query.print->item_count;
    int64_t end = (int64_t)work->reference.print->item_count + lag;

    end = end < items ? end : items;
    int64_t start = lag < 0 ? 0 : lag < items ? lag : items;
    *from = (size_t)start;
    *to = end > (int64_t)*from ? (size_t)end : *from;
}

/* Running sums over the pairs of one lag; index i is the sum of the pairs
 * before query item i. */
static void sum_pairs(struct work *work, int32_t lag, size_t from, size_t to)
{
    work->errors[from] = 0;
    work->heard[from] = 0;
    work->telling[from] = 0;
    for (size_t i = from; i < to; i++) {
        size_t j = (size_t)((int64_t)i - lag);
        uint32_t differing =
            work->query.print->items[i] ^ work->reference.print->items[j];
        bool quiet = work->query.quiet[i] && work->reference.quiet[j];
        bool tells = work->query.telling[i] && work->reference.telling[j];
        work->errors[i + 1] =
            work->errors[i] + (quiet ? 0 : bits_of(differing));
        work->heard[i + 1] = work->heard[i] + !quiet;
        work->telling[i + 1] = work->telling[i] + tells;
    }
}

static enum mark mark_window(const struct work *work, size_t first, size_t last)
{
    uint32_t heard = work->heard[last] - work->heard[first];
    uint32_t errors = work->errors[last] - work->errors[first];
    uint32_t telling = work->telling[last] - work->telling[first];

    if (heard < MIN_TELLING_OF_WINDOW) {
        return MARK_UNDECIDED;
    }
    if (errors > max_window_error_rate * heard * ITEM_BITS) {
        return MARK_OTHER;
    }
    return telling < MIN_TELLING_OF_WINDOW ? MARK_UNDECIDED : MARK_ALIKE;
}

/* Marks the query's items on one lag by the window around each; items that
 * another lag has are not looked at. Returns what the lag is worth: the bits by
 * which its telling items stay under the limit, so that of two neighbours that
 * cover the same the closer wins. */
static double mark_lag(struct work *work, int32_t lag, size_t *from, size_t *to)
{
    enum { HALF = ALIGN_WINDOW_ITEMS / 2 };
    double worth = 0;

    overlap(work, lag, from, to);
    sum_pairs(work, lag, *from, *to);
    for (size_t i = *from; i < *to; i++) {
        size_t first = i < *from + HALF ? *from : i - HALF;
        size_t last = i + HALF > *to ? *to : i + HALF;
        work->marks[i] =
            (uint8_t)(work->owner[i] >= 0 ? MARK_OTHER
                                          : mark_window(work, first, last));
        if (work->marks[i] == MARK_ALIKE &&
            work->telling[i + 1] > work->telling[i]) {
            worth += max_window_error_rate * ITEM_BITS -
                     (work->errors[i + 1] - work->errors[i]);
        }
    }
    return worth;
}

/* The lag near `lag` that is worth most. */
static int32_t refine(struct work *work, int32_t lag)
{
    int32_t best = lag;
    double most = 0;

    for (int32_t near = lag - REFINE_ITEMS; near <= lag + REFINE_ITEMS;
         near++) {
        size_t from;
        size_t to;
        double worth = mark_lag(work, near, &from, &to);
        if (worth > most) {
            best = near;
            most = worth;
        }
    }
    return best;
}

/* Whether the query has hardly an item that says something and is not alike on
 * `lag`: no further segment is left to find. */
static bool holds_all(struct work *work, int32_t lag)
{
    size_t from;
    size_t to;
    size_t left = 0;

    (void)mark_lag(work, lag, &from, &to);
    for (size_t i = 0; i < work->query.print->item_count; i++) {
        bool alike = i >= from && i < to && work->marks[i] != MARK_OTHER;
        left += work->query.telling[i] && !alike;
    }
    return left < MIN_FURTHER_SEGMENT_ITEMS;
}

static void add_lag(struct work *work, int32_t lag)
{
    for (size_t i = 0; i < work->lag_count; i++) {
        if (work->lags[i] == lag) {
            return;
        }
    }
    work->lags[work->lag_count++] = lag;
}

/* Turns the peaks of the votes into lags; a peak is three neighbours wide,
 * since half a hop belongs to both sides. */
static void find_lags(struct work *work)
{
    size_t reference_items = work->reference.print->item_count;
    size_t count = work->query.print->item_count + reference_items;

    for (size_t found = 0; found < ALIGN_MAX_LAGS; found++) {
        uint32_t most = MIN_VOTES - 1;
        size_t peak = 0;
        for (size_t i = 1; i < count; i++) {
            uint32_t votes =
                work->votes[i - 1] + work->votes[i] + work->votes[i + 1];
            if (votes > most) {
                most = votes;
                peak = i;
            }
        }
        if (peak == 0) {
            break;
        }
        for (size_t i = peak < 2 ? 0 : peak - 2; i <= peak + 2 && i <= count;
             i++) {
            work->votes[i] = 0;
        }
        int32_t lag =
            refine(work, (int32_t)((int64_t)peak - (int64_t)reference_items));
        add_lag(work, lag);
        if (found == 0 && holds_all(work, lag)) {
            break;
        }
    }
}

/* Gives the runs of marked items to lag number `index` where they are long
 * enough; what is taken is counted. */
static size_t claim(struct work *work, size_t index, size_t shortest)
{
    size_t from;
    size_t to;
    size_t claimed = 0;
    size_t i;

    (void)mark_lag(work, work->lags[index], &from, &to);
    for (i = from; i < to;) {
        size_t start = i;
        size_t alike = 0;
        for (; i < to && work->marks[i] != MARK_OTHER; i++) {
            alike += work->marks[i] == MARK_ALIKE;
        }
        if (alike >= shortest) {
            memset(work->owner + start, (int)index, i - start);
            claimed += work->telling[i] - work->telling[start];
        }
        i += i < to && work->marks[i] == MARK_OTHER;
    }
    return claimed;
}

/* Which lag number has most to give now; work->lag_count for none. */
static size_t best_lag(struct work *work, const bool *used)
{
    size_t best = work->lag_count;
    double most = 0;

    for (size_t i = 0; i < work->lag_count; i++) {
        size_t from;
        size_t to;
        double worth = used[i] ? 0 : mark_lag(work, work->lags[i], &from, &to);
        if (worth > most) {
            best = i;
            most = worth;
        }
    }
    return best;
}

static void add_segment(struct alignment *out, const struct segment *segment)
{
    if (out->segment_count < ALIGN_MAX_SEGMENTS) {
        out->segments[out->segment_count++] = *segment;
    }
}

/* Reads the segments off the owners. */
static void list_segments(struct alignment *out, const struct work *work)
{
    size_t items = work->query.print->item_count;

    for (size_t i = 0; i < items;) {
        size_t start = i;
        int8_t owner = work->owner[i];
        while (i < items && work->owner[i] == owner) {
            i++;
        }
        if (owner >= 0) {
            add_segment(out, &(struct segment){.query_item = start,
                                               .item_count = i - start,
                                               .lag_items = work->lags[owner]});
        }
    }
}

/* The figures of the first lag, over the items that it has. */
static void measure_lag(struct alignment *out, struct work *work, size_t index)
{
    size_t from;
    size_t to;
    uint64_t errors = 0;
    uint64_t heard = 0;

    overlap(work, work->lags[index], &from, &to);
    sum_pairs(work, work->lags[index], from, to);
    out->lag_items_alike = 0;
    for (size_t i = from; i < to; i++) {
        if (work->owner[i] == (int8_t)index) {
            errors += work->errors[i + 1] - work->errors[i];
            heard += work->heard[i + 1] - work->heard[i];
            out->lag_items_alike++;
        }
    }
    if (heard > 0) {
        out->bit_error_rate = (double)errors / (double)(heard * ITEM_BITS);
    }
}

static void share_out(struct alignment *out, struct work *work)
{
    bool used[ALIGN_MAX_LAGS] = {false};

    for (size_t round = 0; round < work->lag_count; round++) {
        size_t index = best_lag(work, used);
        if (index == work->lag_count) {
            break;
        }
        used[index] = true;
        size_t claimed =
            claim(work, index,
                  round == 0 ? MIN_SEGMENT_ITEMS : MIN_FURTHER_SEGMENT_ITEMS);
        out->telling_items += claimed;
        if (claimed > out->lag_telling_items) {
            out->lag_telling_items = claimed;
            out->lag_items = work->lags[index];
            measure_lag(out, work, index);
        }
    }
    list_segments(out, work);
}

enum status align_prints(struct alignment *out, const struct fingerprint *query,
                         const struct fingerprint *reference, struct error *err)
{
    struct work work = {0};

    *out = (struct alignment){.bit_error_rate = 1};
    enum status status = work_init(&work, query, reference, err);
    if (status == STATUS_OK) {
        status = vote(&work, err);
    }
    if (status == STATUS_OK) {
        find_lags(&work);
        share_out(out, &work);
    }
    work_clear(&work);
    return status;
}
