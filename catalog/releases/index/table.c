/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/inside.h"

#include "catalog/redis/keys.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 64, /* segments that are loaded together */
    /* Looks at the versions while segments vanish under our hands: each means
     * that a whole merge went by. */
    TRIES = 4,
};

/* Segments that are to be loaded, and what came of it. */
struct batch {
    uint32_t segments[BATCH];
    struct index_segment loaded[BATCH]; /* version 0: it is gone */
    size_t count;
};

static void segment_release(struct index_segment *segment)
{
    segment_map_clear(&segment->map);
    free(segment->bytes);
    *segment = (struct index_segment){0};
}

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        segment_release(&batch->loaded[i]);
    }
    batch->count = 0;
}

/* ---- fetching ---- */

/* Bytes 0 to last of a segment; last -1: all. */
static enum status send_range(struct redis *redis, uint32_t segment,
                              uint32_t version, int64_t last, struct error *err)
{
    struct key key = key_index_segment(segment, version);
    struct redis_number digits;
    const struct redis_arg args[] = {redis_text("GETRANGE"),
                                     redis_text(key.text), redis_text("0"),
                                     redis_integer(&digits, last)};
    return redis_send(redis, args, 4, err);
}

static enum status map_take(struct index_segment *out,
                            const struct redis_reply *reply, bool whole,
                            struct error *err)
{
    size_t length = 0;
    const uint8_t *bytes = (const uint8_t *)redis_reply_bytes(reply, &length);
    if (length == 0) {
        out->version = 0;
        return STATUS_OK;
    }
    enum status status = segment_map_read(&out->map, bytes, length, err);
    if (status != STATUS_OK || !whole) {
        return status;
    }
    if (segment_bytes(&out->map) != length) {
        return error_set(err, STATUS_CORRUPT, "index_segment",
                         "an index segment is damaged (%zu bytes, not %zu): "
                         "rebuild the index from the stored fingerprints, or "
                         "restore Redis",
                         length, segment_bytes(&out->map));
    }
    out->bytes = malloc(length);
    if (out->bytes == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to mirror the index: give the service "
                         "more, or do not mirror it");
    }
    memcpy(out->bytes, bytes, length);
    return STATUS_OK;
}

/* A first look at the head says how long the fences are. */
static enum status heads_fetch(struct batch *batch, int64_t lasts[BATCH],
                               struct redis *redis, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        status = send_range(redis, batch->segments[i], batch->loaded[i].version,
                            SEGMENT_HEAD_BYTES - 1, err);
    }
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        struct segment_head head = {0};
        size_t length = 0;
        status = redis_receive(redis, &reply, err);
        const uint8_t *bytes =
            (const uint8_t *)redis_reply_bytes(reply, &length);
        if (status == STATUS_OK && length > 0) {
            status = segment_head_read(&head, bytes, length, err);
        }
        lasts[i] = length == 0 ? 0 : (int64_t)segment_map_bytes(&head) - 1;
        redis_reply_free(reply);
    }
    return status;
}

static enum status batch_fetch(struct batch *batch, bool whole,
                               struct redis *redis, struct error *err)
{
    int64_t lasts[BATCH];
    enum status status = STATUS_OK;
    memset(lasts, -1, sizeof lasts);
    if (!whole) {
        status = heads_fetch(batch, lasts, redis, err);
    }
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        status = send_range(redis, batch->segments[i], batch->loaded[i].version,
                            lasts[i], err);
    }
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        status = redis_receive(redis, &reply, err);
        if (status == STATUS_OK) {
            status = map_take(&batch->loaded[i], reply, whole, err);
        }
        if (status == STATUS_CORRUPT) {
            error_context(err, "segment %03x, version %u",
                          (unsigned)batch->segments[i],
                          (unsigned)batch->loaded[i].version);
        }
        redis_reply_free(reply);
    }
    redis_cancel(redis); /* after a failure of our own, replies are to come */
    return status;
}

/* ---- versions ---- */

static enum status versions_read(uint32_t versions[SEGMENT_COUNT],
                                 struct redis *redis, struct error *err)
{
    struct key key = key_index_versions();
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("ZRANGE"), redis_text(key.text),
                                     redis_text("0"), redis_text("-1"),
                                     redis_text("WITHSCORES")};
    memset(versions, 0, SEGMENT_COUNT * sizeof *versions);
    enum status status = redis_call(redis, &reply, args, 5, err);
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        char name[8] = "";
        char *end = NULL;
        (void)redis_reply_copy(name, sizeof name, redis_reply_at(reply, i));
        unsigned long segment = strtoul(name, &end, 16);
        int64_t version = redis_reply_integer(redis_reply_at(reply, i + 1), 0);
        if (*end == '\0' && segment < SEGMENT_COUNT && version > 0 &&
            version <= UINT32_MAX) {
            versions[segment] = (uint32_t)version;
        }
    }
    redis_reply_free(reply);
    return status;
}

/* An index that was lost, or put back to an older state: what is here is of
 * another one. */
static void forget_when_older(struct index *index,
                              const uint32_t versions[SEGMENT_COUNT])
{
    bool older = false;
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        older = older || versions[i] < index->segments[i].version;
    }
    if (!older) {
        return;
    }
    (void)pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        segment_release(&index->segments[i]);
    }
    delta_clear(&index->delta);
    index->mark = 0;
    (void)pthread_rwlock_unlock(&index->lock);
}

/* ---- putting them in place ---- */

/* Segment and delta change together: a reader has the posting in the one or in
 * the other. Returns whether all were there. */
static bool batch_install(struct index *index, struct batch *batch)
{
    bool all = true;
    (void)pthread_rwlock_wrlock(&index->lock);
    for (size_t i = 0; i < batch->count; i++) {
        struct index_segment *place = &index->segments[batch->segments[i]];
        struct index_segment before = *place;
        if (batch->loaded[i].version == 0) {
            all = false;
            continue;
        }
        *place = batch->loaded[i];
        delta_forget(&index->delta, batch->segments[i], place->map.head.mark);
        batch->loaded[i] = before; /* ends with the batch */
    }
    (void)pthread_rwlock_unlock(&index->lock);
    return all;
}

/* What all segments hold need not be read from the log any more. */
static void checked(struct index *index, uint64_t since_ms)
{
    (void)pthread_rwlock_wrlock(&index->lock);
    uint64_t floor = UINT64_MAX;
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        uint64_t mark = index->segments[i].map.head.mark;
        floor = mark < floor ? mark : floor;
    }
    index->mark = floor > index->mark ? floor : index->mark;
    delta_forget_removals(&index->delta, floor);
    index->checked_ms = since_ms;
    (void)pthread_rwlock_unlock(&index->lock);
}

/* Loads what has another version here. *all: everything was there. Only who
 * holds `loading` changes versions, so they can be looked at without a lock. */
static enum status load(struct index *index,
                        const uint32_t versions[SEGMENT_COUNT],
                        struct redis *redis, bool *all, struct error *err)
{
    struct batch batch = {.count = 0};
    enum status status = STATUS_OK;
    *all = true;
    for (uint32_t i = 0; i < SEGMENT_COUNT && status == STATUS_OK;) {
        for (; i < SEGMENT_COUNT && batch.count < BATCH; i++) {
            if (versions[i] != index->segments[i].version) {
                batch.segments[batch.count] = i;
                batch.loaded[batch.count++].version = versions[i];
            }
        }
        if (batch.count > 0) {
            status = batch_fetch(&batch, index->mirrored, redis, err);
        }
        if (status == STATUS_OK) {
            *all = batch_install(index, &batch) && *all;
        }
        batch_clear(&batch);
    }
    return status;
}

static bool is_fresh(struct index *index)
{
    (void)pthread_rwlock_rdlock(&index->lock);
    uint64_t since_ms = index->checked_ms;
    (void)pthread_rwlock_unlock(&index->lock);
    return since_ms > 0 && index_now_ms() - since_ms < index->grace_ms / 2;
}

enum status index_refresh(struct index *index, struct redis *redis, bool always,
                          struct error *err)
{
    if (!always && is_fresh(index)) {
        return STATUS_OK;
    }
    uint32_t versions[SEGMENT_COUNT];
    enum status status = STATUS_OK;
    bool all = false;
    (void)pthread_mutex_lock(&index->loading);
    if (!always && is_fresh(index)) {
        all = true; /* another thread just did */
    }
    for (int i = 0; i < TRIES && !all && status == STATUS_OK; i++) {
        uint64_t since_ms = index_now_ms();
        status = versions_read(versions, redis, err);
        if (status == STATUS_OK) {
            forget_when_older(index, versions);
            status = load(index, versions, redis, &all, err);
        }
        if (status == STATUS_OK && all) {
            checked(index, since_ms);
        }
    }
    (void)pthread_mutex_unlock(&index->loading);
    if (status == STATUS_OK && !all) {
        return error_set(err, STATUS_CORRUPT, "index_segment",
                         "a segment of the index is missing in Redis: rebuild "
                         "the index from the stored fingerprints, or restore "
                         "Redis");
    }
    return status;
}
