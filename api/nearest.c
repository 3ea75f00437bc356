/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/nearest.h"

#include "catalog/releases/index.h"
#include "matcher/terms.h"

size_t nearest_worth(const uint32_t *term_counts, size_t count)
{
    size_t worth = 0;
    while (worth < count && worth < NEAREST_MAX &&
           (worth < NEAREST_FIRST ||
            (uint64_t)2 * term_counts[worth] >= term_counts[0])) {
        worth++;
    }
    return worth;
}

static enum status fetch(struct nearest *nearest, struct redis *redis,
                         uint32_t number, struct error *err)
{
    struct recording *recording = &nearest->recordings[nearest->count];
    struct reference *reference = &nearest->references[nearest->count];
    enum status status = recording_by_number(redis, number, recording, err);
    if (status == STATUS_OK) {
        status = recording_print(redis, number, &reference->print, err);
    }
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK; /* taken down between index and here */
    }
    if (status == STATUS_OK) {
        reference->duration_ms = recording->duration_ms;
        reference->advisory = recording->advisory;
        nearest->count++;
    }
    return status;
}

enum status nearest_find(struct nearest *out, struct redis *redis,
                         const struct fingerprint *query, struct error *err)
{
    struct terms terms = {0};
    struct candidate candidates[CANDIDATES_MAX];
    uint32_t term_counts[CANDIDATES_MAX];
    *out = (struct nearest){0};

    enum status status = terms_for_query(&terms, query, err);
    if (status == STATUS_OK) {
        status =
            index_find(redis, &terms, candidates, &out->candidate_count, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    for (size_t i = 0; i < out->candidate_count; i++) {
        term_counts[i] = candidates[i].term_count;
    }
    size_t worth = nearest_worth(term_counts, out->candidate_count);
    for (size_t i = 0; i < worth && status == STATUS_OK; i++) {
        status = fetch(out, redis, candidates[i].number, err);
    }
out:
    terms_clear(&terms);
    if (status != STATUS_OK) {
        nearest_clear(out);
    }
    return status;
}

void nearest_clear(struct nearest *nearest)
{
    for (size_t i = 0; i < nearest->count; i++) {
        fingerprint_clear(&nearest->references[i].print);
    }
    nearest->count = 0;
}
