/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/nearest.h"

#include "catalog/releases/masters.h"
#include "catalog/releases/sketches.h"
#include "matcher/terms.h"

#include <assert.h>
#include <unistd.h>

enum { LOOKS_MAX = 2 };

size_t nearest_worth(const uint32_t *term_counts, size_t count)
{
    size_t worth = 0;
    for (; worth < count && worth < NEAREST_MAX; worth++) {
        bool is_close = (uint64_t)2 * term_counts[worth] >= term_counts[0];
        bool is_chance = term_counts[worth] == 1 && count == CANDIDATES_MAX;
        if (!is_close && (worth >= NEAREST_FIRST || is_chance)) {
            break;
        }
    }
    return worth;
}

/* STATUS_NOT_FOUND: it was taken down between the index and here. */
static enum status fetch(struct nearest *nearest, struct redis *redis,
                         uint32_t number, struct error *err)
{
    struct recording *recording = &nearest->recordings[nearest->count];
    struct reference *reference = &nearest->references[nearest->count];
    enum status status = recording_by_number(redis, number, recording, err);
    if (status == STATUS_OK) {
        status = recording_print(redis, number, &reference->print, err);
    }
    if (status == STATUS_OK) {
        reference->duration_ms = recording->duration_ms;
        reference->advisory = recording->advisory;
        nearest->count++;
    }
    return status;
}

/* Asks the index, then fetches what is worth it. *gone: one of them was taken
 * down in between. */
static enum status look(struct nearest *out, const struct nearest_query *query,
                        const struct terms *terms, bool *gone,
                        struct error *err)
{
    const struct index_query question = {terms, query->newer_than};
    struct index_found found;
    uint32_t term_counts[CANDIDATES_MAX];
    enum status status =
        index_find(query->index, query->redis, &question, &found, err);
    *gone = false;
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < found.count; i++) {
        term_counts[i] = found.candidates[i].term_count;
    }
    out->candidate_count = found.count;
    out->degraded = found.degraded;
    size_t worth = nearest_worth(term_counts, found.count);
    for (size_t i = 0; i < worth && status == STATUS_OK; i++) {
        status = fetch(out, query->redis, found.candidates[i].number, err);
        if (status == STATUS_NOT_FOUND) {
            *gone = true;
            status = STATUS_OK;
        }
    }
    return status;
}

enum status nearest_find(struct nearest *out, const struct nearest_query *query,
                         struct error *err)
{
    struct terms terms = {0};
    bool gone = true;
    *out = (struct nearest){0};
    enum status status = query->attempt == ATTEMPT_NEIGHBOURS
                             ? terms_neighbours(&terms, query->print, err)
                             : terms_for_query(&terms, query->print, err);
    /* What replaces a recording is in the index before that one goes; a third
     * look would be at a catalog that is taken down as fast as it is read. */
    for (int i = 0; i < LOOKS_MAX && gone && status == STATUS_OK; i++) {
        nearest_clear(out);
        status = look(out, query, &terms, &gone, err);
    }
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

/* ---- more of a reference ---- */

static const struct recording *
recording_at(const struct nearest_masters *masters, size_t index)
{
    assert(index < masters->nearest->count);
    return &masters->nearest->recordings[index];
}

/* A master that cannot be had is no fault of the song that asked for it. */
static enum status open_master(void *context, size_t index,
                               struct decoder **out, struct error *err)
{
    const struct nearest_masters *masters = context;
    int fd = -1;
    enum status status = masters_open(&fd, masters->masters_folder,
                                      recording_at(masters, index), err);
    if (status != STATUS_OK) {
        return STATUS_NOT_FOUND;
    }
    status = decoder_open(out, masters->decoders, fd, err);
    (void)close(fd);
    return status == STATUS_INVALID ? STATUS_NOT_FOUND : status;
}

/* Draws a sketch and stores it; one that cannot be stored serves this once. */
static enum status draw(const struct nearest_masters *masters,
                        const struct recording *recording,
                        struct decoder *decoder, struct sketch *out,
                        struct error *err)
{
    struct buffer bytes = {0};
    struct error refused = {0};
    enum status status = sketches_draw(&bytes, decoder, err);
    if (status == STATUS_OK) {
        status = sketch_unpack(out, bytes.bytes, bytes.length, err);
    }
    if (status == STATUS_OK) {
        enum status stored = sketches_store(
            masters->masters_folder, recording->master_name, &bytes, &refused);
        log_event(masters->log, LOG_WARNING, "sketch_drawn_anew",
                  "recording=%s stored=%s", recording->id,
                  stored == STATUS_OK ? "yes" : refused.code);
    }
    buffer_clear(&bytes);
    return status;
}

static enum status give_sketch(void *context, size_t index, struct sketch *out,
                               struct error *err)
{
    const struct nearest_masters *masters = context;
    const struct recording *recording = recording_at(masters, index);
    struct decoder *decoder = NULL;
    enum status status = sketches_read(out, masters->masters_folder,
                                       recording->master_name, err);
    if (status != STATUS_NOT_FOUND && status != STATUS_CORRUPT) {
        return status;
    }
    status = open_master(context, index, &decoder, err);
    if (status == STATUS_OK) {
        status = draw(masters, recording, decoder, out, err);
    }
    decoder_close(decoder);
    return status == STATUS_INVALID ? STATUS_NOT_FOUND : status;
}

struct reference_source nearest_source(struct nearest_masters *masters)
{
    return (struct reference_source){masters, give_sketch, open_master};
}
