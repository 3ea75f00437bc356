/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index.h"

#include "catalog/redis/keys.h"
#include "matcher/buffer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

/* A bucket is a Redis string that only grows (APPEND): postings of 5 bytes,
 *   0  1  tag: the term's upper 8 bits
 *   1  4  number of the recording, little-endian
 * The bucket's number is the term's lower 16 bits: of 32 terms in a row the
 * smallest is filed, so that upper bits are mostly small and would fill few
 * of the buckets. Another layout gets another key prefix: that is the format's
 * version. */
enum {
    BUCKET_BITS = 16,
    POSTING_BYTES = 5,
    /* Commands sent before the replies are read: bounds what waits in the
     * server to 256 buckets. */
    BATCH = 256,
};
_Static_assert(INDEX_BUCKET_BYTES_MAX % POSTING_BYTES == 0,
               "a bucket is never cut inside a posting");
_Static_assert(TERM_BITS - BUCKET_BITS == 8, "the tag is a byte");

/* A term with its bucket above its tag: in order, a bucket's terms follow
 * each other. */
static uint32_t place_of(uint32_t term)
{
    assert(term < 1U << TERM_BITS);
    uint32_t bucket = term & ((1U << BUCKET_BITS) - 1);
    return bucket << 8 | term >> BUCKET_BITS;
}

static uint32_t bucket_of(uint32_t place)
{
    return place >> 8;
}

static uint8_t tag_of(uint32_t place)
{
    return (uint8_t)(place & 0xff);
}

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory to work on the index: give the service more");
    return STATUS_NO_MEMORY;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Places of all terms in order; free() them. */
static enum status places_of(uint32_t **out, const struct terms *terms,
                             struct error *err)
{
    uint32_t *places = malloc((terms->count + 1) * sizeof *places);
    if (places == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < terms->count; i++) {
        places[i] = place_of(terms->values[i]);
    }
    if (terms->count > 0) {
        qsort(places, terms->count, sizeof *places, compare_numbers);
    }
    *out = places;
    return STATUS_OK;
}

/* How many places from `start` on are in its bucket. */
static size_t same_bucket(const uint32_t *places, size_t start, size_t count)
{
    size_t end = start + 1;
    while (end < count && bucket_of(places[end]) == bucket_of(places[start])) {
        end++;
    }
    return end - start;
}

/* ---- filing ---- */

static enum status send_append(struct redis *redis, uint32_t number,
                               const uint32_t *places, size_t count,
                               struct error *err)
{
    uint8_t postings[POSTING_BYTES << 8]; /* a bucket has at most 256 terms */
    assert(count <= sizeof postings / POSTING_BYTES);
    for (size_t i = 0; i < count; i++) {
        postings[i * POSTING_BYTES] = tag_of(places[i]);
        store_u32le(postings + i * POSTING_BYTES + 1, number);
    }
    struct key key = key_bucket(bucket_of(places[0]));
    const struct redis_arg args[] = {
        redis_text("APPEND"), redis_text(key.text),
        redis_bytes(postings, count * POSTING_BYTES)};
    return redis_send(redis, args, 3, err);
}

static enum status receive_all(struct redis *redis, size_t *sent,
                               struct error *err)
{
    for (; *sent > 0; (*sent)--) {
        enum status status = redis_receive(redis, NULL, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status index_add(struct redis *redis, uint32_t number,
                      const struct terms *terms, struct error *err)
{
    uint32_t *places = NULL;
    enum status status = places_of(&places, terms, err);
    if (status != STATUS_OK) {
        return status;
    }
    size_t sent = 0;
    size_t i = 0;
    while (status == STATUS_OK && i < terms->count) {
        size_t count = same_bucket(places, i, terms->count);
        status = send_append(redis, number, places + i, count, err);
        sent++;
        i += count;
        if (status == STATUS_OK && sent == BATCH) {
            status = receive_all(redis, &sent, err);
        }
    }
    if (status == STATUS_OK) {
        status = receive_all(redis, &sent, err);
    }
    free(places);
    return status;
}

/* ---- counting votes: open addressing, number -> terms shared ---- */

struct vote {
    uint32_t number;
    uint32_t count; /* 0: the slot is free */
};
struct votes {
    struct vote *slots; /* owned; slot_count of them, a power of two */
    size_t slot_count;
    size_t used;
};
enum { SLOTS_FIRST = 4096 };

static struct vote *votes_slot(const struct votes *votes, uint32_t number)
{
    /* Fibonacci hashing (Knuth, TAOCP 6.4): numbers are dense */
    size_t mask = votes->slot_count - 1;
    size_t at = (number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (votes->slots[at].count > 0 && votes->slots[at].number != number) {
        at = (at + 1) & mask;
    }
    return &votes->slots[at];
}

static enum status votes_grow(struct votes *votes, struct error *err)
{
    struct votes larger = {.slot_count = votes->slot_count == 0
                                             ? SLOTS_FIRST
                                             : votes->slot_count * 2};
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < votes->slot_count; i++) {
        if (votes->slots[i].count > 0) {
            *votes_slot(&larger, votes->slots[i].number) = votes->slots[i];
        }
    }
    larger.used = votes->used;
    free(votes->slots);
    *votes = larger;
    return STATUS_OK;
}

static enum status votes_add(struct votes *votes, uint32_t number,
                             struct error *err)
{
    if (votes->used * 2 >= votes->slot_count) {
        enum status status = votes_grow(votes, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct vote *vote = votes_slot(votes, number);
    votes->used += vote->count == 0;
    vote->number = number;
    vote->count++;
    return STATUS_OK;
}

/* ---- asking ---- */

static enum status send_get(struct redis *redis, uint32_t bucket,
                            struct error *err)
{
    struct key key = key_bucket(bucket);
    struct redis_number last;
    const struct redis_arg args[] = {
        redis_text("GETRANGE"), redis_text(key.text), redis_text("0"),
        redis_integer(&last, INDEX_BUCKET_BYTES_MAX - 1)};
    return redis_send(redis, args, 4, err);
}

/* Numbers filed under one tag, each once, in order. */
static size_t numbers_of(uint32_t *out, const uint8_t *postings, size_t length,
                         uint8_t tag)
{
    size_t count = 0;
    for (size_t at = 0; at < length; at += POSTING_BYTES) {
        if (postings[at] == tag) {
            out[count++] = load_u32le(postings + at + 1);
        }
    }
    if (count > 1) {
        qsort(out, count, sizeof *out, compare_numbers);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || out[kept - 1] != out[i]) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

struct question {
    struct redis *redis;
    const uint32_t *places;
    size_t count;
    struct votes votes;
    uint32_t *numbers; /* room for a whole bucket */
};

static enum status count_bucket(struct question *ask, const uint32_t *places,
                                size_t count, const struct redis_reply *reply,
                                struct error *err)
{
    size_t length = 0;
    const uint8_t *postings =
        (const uint8_t *)redis_reply_bytes(reply, &length);
    if (length % POSTING_BYTES != 0 || length > INDEX_BUCKET_BYTES_MAX) {
        return error_set(err, STATUS_CORRUPT, "index_bucket",
                         "index bucket %04x holds %zu bytes, which are no "
                         "postings: restore Redis from a backup",
                         (unsigned)bucket_of(places[0]), length);
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        size_t found =
            numbers_of(ask->numbers, postings, length, tag_of(places[i]));
        if (found > INDEX_TERM_RECORDINGS_MAX) {
            continue; /* the stop rule */
        }
        for (size_t j = 0; j < found && status == STATUS_OK; j++) {
            status = votes_add(&ask->votes, ask->numbers[j], err);
        }
    }
    return status;
}

/* One batch: at most BATCH buckets from place `*at` on, which moves. */
static enum status ask_batch(struct question *ask, size_t *at,
                             struct error *err)
{
    enum status status = STATUS_OK;
    size_t end = *at;
    for (size_t sent = 0; sent < BATCH && end < ask->count; sent++) {
        status = send_get(ask->redis, bucket_of(ask->places[end]), err);
        if (status != STATUS_OK) {
            return status;
        }
        end += same_bucket(ask->places, end, ask->count);
    }
    while (status == STATUS_OK && *at < end) {
        size_t count = same_bucket(ask->places, *at, ask->count);
        struct redis_reply *reply = NULL;
        status = redis_receive(ask->redis, &reply, err);
        if (status == STATUS_OK) {
            status = count_bucket(ask, ask->places + *at, count, reply, err);
            redis_reply_free(reply);
        }
        *at += count;
    }
    return status;
}

static bool is_better(struct candidate a, struct candidate b)
{
    return a.term_count != b.term_count ? a.term_count > b.term_count
                                        : a.number < b.number;
}

static size_t best_of(const struct votes *votes,
                      struct candidate out[CANDIDATES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < votes->slot_count; i++) {
        struct candidate next = {votes->slots[i].number, votes->slots[i].count};
        if (next.term_count == 0 ||
            (count == CANDIDATES_MAX && !is_better(next, out[count - 1]))) {
            continue;
        }
        size_t at = count < CANDIDATES_MAX ? count++ : count - 1;
        for (; at > 0 && is_better(next, out[at - 1]); at--) {
            out[at] = out[at - 1];
        }
        out[at] = next;
    }
    return count;
}

enum status index_find(struct redis *redis, const struct terms *query,
                       struct candidate out[CANDIDATES_MAX], size_t *count,
                       struct error *err)
{
    *count = 0;
    uint32_t *places = NULL;
    struct question ask = {.redis = redis, .count = query->count};
    enum status status = places_of(&places, query, err);
    if (status != STATUS_OK) {
        return status;
    }
    ask.places = places;
    ask.numbers =
        malloc(INDEX_BUCKET_BYTES_MAX / POSTING_BYTES * sizeof *ask.numbers);
    if (ask.numbers == NULL) {
        status = no_memory(err);
    }
    size_t at = 0;
    while (status == STATUS_OK && at < query->count) {
        status = ask_batch(&ask, &at, err);
    }
    if (status == STATUS_OK) {
        *count = best_of(&ask.votes, out);
    }
    redis_cancel(redis); /* after a failure of our own, replies are to come */
    free(ask.votes.slots);
    free(ask.numbers);
    free(places);
    return status;
}
