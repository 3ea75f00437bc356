/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/inside.h"

#include "catalog/redis/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* A merge takes each segment through: read the newest version → add what the
 * log has said, take out what was removed → write the next version → make it
 * the newest. Version v + 1 comes from v and the log alone, and SET NX lets one
 * writer have it: whoever comes second, or was killed in between, has lost work
 * but broken nothing. The lease only saves such work. */
enum {
    DUE_POSTINGS = 1 << 20, /* some 10 000 recordings, 15 MB in memory */
    DUE_POSTINGS_MAX = 1 << 22,
    DUE_SHARE = 64, /* of the index's postings, when that is between the two */
    DUE_REMOVALS = 10000,
    /* Segments that go through together: each write is synced to disk, and
     * what is sent together is synced together; so many that they have about
     * CHUNK_POSTINGS. */
    CHUNK_MAX = 250, /* REDIS_ARGS_MAX */
    CHUNK_POSTINGS = 1 << 20,
    TOKEN_SIZE = 33,
    MARK_COUNT_BITS = 20, /* log.c */
    PAUSE_FROM_MS = 10,   /* of work: less needs no pause */
    PAUSE_MAX_MS = 200,
};

struct merge {
    struct index *index;
    struct redis *redis;
    char token[TOKEN_SIZE];
    uint64_t renew_ms;  /* when the lease is half over */
    uint64_t mark;      /* everything up to here goes into the segments */
    uint32_t *removals; /* owned; ascending */
    size_t removal_count;
};

/* ---- when ---- */

/* What is due to be merged, in shares of what makes it due. */
static double due_share(struct index *index)
{
    uint64_t filed = 0;
    (void)pthread_rwlock_rdlock(&index->lock);
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        filed += index->segments[i].map.head.posting_count;
    }
    double came = (double)index->delta.posting_count;
    double removed = (double)index->delta.removal_count;
    (void)pthread_rwlock_unlock(&index->lock);
    uint64_t due = filed / DUE_SHARE;
    due = due < DUE_POSTINGS ? DUE_POSTINGS : due;
    due = due > DUE_POSTINGS_MAX ? DUE_POSTINGS_MAX : due;
    return came / (double)due + removed / DUE_REMOVALS;
}

bool index_merge_due(struct index *index)
{
    return due_share(index) >= 1;
}

/* ---- the lease ---- */

static enum status lease_set(struct merge *merge, const char *condition,
                             bool *mine, struct error *err)
{
    struct key key = key_index_lease();
    struct redis_number lease_ms;
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {
        redis_text("SET"),
        redis_text(key.text),
        redis_text(merge->token),
        redis_text(condition),
        redis_text("PX"),
        redis_integer(&lease_ms, (int64_t)merge->index->grace_ms * 3 / 2)};
    enum status status = redis_call(merge->redis, &reply, args, 6, err);
    *mine = redis_reply_type(reply) == REDIS_TEXT;
    redis_reply_free(reply);
    return status;
}

static enum status lease_take(struct merge *merge, struct error *err)
{
    uint8_t random[(TOKEN_SIZE - 1) / 2];
    bool mine = false;
    ssize_t got = getrandom(random, sizeof random, 0);
    assert(got == (ssize_t)sizeof random); /* getrandom(2): under 256 bytes */
    for (size_t i = 0; i < sizeof random; i++) {
        (void)snprintf(merge->token + 2 * i, 3, "%02x", random[i]);
    }
    enum status status = lease_set(merge, "NX", &mine, err);
    if (status == STATUS_OK && !mine) {
        status = error_set(err, STATUS_CONFLICT, "index_merging",
                           "another process merges the index, or did until "
                           "it ended just now: wait half a minute");
    }
    return status;
}

static enum status key_end(struct redis *redis, struct key key,
                           struct error *err)
{
    const struct redis_arg args[] = {redis_text("UNLINK"),
                                     redis_text(key.text)};
    return redis_call(redis, NULL, args, 2, err);
}

/* ---- reading what is there ---- */

/* A segment on its way through. */
struct work {
    uint32_t segment;
    uint32_t version; /* the newest; 0: there is none */
    struct segment_map map;
    uint64_t *postings; /* owned */
    size_t count;
    bool is_done;        /* another merge went by, or nothing is to do */
    struct buffer bytes; /* of version + 1 */
};

struct chunk {
    struct work works[CHUNK_MAX];
    uint32_t count;
};

static void work_clear(struct work *work)
{
    segment_map_clear(&work->map);
    free(work->postings);
    work->postings = NULL;
    buffer_clear(&work->bytes);
}

static enum status work_read(struct work *work, const struct redis_reply *reply,
                             const struct merge *merge, struct error *err)
{
    size_t length = 0;
    const uint8_t *bytes = (const uint8_t *)redis_reply_bytes(reply, &length);
    if (bytes == NULL) {
        work->is_done = true;
        return STATUS_OK;
    }
    enum status status = segment_map_read(&work->map, bytes, length, err);
    if (status == STATUS_OK && work->map.head.mark >= merge->mark) {
        work->is_done = true;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = segment_postings(&work->postings, &work->count, &work->map,
                                  bytes, length, err);
    }
    if (status == STATUS_CORRUPT) {
        error_context(err, "segment %03x, version %u", (unsigned)work->segment,
                      (unsigned)work->version);
    }
    return status;
}

/* Segments from `first` on; the next chunk goes on behind them. */
static void chunk_choose(struct chunk *chunk, uint32_t first,
                         struct index *index)
{
    size_t postings = 0;
    *chunk = (struct chunk){.count = 0};
    (void)pthread_rwlock_rdlock(&index->lock);
    for (uint32_t i = first; i < SEGMENT_COUNT && chunk->count < CHUNK_MAX &&
                             postings < CHUNK_POSTINGS;
         i++) {
        struct work *work = &chunk->works[chunk->count++];
        work->segment = i;
        work->version = index->segments[i].version;
        postings += index->segments[i].map.head.posting_count;
    }
    (void)pthread_rwlock_unlock(&index->lock);
}

static enum status chunk_read(struct chunk *chunk, const struct merge *merge,
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < chunk->count && status == STATUS_OK; i++) {
        struct key key =
            key_index_segment(chunk->works[i].segment, chunk->works[i].version);
        const struct redis_arg args[] = {redis_text("GET"),
                                         redis_text(key.text)};
        if (chunk->works[i].version > 0) {
            status = redis_send(merge->redis, args, 2, err);
        }
    }
    for (size_t i = 0; i < chunk->count && status == STATUS_OK; i++) {
        struct redis_reply *reply = NULL;
        if (chunk->works[i].version == 0) {
            continue;
        }
        status = redis_receive(merge->redis, &reply, err);
        if (status == STATUS_OK) {
            status = work_read(&chunk->works[i], reply, merge, err);
        }
        redis_reply_free(reply);
    }
    return status;
}

/* ---- what is to be there ---- */

static int compare_postings(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool is_removed(const struct merge *merge, uint32_t number)
{
    size_t low = 0;
    size_t high = merge->removal_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (merge->removals[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < merge->removal_count && merge->removals[low] == number;
}

/* What a segment will hold. */
struct result {
    uint64_t *postings; /* owned */
    size_t count;
    uint16_t *stops; /* owned */
    size_t stop_count;
};

static void result_clear(struct result *result)
{
    free(result->postings);
    free(result->stops);
}

/* Two ascending rows into one: each posting once, removed recordings out. */
static void join(struct result *result, const struct merge *merge,
                 const struct work *work, const uint64_t *news,
                 size_t news_count)
{
    for (size_t i = 0, j = 0; i < work->count || j < news_count;) {
        uint64_t left = i < work->count ? work->postings[i] : UINT64_MAX;
        uint64_t right = j < news_count ? news[j] : UINT64_MAX;
        uint64_t next = left < right ? left : right;
        bool again =
            result->count > 0 && result->postings[result->count - 1] == next;
        if (!again && !is_removed(merge, posting_number(next))) {
            result->postings[result->count++] = next;
        }
        i += left <= right;
        j += right <= left;
    }
}

/* Drops the terms that have become stop terms, or were. They stay so: else
 * those who had them before would be found by them, and those since not. */
static void stop(struct result *result, const struct segment_map *map)
{
    size_t kept = 0;
    size_t before = 0; /* in the map's stop terms */
    for (size_t from = 0, until = 0; from < result->count; from = until) {
        uint16_t rest = posting_rest(result->postings[from]);
        while (until < result->count &&
               posting_rest(result->postings[until]) == rest) {
            until++;
        }
        for (; before < map->head.stop_count && map->stops[before] < rest;
             before++) {
            result->stops[result->stop_count++] = map->stops[before];
        }
        if (segment_is_stop(map, rest) || until - from > SEGMENT_TERM_MAX) {
            before += segment_is_stop(map, rest);
            result->stops[result->stop_count++] = rest;
            continue;
        }
        memmove(result->postings + kept, result->postings + from,
                (until - from) * sizeof *result->postings);
        kept += until - from;
    }
    for (; before < map->head.stop_count; before++) {
        result->stops[result->stop_count++] = map->stops[before];
    }
    result->count = kept;
}

static enum status compute(struct result *out, const struct merge *merge,
                           const struct work *work, struct error *err)
{
    uint64_t *news = NULL;
    size_t news_count = 0;
    *out = (struct result){0};
    (void)pthread_rwlock_rdlock(&merge->index->lock);
    enum status status =
        delta_postings(&news, &news_count, &merge->index->delta, work->segment,
                       merge->mark, err);
    (void)pthread_rwlock_unlock(&merge->index->lock);
    if (status != STATUS_OK) {
        return status;
    }
    qsort(news, news_count, sizeof *news, compare_postings);
    size_t max = work->count + news_count;
    /* a stop term is one that was, or has more postings than the limit */
    size_t stop_max = work->map.head.stop_count + max / SEGMENT_TERM_MAX;
    out->postings = calloc(max + 1, sizeof *out->postings);
    out->stops = malloc((stop_max + 1) * sizeof *out->stops);
    if (out->postings == NULL || out->stops == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory to merge the index: give the service "
                           "more");
    } else {
        join(out, merge, work, news, news_count);
        stop(out, &work->map);
    }
    free(news);
    return status;
}

static enum status chunk_compute(struct chunk *chunk, const struct merge *merge,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < chunk->count && status == STATUS_OK; i++) {
        struct result result = {0};
        if (!chunk->works[i].is_done) {
            status = compute(&result, merge, &chunk->works[i], err);
        }
        if (!chunk->works[i].is_done && status == STATUS_OK) {
            status = segment_write(&chunk->works[i].bytes, result.postings,
                                   result.count, result.stops,
                                   result.stop_count, merge->mark, err);
        }
        result_clear(&result);
    }
    return status;
}

/* ---- writing ---- */

static enum status receive_all(struct redis *redis, size_t count,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = redis_receive(redis, NULL, err);
    }
    return status;
}

/* SET NX: another merger's version of the same number is as good. The version
 * before the one that is replaced went long ago, unless its merger died, or
 * merges follow each other within the grace. */
static enum status segments_write(const struct chunk *chunk,
                                  const struct merge *merge, struct error *err)
{
    enum status status = STATUS_OK;
    size_t sent = 0;
    for (size_t i = 0; i < chunk->count && status == STATUS_OK; i++) {
        const struct work *work = &chunk->works[i];
        if (work->is_done) {
            continue;
        }
        struct key key = key_index_segment(work->segment, work->version + 1);
        const struct redis_arg set[] = {
            redis_text("SET"), redis_text(key.text),
            redis_bytes(work->bytes.bytes, work->bytes.length),
            redis_text("NX")};
        status = redis_send(merge->redis, set, 4, err);
        sent++;
        if (status == STATUS_OK && work->version > 1) {
            struct key before =
                key_index_segment(work->segment, work->version - 1);
            const struct redis_arg end[] = {redis_text("UNLINK"),
                                            redis_text(before.text)};
            status = redis_send(merge->redis, end, 2, err);
            sent++;
        }
    }
    return status == STATUS_OK ? receive_all(merge->redis, sent, err) : status;
}

/* After they are there: makes them the newest. GT: a merger that slept cannot
 * turn it back. */
static enum status versions_write(const struct chunk *chunk,
                                  const struct merge *merge, struct error *err)
{
    struct key key = key_index_versions();
    struct redis_number scores[CHUNK_MAX];
    char names[CHUNK_MAX][8];
    struct redis_arg args[3 + 2 * CHUNK_MAX] = {
        redis_text("ZADD"), redis_text(key.text), redis_text("GT")};
    size_t count = 3;
    for (size_t i = 0; i < chunk->count; i++) {
        if (!chunk->works[i].is_done) {
            (void)snprintf(names[i], sizeof names[i], "%03x",
                           (unsigned)chunk->works[i].segment);
            args[count++] =
                redis_integer(&scores[i], (int64_t)chunk->works[i].version + 1);
            args[count++] = redis_text(names[i]);
        }
    }
    return count == 3 ? STATUS_OK
                      : redis_call(merge->redis, NULL, args, count, err);
}

static void note_replaced(const struct chunk *chunk, const struct merge *merge)
{
    struct index_old *old = &merge->index->old;
    for (size_t i = 0; i < chunk->count; i++) {
        if (!chunk->works[i].is_done) {
            old->versions[chunk->works[i].segment] = chunk->works[i].version;
            old->due_ms[chunk->works[i].segment] =
                index_now_ms() + merge->index->grace_ms;
        }
    }
}

static enum status chunk_merge(struct chunk *chunk, const struct merge *merge,
                               struct error *err)
{
    enum status status = chunk_read(chunk, merge, err);
    if (status == STATUS_OK) {
        status = chunk_compute(chunk, merge, err);
    }
    if (status == STATUS_OK) {
        status = segments_write(chunk, merge, err);
    }
    if (status == STATUS_OK) {
        status = versions_write(chunk, merge, err);
    }
    if (status == STATUS_OK) {
        note_replaced(chunk, merge);
    }
    redis_cancel(merge->redis); /* after a failure, replies are to come */
    for (size_t i = 0; i < chunk->count; i++) {
        work_clear(&chunk->works[i]);
    }
    return status;
}

/* ---- all of them ---- */

/* As long as the work took, so that others get their turn on a small machine;
 * not when more comes than is merged. */
static void pause_after(const struct merge *merge, uint64_t took_ms)
{
    long pause_ms = took_ms < PAUSE_MAX_MS ? (long)took_ms : PAUSE_MAX_MS;
    const struct timespec pause = {.tv_nsec = pause_ms * 1000000};
    if (took_ms >= PAUSE_FROM_MS && due_share(merge->index) < 2) {
        (void)nanosleep(&pause, NULL);
    }
}

static enum status segments_merge(struct merge *merge, struct error *err)
{
    struct index *index = merge->index;
    struct chunk chunk;
    enum status status = STATUS_OK;
    bool mine = true;
    for (uint32_t first = 0; first < SEGMENT_COUNT && status == STATUS_OK &&
                             !atomic_load(&index->stop);
         first += chunk.count) {
        uint64_t began_ms = index_now_ms();
        chunk_choose(&chunk, first, index);
        status = chunk_merge(&chunk, merge, err);
        if (status == STATUS_OK) {
            status = index_clean(index, merge->redis, err);
        }
        if (status == STATUS_OK && index_now_ms() >= merge->renew_ms) {
            status = lease_set(merge, "XX", &mine, err);
        }
        pause_after(merge, index_now_ms() - began_ms);
    }
    return status;
}

/* How far all segments have come: not as far as this merge where another
 * merger was first. */
static uint64_t floor_of(struct index *index)
{
    uint64_t floor = UINT64_MAX;
    (void)pthread_rwlock_rdlock(&index->lock);
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        uint64_t mark = index->segments[i].map.head.mark;
        floor = mark < floor ? mark : floor;
    }
    (void)pthread_rwlock_unlock(&index->lock);
    return floor;
}

static enum status run(struct merge *merge, struct error *err)
{
    struct index *index = merge->index;
    enum status status = index_refresh(index, merge->redis, true, err);
    if (status == STATUS_OK) {
        status = index_catch_up(index, merge->redis, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)pthread_rwlock_rdlock(&index->lock);
    merge->mark = index->mark;
    status = delta_removals(&merge->removals, &merge->removal_count,
                            &index->delta, merge->mark, err);
    (void)pthread_rwlock_unlock(&index->lock);
    if (status == STATUS_OK) {
        status = segments_merge(merge, err);
    }
    if (status == STATUS_OK) {
        status = index_refresh(index, merge->redis, true, err);
    }
    if (status == STATUS_OK && index->old.trim_due_ms == 0) {
        index->old.trim_mark = floor_of(index);
        index->old.trim_due_ms = index_now_ms() + index->grace_ms;
    }
    return status;
}

enum status index_merge(struct index *index, struct redis *redis,
                        struct error *err)
{
    struct merge merge = {.index = index, .redis = redis};
    (void)pthread_mutex_lock(&index->merging);
    enum status status = lease_take(&merge, err);
    if (status == STATUS_OK) {
        status = run(&merge, err);
        enum status ended = key_end(redis, key_index_lease(), NULL);
        (void)ended; /* else it ends by itself */
    }
    free(merge.removals);
    (void)pthread_mutex_unlock(&index->merging);
    return status;
}

/* ---- after it ---- */

static enum status log_trim(struct redis *redis, uint64_t mark,
                            struct error *err)
{
    struct key key = key_index_log();
    char from[48];
    uint64_t first = mark + 1;
    (void)snprintf(from, sizeof from, "%" PRIu64 "-%" PRIu64,
                   first >> MARK_COUNT_BITS,
                   first & ((1U << MARK_COUNT_BITS) - 1));
    const struct redis_arg args[] = {redis_text("XTRIM"), redis_text(key.text),
                                     redis_text("MINID"), redis_text(from)};
    return redis_call(redis, NULL, args, 4, err);
}

enum status index_clean(struct index *index, struct redis *redis,
                        struct error *err)
{
    struct index_old *old = &index->old;
    uint64_t now_ms = index_now_ms();
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < SEGMENT_COUNT && status == STATUS_OK; i++) {
        if (old->versions[i] > 0 && old->due_ms[i] <= now_ms) {
            status =
                key_end(redis, key_index_segment(i, old->versions[i]), err);
            old->versions[i] = 0;
        }
    }
    if (status == STATUS_OK && old->trim_due_ms > 0 &&
        old->trim_due_ms <= now_ms) {
        status = log_trim(redis, old->trim_mark, err);
        old->trim_due_ms = 0;
    }
    return status;
}
