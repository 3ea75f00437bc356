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
    /* Of a print's terms; one in 34 of another song's finds its bit set. */
    SEEN_BITS = 1 << 16,
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
enum { MAX_WINDOW_ERROR_PERCENT = 20 };

enum mark { MARK_OTHER = 0, MARK_UNDECIDED, MARK_ALIKE };

/* What is known of one print. */
struct side {
    const struct fingerprint *print; /* borrowed */
    bool *quiet;                     /* owned, item_count of them */
    bool *telling;                   /* owned, item_count of them */
    uint64_t seen[SEEN_BITS / 64];   /* bits by seen_place(): its terms */
};

/* Running sums over the pairs of one lag, three in a number, so that a window
 * is one subtraction: differing bits of pairs that are not quiet, such pairs,
 * and the telling ones among them. */
enum { HEARD_SHIFT = 24, TELLING_SHIFT = 44 };
_Static_assert((uint64_t)FINGERPRINT_MAX_ITEMS *ITEM_BITS < (uint64_t)1
                                                                << HEARD_SHIFT,
               "all bits of the longest print");
_Static_assert(FINGERPRINT_MAX_ITEMS < 1 << (TELLING_SHIFT - HEARD_SHIFT),
               "all pairs of the longest print");

/* The work of one align_prints. */
struct work {
    struct side query;
    struct side reference;
    uint32_t *votes; /* owned; of lag (index - reference items) */
    uint64_t *sums;  /* owned; [i]: of the pairs before query item i */
    uint8_t *marks;  /* owned; of the query's items */
    int8_t *owner;   /* owned; index of the lag that has the item, or -1 */
    /* What sums and marks are of; items beyond [from, to) have none. */
    bool is_marked; /* and nobody has taken an item since */
    int32_t marked_lag;
    size_t from;
    size_t to;
    int64_t worth; /* of that lag */
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
    size_t done = 0;

    memset(quiet, true, count * sizeof *quiet);
    for (size_t hop = 0; hop < count; hop++) {
        if (print->levels[hop] + LEVELS_QUIET_STEPS <= loud) {
            continue;
        }
        if (hop > done + HOPS_AFTER) {
            done = hop - HOPS_AFTER;
        }
        for (; done < count && done <= hop + HOPS_BEFORE; done++) {
            quiet[done] = print->items[done] == FINGERPRINT_SILENCE;
        }
    }
}

static uint32_t term_of(uint32_t item)
{
    return item >> (ITEM_BITS - VOTE_BITS);
}

/* The upper bits of a product spread well (Knuth, TAOCP 3, 6.4). */
static size_t seen_place(uint32_t term)
{
    return term * 0x9e3779b1U >> 16 & (SEEN_BITS - 1);
}

static bool has_seen(const struct side *side, uint32_t term)
{
    size_t place = seen_place(term);

    return side->seen[place / 64] >> place % 64 & 1;
}

static void mark_telling(struct side *side)
{
    const struct fingerprint *print = side->print;

    align_mark_quiet(side->quiet, print);
    for (size_t i = 0; i < print->item_count; i++) {
        size_t other = i >= STILL_ITEMS ? i - STILL_ITEMS : i + STILL_ITEMS;
        uint32_t moved = other < print->item_count
                             ? print->items[i] ^ print->items[other]
                             : 0;
        for (int bit = 0; bit < STILL_BITS; bit++) {
            moved &= moved - 1; /* without its lowest */
        }
        bool telling = !side->quiet[i] && moved != 0;
        size_t place = seen_place(term_of(print->items[i]));
        side->telling[i] = telling;
        side->seen[place / 64] |= (uint64_t)telling << place % 64;
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
    free(work->sums);
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
    work->sums = calloc(items + 1, sizeof *work->sums);
    work->marks = calloc(items + 1, sizeof *work->marks);
    work->owner = malloc(items + 1);
    if (work->votes == NULL || work->sums == NULL || work->marks == NULL ||
        work->owner == NULL) {
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
    uint32_t starts[PASSES][BYTES + 1] = {0};

    for (size_t i = 0; i < count; i++) {
        for (unsigned pass = 0; pass < PASSES; pass++) {
            starts[pass][(keys[i] >> (32 + 8 * pass) & 0xff) + 1]++;
        }
    }
    for (unsigned pass = 0; pass < PASSES; pass++) {
        for (size_t i = 1; i < BYTES; i++) {
            starts[pass][i] += starts[pass][i - 1];
        }
        for (size_t i = 0; i < count; i++) {
            spare[starts[pass][keys[i] >> (32 + 8 * pass) & 0xff]++] = keys[i];
        }
        memcpy(keys, spare, count * sizeof *keys);
    }
}

/* Telling items as (term << 32 | place), ascending; without most of those whose
 * term the other side does not have. */
static size_t sort_terms(uint64_t *keys, uint64_t *spare,
                         const struct side *side, const struct side *other)
{
    size_t count = 0;

    for (size_t i = 0; i < side->print->item_count; i++) {
        uint32_t term = term_of(side->print->items[i]);
        keys[count] = (uint64_t)term << 32 | i;
        count += side->telling[i] & has_seen(other, term);
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
    size_t query_count =
        sort_terms(query, spare, &work->query, &work->reference);
    size_t reference_count =
        sort_terms(reference, spare, &work->reference, &work->query);
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

/* What a pair adds to the sums. */
static inline uint64_t weigh_pair(const struct work *work, size_t i, size_t j)
{
    const struct side *query = &work->query;
    const struct side *reference = &work->reference;
    unsigned differing =
        bits_of(query->print->items[i] ^ reference->print->items[j]);
    bool heard = !(query->quiet[i] & reference->quiet[j]);
    bool tells = query->telling[i] & reference->telling[j];

    return (heard ? differing | (uint64_t)1 << HEARD_SHIFT : 0) |
           (uint64_t)tells << TELLING_SHIFT;
}

static unsigned differing_of(uint64_t sum)
{
    return sum & ((1U << HEARD_SHIFT) - 1);
}

static unsigned heard_of(uint64_t sum)
{
    return sum >> HEARD_SHIFT & ((1U << (TELLING_SHIFT - HEARD_SHIFT)) - 1);
}

static unsigned telling_of(uint64_t sum)
{
    return (unsigned)(sum >> TELLING_SHIFT);
}

/* By how much so many pairs stay under the limit, in hundredths of a bit. */
static int64_t bits_under_limit(unsigned pairs, unsigned differing)
{
    return (int64_t)pairs * ITEM_BITS * MAX_WINDOW_ERROR_PERCENT -
           (int64_t)differing * 100;
}

static enum mark mark_window(uint64_t sum)
{
    unsigned heard = heard_of(sum);

    if (heard < MIN_TELLING_OF_WINDOW) {
        return MARK_UNDECIDED;
    }
    if (bits_under_limit(heard, differing_of(sum)) < 0) {
        return MARK_OTHER;
    }
    return telling_of(sum) < MIN_TELLING_OF_WINDOW ? MARK_UNDECIDED
                                                   : MARK_ALIKE;
}

/* Marks the query's items on one lag by the window around each; items that
 * another lag has are not looked at. Returns what the lag is worth: the bits by
 * which its telling items stay under the limit, so that of two neighbours that
 * cover the same the closer wins. */
static int64_t mark_lag(struct work *work, int32_t lag)
{
    enum { HALF = ALIGN_WINDOW_ITEMS / 2 };
    const uint64_t *sums = work->sums;
    size_t from;
    size_t to;
    int64_t worth = 0;

    if (work->is_marked && work->marked_lag == lag) {
        return work->worth;
    }
    overlap(work, lag, &from, &to);
    work->sums[from] = 0;
    for (size_t i = from; i < to; i++) {
        work->sums[i + 1] =
            sums[i] + weigh_pair(work, i, (size_t)((int64_t)i - lag));
    }
    for (size_t i = from; i < to; i++) {
        size_t first = i < from + HALF ? from : i - HALF;
        size_t last = i + HALF > to ? to : i + HALF;
        enum mark mark = work->owner[i] >= 0
                             ? MARK_OTHER
                             : mark_window(sums[last] - sums[first]);
        uint64_t own = sums[i + 1] - sums[i];
        work->marks[i] = (uint8_t)mark;
        if (mark == MARK_ALIKE && telling_of(own) > 0) {
            worth += bits_under_limit(1, differing_of(own));
        }
    }
    work->is_marked = true;
    work->marked_lag = lag;
    work->from = from;
    work->to = to;
    work->worth = worth;
    return worth;
}

/* Whether a lag may be worth more than `most`, were all its pairs in windows
 * that are alike; most lags fail soon. */
static bool may_exceed(const struct work *work, int32_t lag, int64_t most)
{
    const int64_t pair_most = bits_under_limit(1, 0);
    size_t from;
    size_t to;

    overlap(work, lag, &from, &to);
    int64_t hope = (int64_t)(to - from) * pair_most;
    for (size_t i = from; i < to && hope > most; i++) {
        uint64_t pair = weigh_pair(work, i, (size_t)((int64_t)i - lag));
        int64_t under = bits_under_limit(1, differing_of(pair));
        hope -= pair_most;
        hope += telling_of(pair) > 0 && under > 0 ? under : 0;
    }
    return hope > most;
}

/* The lag near `lag` that is worth most. */
static int32_t refine(struct work *work, int32_t lag)
{
    int32_t best = lag;
    int64_t most = mark_lag(work, lag);

    for (int32_t near = lag - REFINE_ITEMS; near <= lag + REFINE_ITEMS;
         near++) {
        int64_t worth =
            may_exceed(work, near, most) ? mark_lag(work, near) : most;
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
    size_t left = 0;

    (void)mark_lag(work, lag);
    for (size_t i = 0; i < work->query.print->item_count; i++) {
        bool alike =
            i >= work->from && i < work->to && work->marks[i] != MARK_OTHER;
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
 * enough; what is taken is counted. Leaves the sums of that lag. */
static size_t claim(struct work *work, size_t index, size_t shortest)
{
    size_t claimed = 0;
    size_t i;

    (void)mark_lag(work, work->lags[index]);
    for (i = work->from; i < work->to;) {
        size_t start = i;
        size_t alike = 0;
        for (; i < work->to && work->marks[i] != MARK_OTHER; i++) {
            alike += work->marks[i] == MARK_ALIKE;
        }
        if (alike >= shortest) {
            memset(work->owner + start, (int)index, i - start);
            claimed += telling_of(work->sums[i] - work->sums[start]);
        }
        i += i < work->to && work->marks[i] == MARK_OTHER;
    }
    work->is_marked = false;
    return claimed;
}

/* Which lag number has most to give now; work->lag_count for none. */
static size_t best_lag(struct work *work, const bool *used)
{
    size_t best = work->lag_count;
    int64_t most = 0;

    for (size_t i = 0; i < work->lag_count; i++) {
        int64_t worth = used[i] ? 0 : mark_lag(work, work->lags[i]);
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

/* The figures of the lag that claim() left the sums of, over the items that it
 * has. */
static void measure_lag(struct alignment *out, const struct work *work,
                        size_t index)
{
    uint64_t sum = 0;

    out->lag_items = work->lags[index];
    out->lag_items_alike = 0;
    for (size_t i = work->from; i < work->to; i++) {
        if (work->owner[i] == (int8_t)index) {
            sum += work->sums[i + 1] - work->sums[i];
            out->lag_items_alike++;
        }
    }
    if (heard_of(sum) > 0) {
        out->bit_error_rate =
            (double)differing_of(sum) / ((double)heard_of(sum) * ITEM_BITS);
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
