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
    /* Of terms by their hash: of 2^24 terms, no more than 2048 in one. */
    SLOT_BITS = 13,
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

/* A window is alike up to this: one bit in five. Measured over 4 s: transcodes
 * .151 at the most, .195 with the worst phase in any second; other music .46,
 * 1 % under .38. */
enum { BITS_PER_ERROR = 5 };

enum mark { MARK_OTHER = 0, MARK_UNDECIDED, MARK_ALIKE };

/* What is known of one print. */
struct side {
    const struct fingerprint *print; /* borrowed */
    uint32_t *traits;                /* owned, item_count of them */
};

/* Traits of an item, counts of a pair, and sums of a window's pairs have one
 * form: differing bits below ONE_HEARD, then how many are not quiet, then how
 * many are telling. A window is one subtraction of running sums, which may run
 * over. The loops over pairs are such that a compiler takes four at a time. */
enum { ONE_HEARD = 1 << 12, ONE_TELLING = 1 << 20 };
_Static_assert(ONE_HEARD > ALIGN_WINDOW_ITEMS * ITEM_BITS &&
                   ONE_TELLING / ONE_HEARD > ALIGN_WINDOW_ITEMS,
               "the sums of a window");

/* The work of one align_prints. */
struct work {
    struct side query;
    struct side reference;
    int32_t *votes;  /* owned; of lag (index - reference items) */
    uint32_t *pairs; /* owned; of the query's items with their counterparts */
    uint32_t *sums;  /* owned; running sums of pairs, see mark_lag() */
    uint8_t *marks;  /* owned; of the query's items */
    int8_t *owner;   /* owned; index of the lag that has the item, or -1 */
    /* What pairs and marks are of; items beyond [from, to) have none. */
    bool is_marked; /* and nobody has taken an item since */
    int32_t marked_lag;
    size_t from;
    size_t to;
    int64_t worth; /* of that lag */
    int32_t lags[ALIGN_MAX_LAGS];
    size_t lag_count;
};

/* Counted in pairs, fours and bytes (Hacker's Delight, 5-1), which can be done
 * with several at a time: without a compiler option for newer processors, the
 * built-in is a call of a function. */
static unsigned bits_of(uint32_t value)
{
    value -= value >> 1 & 0x55555555;
    value = (value & 0x33333333) + (value >> 2 & 0x33333333);
    value = (value + (value >> 4)) & 0x0f0f0f0f;
    value += value >> 8;
    return (value + (value >> 16)) & 0x3f;
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

static uint32_t traits_of(bool is_quiet, uint32_t moved)
{
    uint32_t sounds = !is_quiet;
    uint32_t moves = bits_of(moved) > STILL_BITS;

    return sounds * ONE_HEARD + (sounds & moves) * ONE_TELLING;
}

static void mark_traits(struct side *side, const bool *quiet)
{
    const uint32_t *items = side->print->items;
    size_t count = side->print->item_count;
    uint32_t *restrict traits = side->traits;

    for (size_t i = 0; i < count && i < STILL_ITEMS; i++) {
        uint32_t later =
            i + STILL_ITEMS < count ? items[i + STILL_ITEMS] : items[i];
        traits[i] = traits_of(quiet[i], items[i] ^ later);
    }
    for (size_t i = STILL_ITEMS; i < count; i++) {
        traits[i] = traits_of(quiet[i], items[i] ^ items[i - STILL_ITEMS]);
    }
}

static enum status side_init(struct side *side, const struct fingerprint *print,
                             struct error *err)
{
    bool *quiet = calloc(print->item_count + 1, sizeof *quiet);

    side->print = print;
    side->traits = calloc(print->item_count + 1, sizeof *side->traits);
    if (side->traits == NULL || quiet == NULL) {
        free(quiet);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to align with");
    }
    align_mark_quiet(quiet, print);
    mark_traits(side, quiet);
    free(quiet);
    return STATUS_OK;
}

static void work_clear(struct work *work)
{
    free(work->query.traits);
    free(work->reference.traits);
    free(work->votes);
    free(work->pairs);
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
    work->pairs = calloc(items + 1, sizeof *work->pairs);
    work->sums = calloc(items + 1 + ALIGN_WINDOW_ITEMS, sizeof *work->sums);
    work->marks = calloc(items + 1, sizeof *work->marks);
    work->owner = malloc(items + 1);
    if (work->votes == NULL || work->pairs == NULL || work->sums == NULL ||
        work->marks == NULL || work->owner == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to align with");
    }
    memset(work->owner, -1, items + 1);
    return STATUS_OK;
}

/* A term of the query, and how often both prints have it. */
struct term {
    uint32_t value;
    uint16_t next; /* number of another in its slot; 0: none */
    uint16_t last; /* query item that has it, counted from 1 */
    uint32_t query_count;
    uint32_t reference_count;
};
_Static_assert(FINGERPRINT_MAX_ITEMS < UINT16_MAX, "numbers of items");

/* The terms of the query, by number: 1, 2 and so on. Number 0 is any other. */
struct terms_seen {
    uint16_t slots[1 << SLOT_BITS]; /* number of the first */
    struct term *terms;             /* owned */
    uint16_t count;
    uint16_t *before; /* owned; of query item i: the one before that has its
                         term, counted from 1 */
};

/* The upper bits of a product spread well (Knuth, TAOCP 3, 6.4). */
static uint32_t slot_of(uint32_t term)
{
    return term * 0x9e3779b1U >> (32 - SLOT_BITS);
}

static uint16_t find_term(const struct terms_seen *seen, uint32_t value)
{
    uint16_t number = seen->slots[slot_of(value)];

    while (number != 0 && seen->terms[number].value != value) {
        number = seen->terms[number].next;
    }
    return number;
}

static void see_term(struct terms_seen *seen, uint32_t value, size_t item)
{
    uint16_t number = find_term(seen, value);

    if (number == 0) {
        uint16_t *slot = &seen->slots[slot_of(value)];
        number = ++seen->count;
        seen->terms[number] = (struct term){.value = value, .next = *slot};
        *slot = number;
    }
    struct term *term = &seen->terms[number];
    seen->before[item] = term->last;
    term->last = (uint16_t)(item + 1);
    term->query_count++;
}

static uint32_t term_of(uint32_t item)
{
    return item >> (ITEM_BITS - VOTE_BITS);
}

/* Lists the reference's telling items that may have a term of the query. */
static size_t list_places(uint16_t *places, const struct terms_seen *seen,
                          const struct side *side)
{
    size_t count = 0;

    for (size_t i = 0; i < side->print->item_count; i++) {
        uint16_t first = seen->slots[slot_of(term_of(side->print->items[i]))];
        places[count] = (uint16_t)i;
        count += (side->traits[i] >= ONE_TELLING) & (first != 0);
    }
    return count;
}

/* Every pair of equal terms votes for its lag. `places` and `numbers` have room
 * for all items of the reference. */
static void vote_pairs(struct work *work, struct terms_seen *seen,
                       uint16_t *places, uint16_t *numbers)
{
    const struct side *query = &work->query;
    const struct fingerprint *reference = work->reference.print;

    for (size_t i = 0; i < query->print->item_count; i++) {
        if (query->traits[i] >= ONE_TELLING) {
            see_term(seen, term_of(query->print->items[i]), i);
        }
    }
    size_t count = list_places(places, seen, &work->reference);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = find_term(seen, term_of(reference->items[places[i]]));
        seen->terms[numbers[i]].reference_count++;
    }
    for (size_t i = 0; i < count; i++) {
        const struct term *term = &seen->terms[numbers[i]];
        int32_t *votes = work->votes + reference->item_count - places[i] - 1;
        if ((uint64_t)term->query_count * term->reference_count <=
            MAX_PAIRS_OF_TERM) {
            for (size_t item = term->last; item > 0;
                 item = seen->before[item - 1]) {
                votes[item]++;
            }
        }
    }
}

static enum status vote(struct work *work, struct error *err)
{
    size_t query_items = work->query.print->item_count;
    size_t reference_items = work->reference.print->item_count;
    struct terms_seen seen = {
        .terms = calloc(query_items + 1, sizeof *seen.terms),
        .before = calloc(query_items + 1, sizeof *seen.before),
    };
    uint16_t *places = calloc(2 * reference_items + 2, sizeof *places);
    enum status status = STATUS_OK;

    if (seen.terms == NULL || seen.before == NULL || places == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory left to align with");
    } else {
        vote_pairs(work, &seen, places, places + reference_items + 1);
    }
    free(seen.terms);
    free(seen.before);
    free(places);
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

static uint32_t weigh_pair(uint32_t differing, uint32_t query_traits,
                           uint32_t reference_traits)
{
    uint32_t heard = (query_traits | reference_traits) & ONE_HEARD;
    uint32_t telling = query_traits & reference_traits & ONE_TELLING;

    return telling + heard + (heard != 0 ? bits_of(differing) : 0);
}

/* Fills pairs[0 .. to - from) with those of query items [from, to). */
static void weigh_pairs(uint32_t *restrict pairs, const struct work *work,
                        int32_t lag, size_t from, size_t to)
{
    if (from == to) {
        return; /* and the lag may be beyond the reference */
    }
    size_t other = (size_t)((int64_t)from - lag);
    const uint32_t *items = work->query.print->items + from;
    const uint32_t *traits = work->query.traits + from;
    const uint32_t *other_items = work->reference.print->items + other;
    const uint32_t *other_traits = work->reference.traits + other;

    for (size_t i = 0; i < to - from; i++) {
        pairs[i] =
            weigh_pair(items[i] ^ other_items[i], traits[i], other_traits[i]);
    }
}

static uint32_t differing_of(uint32_t sum)
{
    return sum & (ONE_HEARD - 1);
}

static uint32_t heard_of(uint32_t sum)
{
    return (sum & (ONE_TELLING - 1)) / ONE_HEARD;
}

static uint32_t telling_of(uint32_t sum)
{
    return sum / ONE_TELLING;
}

static uint8_t mark_window(uint32_t sum)
{
    uint32_t heard = heard_of(sum);
    bool is_other = differing_of(sum) * BITS_PER_ERROR > heard * ITEM_BITS;
    uint32_t like =
        telling_of(sum) < MIN_TELLING_OF_WINDOW ? MARK_UNDECIDED : MARK_ALIKE;

    return (uint8_t)(is_other & (heard >= MIN_TELLING_OF_WINDOW) ? MARK_OTHER
                                                                 : like);
}

/* Marks by the window around each. The running sums begin and end with half a
 * window of what the first and the last is. */
static void mark_windows(struct work *work)
{
    enum { HALF = ALIGN_WINDOW_ITEMS / 2 };
    const uint32_t *pairs = work->pairs + work->from;
    size_t count = work->to - work->from;
    uint32_t *restrict sums = work->sums;
    uint8_t *restrict marks = work->marks + work->from;
    const int8_t *owner = work->owner + work->from;
    uint32_t sum = 0;

    memset(sums, 0, HALF * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        sums[HALF + i] = sum;
        sum += pairs[i];
    }
    for (size_t i = 0; i <= HALF; i++) {
        sums[HALF + count + i] = sum;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t mark = mark_window(sums[i + ALIGN_WINDOW_ITEMS] - sums[i]);
        marks[i] = owner[i] < 0 ? mark : MARK_OTHER;
    }
}

/* Bits by which a telling pair stays under the limit, times BITS_PER_ERROR. */
static int32_t worth_of(uint32_t pair)
{
    return pair < ONE_TELLING
               ? 0
               : ITEM_BITS - (int32_t)differing_of(pair) * BITS_PER_ERROR;
}

/* Marks the query's items on one lag; items that another lag has are not looked
 * at. Returns what the lag is worth: the bits by which its telling items stay
 * under the limit, so that of two neighbours that cover the same the closer
 * wins. */
static int64_t mark_lag(struct work *work, int32_t lag)
{
    int32_t worth = 0;

    if (work->is_marked && work->marked_lag == lag) {
        return work->worth;
    }
    overlap(work, lag, &work->from, &work->to);
    weigh_pairs(work->pairs + work->from, work, lag, work->from, work->to);
    mark_windows(work);
    for (size_t i = work->from; i < work->to; i++) {
        worth += work->marks[i] == MARK_ALIKE ? worth_of(work->pairs[i]) : 0;
    }
    work->is_marked = true;
    work->marked_lag = lag;
    work->worth = worth;
    return worth;
}

/* Whether a lag may be worth more than `most`, were all its pairs in windows
 * that are alike; most lags fail soon. */
static bool may_exceed(const struct work *work, int32_t lag, int64_t most)
{
    enum { PIECE = 128 };
    uint32_t pairs[PIECE] = {0};
    size_t from;
    size_t to;

    overlap(work, lag, &from, &to);
    int64_t hope = (int64_t)(to - from) * ITEM_BITS;
    while (from < to && hope > most) {
        size_t count = to - from < PIECE ? to - from : PIECE;
        weigh_pairs(pairs, work, lag, from, from + count);
        for (size_t i = 0; i < count; i++) {
            int32_t worth = worth_of(pairs[i]);
            hope -= ITEM_BITS - (worth > 0 ? worth : 0);
        }
        from += count;
    }
    return hope > most;
}

/* The lag near `peak` that is worth most; `guess` is looked at first. */
static int32_t refine(struct work *work, int32_t peak, int32_t guess)
{
    int32_t best = guess;
    int64_t most = mark_lag(work, guess);

    for (int32_t lag = peak - REFINE_ITEMS; lag <= peak + REFINE_ITEMS; lag++) {
        int64_t worth =
            may_exceed(work, lag, most) ? mark_lag(work, lag) : most;
        if (worth > most) {
            best = lag;
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
        left += work->query.traits[i] >= ONE_TELLING && !alike;
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

/* The votes of an index and its two neighbours: half a hop belongs to both
 * sides. */
static int32_t votes_around(const int32_t *votes, size_t index)
{
    return votes[index - 1] + votes[index] + votes[index + 1];
}

/* The first index with the most votes around it, of 1 to `count` - 1; 0 when
 * those are too few. */
static size_t find_peak(const int32_t *votes, size_t count)
{
    int32_t most = 0;
    size_t peak = 1;

    for (size_t i = 1; i < count; i++) {
        int32_t around = votes_around(votes, i);
        most = around > most ? around : most;
    }
    if (most < MIN_VOTES) {
        return 0;
    }
    while (votes_around(votes, peak) != most) {
        peak++;
    }
    return peak;
}

/* Turns the peaks of the votes into lags. */
static void find_lags(struct work *work)
{
    int32_t *votes = work->votes;
    int32_t reference_items = (int32_t)work->reference.print->item_count;
    size_t count =
        work->query.print->item_count + work->reference.print->item_count;

    for (size_t found = 0; found < ALIGN_MAX_LAGS; found++) {
        size_t peak = find_peak(votes, count);
        if (peak == 0) {
            break;
        }
        size_t guess = votes[peak + 1] > votes[peak] ? peak + 1 : peak;
        guess = votes[peak - 1] > votes[guess] ? peak - 1 : guess;
        for (size_t i = peak < 2 ? 0 : peak - 2; i <= peak + 2 && i <= count;
             i++) {
            votes[i] = 0;
        }
        int32_t lag = refine(work, (int32_t)peak - reference_items,
                             (int32_t)guess - reference_items);
        add_lag(work, lag);
        if (found == 0 && holds_all(work, lag)) {
            break;
        }
    }
}

/* Gives the runs of marked items to lag number `index` where they are long
 * enough; what is taken is counted. Leaves the pairs of that lag. */
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
            for (size_t j = start; j < i; j++) {
                claimed += telling_of(work->pairs[j]);
            }
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

/* The figures of the lag that claim() left the pairs of, over the items that it
 * has. */
static void measure_lag(struct alignment *out, const struct work *work,
                        size_t index)
{
    uint64_t differing = 0;
    uint64_t heard = 0;

    out->lag_items = work->lags[index];
    out->lag_items_alike = 0;
    for (size_t i = work->from; i < work->to; i++) {
        bool has = work->owner[i] == (int8_t)index;
        differing += has ? differing_of(work->pairs[i]) : 0;
        heard += has ? heard_of(work->pairs[i]) : 0;
        out->lag_items_alike += has;
    }
    if (heard > 0) {
        out->bit_error_rate = (double)differing / (double)(heard * ITEM_BITS);
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
