/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/delta.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16, BLOCK = 64 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory for what was filed since the index was last "
                     "merged: give the service more");
}

/* The three rows grow together; those that did are kept when one cannot. */
static bool segment_grow(struct delta_segment *segment)
{
    size_t capacity =
        segment->capacity == 0 ? FIRST_CAPACITY : segment->capacity * 2;
    uint16_t *rests =
        realloc(segment->rests, capacity * sizeof *segment->rests);
    if (rests != NULL) {
        segment->rests = rests;
    }
    uint32_t *numbers =
        realloc(segment->numbers, capacity * sizeof *segment->numbers);
    if (numbers != NULL) {
        segment->numbers = numbers;
    }
    uint64_t *marks =
        realloc(segment->marks, capacity * sizeof *segment->marks);
    if (marks != NULL) {
        segment->marks = marks;
    }
    if (rests == NULL || numbers == NULL || marks == NULL) {
        return false;
    }
    segment->capacity = capacity;
    return true;
}

enum status delta_add(struct delta *delta, struct place place, uint32_t number,
                      uint64_t mark, struct error *err)
{
    struct delta_segment *segment = &delta->segments[place.segment];
    if (segment->count == segment->capacity && !segment_grow(segment)) {
        return no_memory(err);
    }
    segment->rests[segment->count] = place.rest;
    segment->numbers[segment->count] = number;
    segment->marks[segment->count] = mark;
    segment->count++;
    delta->posting_count++;
    return STATUS_OK;
}

/* Where the first removal stands that is not under `number`. */
static size_t removal_at(const struct delta *delta, uint32_t number)
{
    size_t low = 0;
    size_t high = delta->removal_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (delta->removals[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool delta_is_removed(const struct delta *delta, uint32_t number, uint64_t mark)
{
    size_t at = removal_at(delta, number);
    return at < delta->removal_count && delta->removals[at].number == number &&
           delta->removals[at].mark <= mark;
}

enum status delta_remove(struct delta *delta, uint32_t number, uint64_t mark,
                         struct error *err)
{
    size_t at = removal_at(delta, number);
    if (at < delta->removal_count && delta->removals[at].number == number) {
        return STATUS_OK;
    }
    if (delta->removal_count == delta->removal_capacity) {
        size_t capacity = delta->removal_capacity == 0
                              ? FIRST_CAPACITY
                              : delta->removal_capacity * 2;
        struct delta_removal *grown =
            realloc(delta->removals, capacity * sizeof *grown);
        if (grown == NULL) {
            return no_memory(err);
        }
        delta->removals = grown;
        delta->removal_capacity = capacity;
    }
    struct delta_removal *place = delta->removals + at;
    memmove(place + 1, place, (delta->removal_count - at) * sizeof *place);
    *place = (struct delta_removal){number, mark};
    delta->removal_count++;
    return STATUS_OK;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Whether one of BLOCK rests is the wanted one: a loop without branches, which
 * the compiler turns into a few vector instructions. */
static bool block_has(const uint16_t *rests, uint16_t wanted)
{
    unsigned found = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        found |= rests[i] == wanted;
    }
    return found != 0;
}

static size_t unique(uint32_t *numbers, size_t count)
{
    size_t kept = 0;
    if (count > 1) {
        qsort(numbers, count, sizeof *numbers, compare_numbers);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || numbers[kept - 1] != numbers[i]) {
            numbers[kept++] = numbers[i];
        }
    }
    return kept;
}

void delta_numbers(const struct delta *delta, struct place place,
                   uint32_t out[DELTA_NUMBERS_MAX], size_t *count)
{
    const struct delta_segment *segment = &delta->segments[place.segment];
    size_t found = 0;
    for (size_t i = 0; i < segment->count && found < DELTA_NUMBERS_MAX;) {
        if (i % BLOCK == 0 && i + BLOCK <= segment->count &&
            !block_has(segment->rests + i, place.rest)) {
            i += BLOCK;
            continue;
        }
        if (segment->rests[i] == place.rest) {
            out[found++] = segment->numbers[i];
        }
        i++;
    }
    *count = found < DELTA_NUMBERS_MAX ? unique(out, found) : found;
}

/* How many of a segment's postings came up to `mark`. */
static size_t count_up_to(const struct delta_segment *segment, uint64_t mark)
{
    size_t count = 0;
    while (count < segment->count && segment->marks[count] <= mark) {
        count++;
    }
    return count;
}

enum status delta_postings(uint64_t **out, size_t *count,
                           const struct delta *delta, uint32_t segment,
                           uint64_t mark, struct error *err)
{
    const struct delta_segment *from = &delta->segments[segment];
    *count = count_up_to(from, mark);
    *out = malloc((*count + 1) * sizeof **out);
    if (*out == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = posting_of(from->rests[i], from->numbers[i]);
    }
    return STATUS_OK;
}

enum status delta_removals(uint32_t **out, size_t *count,
                           const struct delta *delta, uint64_t mark,
                           struct error *err)
{
    *count = 0;
    *out = malloc((delta->removal_count + 1) * sizeof **out);
    if (*out == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < delta->removal_count; i++) {
        if (delta->removals[i].mark <= mark) {
            (*out)[(*count)++] = delta->removals[i].number;
        }
    }
    return STATUS_OK;
}

static void segment_clear(struct delta_segment *segment)
{
    free(segment->rests);
    free(segment->numbers);
    free(segment->marks);
    *segment = (struct delta_segment){0};
}

void delta_forget(struct delta *delta, uint32_t segment, uint64_t mark)
{
    struct delta_segment *from = &delta->segments[segment];
    size_t gone = count_up_to(from, mark);
    size_t left = from->count - gone;
    delta->posting_count -= gone;
    if (left == 0) {
        segment_clear(from);
        return;
    }
    memmove(from->rests, from->rests + gone, left * sizeof *from->rests);
    memmove(from->numbers, from->numbers + gone, left * sizeof *from->numbers);
    memmove(from->marks, from->marks + gone, left * sizeof *from->marks);
    from->count = left;
}

void delta_forget_removals(struct delta *delta, uint64_t mark)
{
    size_t kept = 0;
    for (size_t i = 0; i < delta->removal_count; i++) {
        if (delta->removals[i].mark > mark) {
            delta->removals[kept++] = delta->removals[i];
        }
    }
    delta->removal_count = kept;
}

void delta_clear(struct delta *delta)
{
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        segment_clear(&delta->segments[i]);
    }
    free(delta->removals);
    *delta = (struct delta){0};
}
