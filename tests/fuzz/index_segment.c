/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/segment.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct segment_map *map;
static const uint8_t *segment;

/* The same bucket, asked for one term, names no number that is not there. */
static void check_term(const uint64_t *postings, size_t count, uint16_t rest)
{
    uint32_t numbers[SEGMENT_TERM_MAX];
    size_t number_count = 0;
    size_t filed = 0;
    uint32_t bucket = segment_bucket(map, rest);
    for (size_t i = 0; i < count; i++) {
        filed += posting_rest(postings[i]) == rest;
    }
    enum status status = segment_numbers(
        &map->head, rest, segment + segment_offset(map, bucket),
        segment_length(map, bucket), numbers, &number_count, NULL);
    assert(status == STATUS_CORRUPT || number_count == filed);
    assert(status == STATUS_OK || filed > SEGMENT_TERM_MAX);
}

/* Input: a segment. What is accepted has its postings in order, and answers
 * for one term as for all. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct segment_map read;
    uint64_t *postings = NULL;
    size_t count = 0;
    if (segment_map_read(&read, bytes, length, NULL) != STATUS_OK) {
        return 0;
    }
    map = &read;
    segment = bytes;
    if (segment_postings(&postings, &count, &read, bytes, length, NULL) ==
        STATUS_OK) {
        for (size_t i = 0; i < count; i++) {
            assert(i == 0 || postings[i - 1] < postings[i]);
            assert(posting_number(postings[i]) > 0);
        }
        for (size_t i = 0; i < count && i < 64; i++) {
            check_term(postings, count, posting_rest(postings[i]));
        }
        check_term(postings, count, 1234);
    }
    free(postings);
    segment_map_clear(&read);
    return 0;
}
