/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/segment.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 1,
    /* Postings of a bucket: at most this on average, at least half of it.
     * Smaller buckets cost fences, larger ones bytes on the way. */
    BUCKET_POSTINGS = 64,
    NUMBER_BITS_MAX = 32,
    RICE_BITS_MAX = 47,
    BYTES_MAX = 512 << 20, /* of a string in Redis */
};
static const uint8_t magic[4] = {'R', 'F', 'I', 'X'};

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "index_segment",
                     "an index segment is damaged (%s): rebuild the index "
                     "from the stored fingerprints, or restore Redis",
                     what);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory to work on the index: give the service more");
}

struct place place_of(uint32_t term)
{
    const uint32_t mask = (1U << TERM_BITS) - 1;
    assert(term <= mask);
    /* one to one: odd multiplier and xor shifts can be undone */
    term ^= term >> 14;
    term = term * 0x9e3779b1U & mask;
    term ^= term >> 15;
    return (struct place){term >> SEGMENT_REST_BITS,
                          (uint16_t)(term & ((1U << SEGMENT_REST_BITS) - 1))};
}

/* ---- bits, the lowest first ---- */

struct bit_writer {
    struct buffer *out; /* has room for all */
    uint64_t bits;
    unsigned count; /* of bits: at most 7 between calls */
};

static void put_bits(struct bit_writer *writer, uint64_t value, unsigned count)
{
    assert(count <= 56);
    writer->bits |= value << writer->count;
    writer->count += count;
    while (writer->count >= 8) {
        writer->out->bytes[writer->out->length++] = (uint8_t)writer->bits;
        writer->bits >>= 8;
        writer->count -= 8;
    }
}

/* Ones, then a zero. */
static void put_unary(struct bit_writer *writer, uint64_t value)
{
    for (; value >= 32; value -= 32) {
        put_bits(writer, UINT32_MAX, 32);
    }
    put_bits(writer, (1ULL << value) - 1, (unsigned)value + 1);
}

/* Fills the last byte with ones: too few for another posting, since none ends
 * without a zero. */
static void put_end(struct bit_writer *writer)
{
    if (writer->count > 0) {
        put_bits(writer, (1U << (8 - writer->count)) - 1, 8 - writer->count);
    }
}

struct bit_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t bits;
    unsigned count;
};

static void refill(struct bit_reader *reader)
{
    while (reader->count <= 56 && reader->at < reader->end) {
        reader->bits |= (uint64_t)*reader->at++ << reader->count;
        reader->count += 8;
    }
}

/* false at the end of the bytes. */
static bool get_unary(struct bit_reader *reader, uint64_t *value)
{
    for (*value = 0;;) {
        refill(reader);
        uint64_t zeros = ~reader->bits;
        unsigned ones = zeros == 0 ? 64 : (unsigned)__builtin_ctzll(zeros);
        if (ones < reader->count) {
            *value += ones;
            reader->bits = reader->bits >> ones >> 1; /* 64 is no shift */
            reader->count -= ones + 1;
            return true;
        }
        *value += reader->count;
        if (reader->at == reader->end) {
            return false;
        }
        reader->bits = 0;
        reader->count = 0;
    }
}

/* count at most 56 */
static bool get_bits(struct bit_reader *reader, unsigned count, uint64_t *value)
{
    refill(reader);
    if (reader->count < count) {
        return false;
    }
    *value = reader->bits & ((1ULL << count) - 1);
    reader->bits >>= count;
    reader->count -= count;
    return true;
}

/* ---- buckets ---- */

static unsigned tag_bits(const struct segment_head *head)
{
    return (unsigned)(SEGMENT_REST_BITS - head->bucket_bits);
}

static uint32_t segment_bucket_of(const struct segment_head *head,
                                  uint16_t rest)
{
    return (uint32_t)rest >> tag_bits(head);
}

/* A posting within its bucket: the rest's lower bits above the number. */
static uint64_t code_of(const struct segment_head *head, uint64_t posting)
{
    uint64_t tag = posting_rest(posting) & ((1U << tag_bits(head)) - 1);
    return tag << head->number_bits | posting_number(posting);
}

static void bucket_write(struct buffer *out, const struct segment_head *head,
                         const uint64_t *postings, size_t count)
{
    struct bit_writer writer = {.out = out};
    uint64_t next = 0; /* the smallest code that may follow */
    for (size_t i = 0; i < count; i++) {
        uint64_t code = code_of(head, postings[i]);
        assert(code >= next);
        uint64_t gap = code - next;
        put_unary(&writer, gap >> head->rice_bits);
        put_bits(&writer, gap & ((1ULL << head->rice_bits) - 1),
                 head->rice_bits);
        next = code + 1;
    }
    put_end(&writer);
}

enum bucket_step { BUCKET_POSTING, BUCKET_END, BUCKET_DAMAGED };

struct bucket_reader {
    const struct segment_head *head;
    struct bit_reader bits;
    uint64_t next;
};

static struct bucket_reader bucket_open(const struct segment_head *head,
                                        const uint8_t *bytes, size_t length)
{
    return (struct bucket_reader){
        .head = head,
        .bits = {.at = bytes, .end = bytes == NULL ? NULL : bytes + length}};
}

static enum bucket_step bucket_next(struct bucket_reader *reader,
                                    uint64_t *code)
{
    const struct segment_head *head = reader->head;
    const uint64_t limit = 1ULL << (tag_bits(head) + head->number_bits);
    uint64_t high = 0;
    uint64_t low = 0;
    if (!get_unary(&reader->bits, &high)) {
        return high < 8 ? BUCKET_END : BUCKET_DAMAGED;
    }
    if (high > limit >> head->rice_bits ||
        !get_bits(&reader->bits, head->rice_bits, &low)) {
        return BUCKET_DAMAGED;
    }
    *code = reader->next + (high << head->rice_bits) + low;
    if (*code >= limit || (*code & ((1ULL << head->number_bits) - 1)) == 0) {
        return BUCKET_DAMAGED; /* recordings are numbered from 1 */
    }
    reader->next = *code + 1;
    return BUCKET_POSTING;
}

enum status segment_numbers(const struct segment_head *head, uint16_t rest,
                            const uint8_t *bytes, size_t length,
                            uint32_t out[SEGMENT_TERM_MAX], size_t *count,
                            struct error *err)
{
    struct bucket_reader reader = bucket_open(head, bytes, length);
    const uint64_t tag = rest & ((1U << tag_bits(head)) - 1);
    enum bucket_step step = BUCKET_END;
    uint64_t code = 0;
    *count = 0;
    while ((step = bucket_next(&reader, &code)) == BUCKET_POSTING &&
           code >> head->number_bits <= tag) {
        if (code >> head->number_bits == tag) {
            if (*count == SEGMENT_TERM_MAX) {
                return corrupt(err, "a term with too many recordings");
            }
            out[(*count)++] =
                (uint32_t)(code & ((1ULL << head->number_bits) - 1));
        }
    }
    return step == BUCKET_DAMAGED ? corrupt(err, "postings out of range")
                                  : STATUS_OK;
}

/* ---- writing ---- */

static uint8_t bits_of(uint64_t value)
{
    return (uint8_t)(value == 0 ? 0 : 64 - __builtin_clzll(value));
}

static uint8_t bucket_bits_for(size_t posting_count)
{
    uint8_t bits = 0;
    while (bits < SEGMENT_REST_BITS &&
           posting_count >> bits > BUCKET_POSTINGS) {
        bits++;
    }
    return bits;
}

/* Of the mean gap times ln 2: the best for gaps of chance (Golomb 1966). */
static uint8_t rice_bits_for(unsigned number_bits, size_t posting_count)
{
    uint64_t gap = (1ULL << (SEGMENT_REST_BITS + number_bits)) /
                   (posting_count == 0 ? 1 : posting_count);
    uint64_t best = gap * 69 / 100;
    uint8_t bits = bits_of(best);
    return bits == 0 ? 0 : (uint8_t)(bits - 1);
}

static struct segment_head head_for(const uint64_t *postings, size_t count,
                                    size_t stop_count, uint64_t mark)
{
    uint32_t largest = 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = posting_number(postings[i]);
        largest = number > largest ? number : largest;
    }
    struct segment_head head = {.mark = mark,
                                .posting_count = (uint32_t)count,
                                .stop_count = (uint32_t)stop_count,
                                .bucket_bits = bucket_bits_for(count),
                                .number_bits = bits_of(largest)};
    head.rice_bits = rice_bits_for(head.number_bits, count);
    return head;
}

static void head_write(uint8_t *at, const struct segment_head *head)
{
    memset(at, 0, SEGMENT_HEAD_BYTES);
    memcpy(at, magic, sizeof magic);
    at[4] = VERSION;
    at[5] = head->bucket_bits;
    at[6] = head->number_bits;
    at[7] = head->rice_bits;
    store_u32le(at + 8, head->posting_count);
    store_u32le(at + 12, head->stop_count);
    store_u64le(at + 16, head->mark);
}

/* Bytes of all postings at most: each its lower bits and the end of its unary
 * number; the ones of a bucket's unary numbers reach over its codes once; a
 * byte to fill. */
static size_t buckets_bytes_max(const struct segment_head *head)
{
    uint64_t codes = 1ULL << (tag_bits(head) + head->number_bits);
    uint64_t bits = (uint64_t)head->posting_count * (head->rice_bits + 1U) +
                    (((codes >> head->rice_bits) + 8) << head->bucket_bits);
    return (size_t)(bits / 8 + 1);
}

/* false: a bucket is longer than its fence can say. */
static bool buckets_write(struct buffer *out, const struct segment_head *head,
                          size_t fences_at, const uint64_t *postings)
{
    size_t from = 0;
    for (uint32_t bucket = 0; bucket < 1U << head->bucket_bits; bucket++) {
        size_t until = from;
        while (until < head->posting_count &&
               segment_bucket_of(head, posting_rest(postings[until])) ==
                   bucket) {
            until++;
        }
        size_t before = out->length;
        bucket_write(out, head, postings + from, until - from);
        size_t length = out->length - before;
        if (length > SEGMENT_BUCKET_BYTES_MAX) {
            return false;
        }
        store_u16le(out->bytes + fences_at + (size_t)2 * bucket,
                    (uint16_t)length);
        from = until;
    }
    return true;
}

enum status segment_write(struct buffer *out, const uint64_t *postings,
                          size_t posting_count, const uint16_t *stops,
                          size_t stop_count, uint64_t mark, struct error *err)
{
    struct segment_head head =
        head_for(postings, posting_count, stop_count, mark);
    const size_t start = out->length;
    for (;; head.bucket_bits++) {
        /* a bucket of one term is never too long */
        assert(head.bucket_bits <= SEGMENT_REST_BITS);
        size_t map_bytes = segment_map_bytes(&head);
        enum status status =
            buffer_reserve(out, map_bytes + buckets_bytes_max(&head), err);
        if (status != STATUS_OK) {
            return status;
        }
        uint8_t *at = out->bytes + start;
        head_write(at, &head);
        for (size_t i = 0; i < stop_count; i++) {
            store_u16le(at + SEGMENT_HEAD_BYTES + 2 * i, stops[i]);
        }
        out->length = start + map_bytes;
        if (buckets_write(out, &head,
                          start + SEGMENT_HEAD_BYTES + 2 * stop_count,
                          postings)) {
            return STATUS_OK;
        }
        out->length = start;
    }
}

/* ---- reading ---- */

enum status segment_head_read(struct segment_head *out, const uint8_t *bytes,
                              size_t length, struct error *err)
{
    *out = (struct segment_head){0};
    if (length < SEGMENT_HEAD_BYTES ||
        memcmp(bytes, magic, sizeof magic) != 0) {
        return corrupt(err, "no head");
    }
    if (bytes[4] != VERSION) {
        return corrupt(err, "a version that this program does not know");
    }
    struct segment_head head = {.bucket_bits = bytes[5],
                                .number_bits = bytes[6],
                                .rice_bits = bytes[7],
                                .posting_count = load_u32le(bytes + 8),
                                .stop_count = load_u32le(bytes + 12),
                                .mark = load_u64le(bytes + 16)};
    if (head.bucket_bits > SEGMENT_REST_BITS || head.number_bits == 0 ||
        head.number_bits > NUMBER_BITS_MAX || head.rice_bits > RICE_BITS_MAX ||
        head.stop_count > 1U << SEGMENT_REST_BITS) {
        return corrupt(err, "impossible sizes");
    }
    *out = head;
    return STATUS_OK;
}

size_t segment_map_bytes(const struct segment_head *head)
{
    return SEGMENT_HEAD_BYTES + (size_t)2 * head->stop_count +
           ((size_t)2 << head->bucket_bits);
}

static enum status stops_read(struct segment_map *map, const uint8_t *bytes,
                              struct error *err)
{
    for (size_t i = 0; i < map->head.stop_count; i++) {
        map->stops[i] = load_u16le(bytes + 2 * i);
        if (i > 0 && map->stops[i - 1] >= map->stops[i]) {
            return corrupt(err, "stop terms out of order");
        }
    }
    return STATUS_OK;
}

static enum status fences_read(struct segment_map *map, const uint8_t *bytes,
                               struct error *err)
{
    const size_t buckets = (size_t)1 << map->head.bucket_bits;
    uint32_t offset = (uint32_t)segment_map_bytes(&map->head);
    assert(map->offsets != NULL);
    for (size_t i = 0; i < buckets && offset <= BYTES_MAX; i++) {
        map->offsets[i] = offset;
        offset += load_u16le(bytes + 2 * i);
    }
    map->offsets[buckets] = offset;
    return offset <= BYTES_MAX ? STATUS_OK : corrupt(err, "impossible sizes");
}

enum status segment_map_read(struct segment_map *out, const uint8_t *bytes,
                             size_t length, struct error *err)
{
    struct segment_map map = {0};
    *out = map;
    enum status status = segment_head_read(&map.head, bytes, length, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (length < segment_map_bytes(&map.head)) {
        return corrupt(err, "cut off");
    }
    map.stops = malloc(((size_t)map.head.stop_count + 1) * sizeof *map.stops);
    map.offsets =
        malloc((((size_t)1 << map.head.bucket_bits) + 1) * sizeof *map.offsets);
    if (map.stops == NULL || map.offsets == NULL) {
        status = no_memory(err);
    } else {
        status = stops_read(&map, bytes + SEGMENT_HEAD_BYTES, err);
    }
    if (status == STATUS_OK) {
        status = fences_read(
            &map, bytes + SEGMENT_HEAD_BYTES + (size_t)2 * map.head.stop_count,
            err);
    }
    if (status != STATUS_OK) {
        segment_map_clear(&map);
    }
    *out = map;
    return status;
}

void segment_map_clear(struct segment_map *map)
{
    free(map->stops);
    free(map->offsets);
    *map = (struct segment_map){0};
}

size_t segment_bytes(const struct segment_map *map)
{
    return map->offsets == NULL
               ? 0
               : map->offsets[(size_t)1 << map->head.bucket_bits];
}

bool segment_is_stop(const struct segment_map *map, uint16_t rest)
{
    size_t low = 0;
    size_t high = map->head.stop_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->stops[middle] == rest) {
            return true;
        }
        if (map->stops[middle] < rest) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

uint32_t segment_bucket(const struct segment_map *map, uint16_t rest)
{
    return segment_bucket_of(&map->head, rest);
}

/* One bucket's postings behind those that are there. */
static enum status bucket_postings(uint64_t *out, size_t *count, size_t max,
                                   const struct segment_map *map,
                                   uint32_t bucket, const uint8_t *bytes,
                                   struct error *err)
{
    const struct segment_head *head = &map->head;
    struct bucket_reader reader = bucket_open(
        head, bytes + segment_offset(map, bucket), segment_length(map, bucket));
    enum bucket_step step = BUCKET_END;
    uint64_t code = 0;
    while ((step = bucket_next(&reader, &code)) == BUCKET_POSTING) {
        if (*count == max) {
            return corrupt(err, "more postings than it says");
        }
        uint64_t tag = code >> head->number_bits;
        uint64_t number = code & ((1ULL << head->number_bits) - 1);
        out[(*count)++] =
            posting_of((uint16_t)((uint64_t)bucket << tag_bits(head) | tag),
                       (uint32_t)number);
    }
    return step == BUCKET_DAMAGED ? corrupt(err, "postings out of range")
                                  : STATUS_OK;
}

enum status segment_postings(uint64_t **out, size_t *count,
                             const struct segment_map *map,
                             const uint8_t *bytes, size_t length,
                             struct error *err)
{
    *out = NULL;
    *count = 0;
    /* a posting has at least one bit */
    if (length != segment_bytes(map) || map->head.posting_count / 8 > length) {
        return corrupt(err, "another length than it says");
    }
    if (length == 0) {
        return STATUS_OK;
    }
    const size_t max = map->head.posting_count;
    uint64_t *postings = malloc((max + 1) * sizeof *postings);
    if (postings == NULL) {
        return no_memory(err);
    }
    enum status status = STATUS_OK;
    for (uint32_t bucket = 0;
         bucket < 1U << map->head.bucket_bits && status == STATUS_OK;
         bucket++) {
        status = bucket_postings(postings, count, max, map, bucket, bytes, err);
    }
    if (status == STATUS_OK && *count != max) {
        status = corrupt(err, "fewer postings than it says");
    }
    if (status != STATUS_OK) {
        free(postings);
        *count = 0;
        return status;
    }
    *out = postings;
    return STATUS_OK;
}
