/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/inside.h"

#include "catalog/redis/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The log: a stream with entries of one field, FORMAT.md. A mark is an
 * entry's id in one number: milliseconds and a count within them. */
enum {
    COUNT_BITS = 20,
    ENTRIES = 256, /* of one look */
    ENTRY_TERMS_MAX = 1 << 16,
    MARK_TEXT_SIZE = 48,
};
static const char field_add[] = "a";
static const char field_remove[] = "d";

static void mark_text(char out[MARK_TEXT_SIZE], uint64_t mark)
{
    (void)snprintf(out, MARK_TEXT_SIZE, "%" PRIu64 "-%" PRIu64,
                   mark >> COUNT_BITS, mark & ((1U << COUNT_BITS) - 1));
}

static enum status damaged(struct error *err, const char *id)
{
    return error_set(err, STATUS_CORRUPT, "index_log",
                     "entry %.48s of the index's log is none of ours: delete "
                     "it (XDEL), then load its release again",
                     id);
}

/* ---- writing ---- */

static enum status log_write(struct redis *redis, const char *field,
                             const void *bytes, size_t length,
                             struct error *err)
{
    struct key key = key_index_log();
    const struct redis_arg args[] = {redis_text("XADD"), redis_text(key.text),
                                     redis_text("*"), redis_text(field),
                                     redis_bytes(bytes, length)};
    return redis_call(redis, NULL, args, 5, err);
}

enum status index_add(struct redis *redis, uint32_t number,
                      const struct terms *terms, struct error *err)
{
    assert(number > 0);
    /* two hours have 58 200 items; more would be cut, not refused */
    size_t count =
        terms->count < ENTRY_TERMS_MAX ? terms->count : ENTRY_TERMS_MAX;
    uint8_t *bytes = malloc(4 + 4 * count);
    if (bytes == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to file a recording: give the service "
                         "more");
    }
    store_u32le(bytes, number);
    for (size_t i = 0; i < count; i++) {
        store_u32le(bytes + 4 + 4 * i, terms->values[i]);
    }
    enum status status = log_write(redis, field_add, bytes, 4 + 4 * count, err);
    free(bytes);
    return status;
}

enum status index_remove(struct redis *redis, uint32_t number,
                         struct error *err)
{
    uint8_t bytes[4];
    store_u32le(bytes, number);
    return log_write(redis, field_remove, bytes, sizeof bytes, err);
}

/* ---- reading ---- */

struct log_entry {
    uint64_t mark;
    bool is_removal;
    uint32_t number;
    const uint8_t *terms; /* 4 bytes each */
    size_t term_count;
};

static bool mark_read(uint64_t *out, const char *text)
{
    char *end = NULL;
    uint64_t ms = strtoull(text, &end, 10);
    if (*end != '-') {
        return false;
    }
    uint64_t count = strtoull(end + 1, &end, 10);
    if (*end != '\0' || ms >> (64 - COUNT_BITS) != 0 ||
        count >> COUNT_BITS != 0) {
        return false;
    }
    *out = ms << COUNT_BITS | count;
    return true;
}

static bool terms_fit(const struct log_entry *entry)
{
    for (size_t i = 0; i < entry->term_count; i++) {
        if (load_u32le(entry->terms + 4 * i) >> TERM_BITS != 0) {
            return false;
        }
    }
    return true;
}

/* [id, [field, value]] */
static enum status entry_read(struct log_entry *out,
                              const struct redis_reply *reply,
                              struct error *err)
{
    char id[MARK_TEXT_SIZE] = "";
    char field[4] = "";
    *out = (struct log_entry){0};
    if (redis_reply_count(reply) != 2 ||
        !redis_reply_copy(id, sizeof id, redis_reply_at(reply, 0)) ||
        redis_reply_count(redis_reply_at(reply, 1)) != 2 ||
        !mark_read(&out->mark, id)) {
        return damaged(err, id);
    }
    const struct redis_reply *pair = redis_reply_at(reply, 1);
    size_t length = 0;
    const uint8_t *bytes =
        (const uint8_t *)redis_reply_bytes(redis_reply_at(pair, 1), &length);
    bool known = redis_reply_copy(field, sizeof field, redis_reply_at(pair, 0));
    out->is_removal = strcmp(field, field_remove) == 0;
    known = known && (out->is_removal || strcmp(field, field_add) == 0);
    if (!known || length < 4 || length % 4 != 0 ||
        length / 4 > ENTRY_TERMS_MAX + 1 || (out->is_removal && length != 4)) {
        return damaged(err, id);
    }
    out->number = load_u32le(bytes);
    out->terms = bytes + 4;
    out->term_count = length / 4 - 1;
    return out->number > 0 && terms_fit(out) ? STATUS_OK : damaged(err, id);
}

/* Under the write lock. */
static enum status entry_apply(struct index *index,
                               const struct log_entry *entry, struct error *err)
{
    enum status status = STATUS_OK;
    if (entry->is_removal) {
        status = delta_remove(&index->delta, entry->number, entry->mark, err);
    }
    for (size_t i = 0; i < entry->term_count && status == STATUS_OK; i++) {
        struct place place = place_of(load_u32le(entry->terms + 4 * i));
        if (entry->mark > index->segments[place.segment].map.head.mark) {
            status = delta_add(&index->delta, place, entry->number, entry->mark,
                               err);
        }
    }
    if (status == STATUS_OK) {
        index->mark = entry->mark;
    }
    return status;
}

/* What another thread has read meanwhile is passed over. */
static enum status apply(struct index *index, const struct redis_reply *entries,
                         struct error *err)
{
    enum status status = STATUS_OK;
    (void)pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; i < redis_reply_count(entries) && status == STATUS_OK;
         i++) {
        struct log_entry entry;
        status = entry_read(&entry, redis_reply_at(entries, i), err);
        if (status == STATUS_OK && entry.mark > index->mark) {
            status = entry_apply(index, &entry, err);
        }
    }
    (void)pthread_rwlock_unlock(&index->lock);
    return status;
}

enum status index_log_send(struct index *index, struct redis *redis,
                           struct error *err)
{
    char from[MARK_TEXT_SIZE];
    struct redis_number count;
    struct key key = key_index_log();
    (void)pthread_rwlock_rdlock(&index->lock);
    mark_text(from, index->mark);
    (void)pthread_rwlock_unlock(&index->lock);
    const struct redis_arg args[] = {redis_text("XREAD"),
                                     redis_text("COUNT"),
                                     redis_integer(&count, ENTRIES),
                                     redis_text("STREAMS"),
                                     redis_text(key.text),
                                     redis_text(from)};
    return redis_send(redis, args, 6, err);
}

/* [[key, [entry, ...]]], or nil when nothing came. */
enum status index_log_receive(struct index *index, struct redis *redis,
                              bool *more, struct error *err)
{
    struct redis_reply *reply = NULL;
    *more = false;
    enum status status = redis_receive(redis, &reply, err);
    if (status == STATUS_OK && redis_reply_count(reply) > 0) {
        const struct redis_reply *stream = redis_reply_at(reply, 0);
        if (redis_reply_count(stream) == 2) {
            const struct redis_reply *entries = redis_reply_at(stream, 1);
            *more = redis_reply_count(entries) == ENTRIES;
            status = apply(index, entries, err);
        }
    }
    redis_reply_free(reply);
    return status;
}

enum status index_catch_up(struct index *index, struct redis *redis,
                           struct error *err)
{
    bool more = true;
    enum status status = STATUS_OK;
    while (more && status == STATUS_OK) {
        more = false;
        status = index_refresh(index, redis, false, err);
        if (status == STATUS_OK) {
            status = index_log_send(index, redis, err);
        }
        if (status == STATUS_OK) {
            status = index_log_receive(index, redis, &more, err);
        }
    }
    return status;
}
