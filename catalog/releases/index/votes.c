/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/votes.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 1024 };

static struct vote *slot_of(const struct votes *votes, uint32_t number)
{
    /* Fibonacci hashing (Knuth, TAOCP 6.4): numbers are dense */
    size_t mask = votes->slot_count - 1;
    size_t at = (number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (votes->slots[at].count > 0 && votes->slots[at].number != number) {
        at = (at + 1) & mask;
    }
    return &votes->slots[at];
}

static enum status grow(struct votes *votes, struct error *err)
{
    struct votes larger = {.slot_count = votes->slot_count == 0
                                             ? SLOTS_FIRST
                                             : votes->slot_count * 2};
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to count what a query shares with the "
                         "catalog: give the service more");
    }
    for (size_t i = 0; i < votes->slot_count; i++) {
        if (votes->slots[i].count > 0) {
            *slot_of(&larger, votes->slots[i].number) = votes->slots[i];
        }
    }
    larger.used = votes->used;
    free(votes->slots);
    *votes = larger;
    return STATUS_OK;
}

enum status votes_add(struct votes *votes, uint32_t number, struct error *err)
{
    if (votes->used * 2 >= votes->slot_count) {
        enum status status = grow(votes, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct vote *vote = slot_of(votes, number);
    votes->used += vote->count == 0;
    vote->number = number;
    vote->count++;
    return STATUS_OK;
}

static bool is_better(struct candidate a, struct candidate b)
{
    return a.term_count != b.term_count ? a.term_count > b.term_count
                                        : a.number < b.number;
}

size_t votes_best(const struct votes *votes,
                  bool (*is_out)(const void *context, uint32_t number),
                  const void *context, struct candidate out[CANDIDATES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < votes->slot_count; i++) {
        struct candidate next = {votes->slots[i].number, votes->slots[i].count};
        if (next.term_count == 0 ||
            (count == CANDIDATES_MAX && !is_better(next, out[count - 1])) ||
            is_out(context, next.number)) {
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

void votes_clear(struct votes *votes)
{
    free(votes->slots);
    *votes = (struct votes){0};
}
