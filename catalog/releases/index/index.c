/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOOKS = 8, /* of the keeper, within the grace */
    LOOK_MAX_MS = 1000,
};

uint64_t index_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the keeper: follows the log while nobody asks, and merges ---- */

static enum status keep(struct index *index, struct redis *redis,
                        struct error *err)
{
    enum status status = index_refresh(index, redis, true, err);
    if (status == STATUS_OK) {
        status = index_catch_up(index, redis, err);
    }
    if (status == STATUS_OK && index->merges && index_merge_due(index)) {
        status = index_merge(index, redis, err);
    }
    if (status == STATUS_OK) {
        (void)pthread_mutex_lock(&index->merging);
        status = index_clean(index, redis, err);
        (void)pthread_mutex_unlock(&index->merging);
    }
    return status;
}

static void sleep_or_stop(struct index *index)
{
    uint32_t wait_ms = index->grace_ms / LOOKS;
    struct timespec until;
    wait_ms = wait_ms < LOOK_MAX_MS ? wait_ms + 1 : LOOK_MAX_MS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&index->stop_lock);
    if (!atomic_load(&index->stop)) {
        (void)pthread_cond_timedwait(&index->stop_changed, &index->stop_lock,
                                     &until);
    }
    (void)pthread_mutex_unlock(&index->stop_lock);
}

/* What fails here fails again in a query, which tells the person. */
static void *run_keeper(void *context)
{
    struct index *index = context;
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, index->address, NULL);
    while (status == STATUS_OK && !atomic_load(&index->stop)) {
        enum status kept = keep(index, redis, NULL);
        (void)kept;
        sleep_or_stop(index);
    }
    redis_close(redis);
    return NULL;
}

/* ---- the handle ---- */

static enum status locks_make(struct index *index)
{
    pthread_condattr_t attributes;
    bool bad = pthread_rwlock_init(&index->lock, NULL) != 0 ||
               pthread_mutex_init(&index->loading, NULL) != 0 ||
               pthread_mutex_init(&index->merging, NULL) != 0 ||
               pthread_mutex_init(&index->stop_lock, NULL) != 0 ||
               pthread_condattr_init(&attributes) != 0;
    if (bad) {
        return STATUS_NO_MEMORY;
    }
    bad = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
          pthread_cond_init(&index->stop_changed, &attributes) != 0;
    (void)pthread_condattr_destroy(&attributes);
    return bad ? STATUS_NO_MEMORY : STATUS_OK;
}

static void release(struct index *index)
{
    (void)pthread_rwlock_destroy(&index->lock);
    (void)pthread_mutex_destroy(&index->loading);
    (void)pthread_mutex_destroy(&index->merging);
    (void)pthread_mutex_destroy(&index->stop_lock);
    (void)pthread_cond_destroy(&index->stop_changed);
    for (size_t i = 0; i < SEGMENT_COUNT; i++) {
        segment_map_clear(&index->segments[i].map);
        free(index->segments[i].bytes);
    }
    delta_clear(&index->delta);
    free(index);
}

enum status index_open(struct index **out, const struct index_options *options,
                       struct error *err)
{
    *out = NULL;
    if (strlen(options->address) >= INDEX_ADDRESS_SIZE) {
        return error_set(err, STATUS_INVALID, "bad_redis_address",
                         "the address of Redis is too long: at most %d bytes",
                         INDEX_ADDRESS_SIZE - 1);
    }
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, options->address, err);
    redis_close(redis);
    if (status != STATUS_OK) {
        return status; /* the keeper could not say so */
    }
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL || locks_make(index) != STATUS_OK) {
        free(index);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the index: give the service more");
    }
    (void)snprintf(index->address, sizeof index->address, "%s",
                   options->address);
    index->mirrored = options->mirrored;
    index->merges = options->merge;
    index->grace_ms =
        options->grace_ms > 0 ? options->grace_ms : (uint32_t)INDEX_GRACE_MS;
    if (pthread_create(&index->keeper, NULL, run_keeper, index) != 0) {
        release(index);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no thread for the index: give the service more");
    }
    *out = index;
    return STATUS_OK;
}

void index_close(struct index *index)
{
    if (index == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&index->stop_lock);
    atomic_store(&index->stop, true);
    (void)pthread_cond_signal(&index->stop_changed);
    (void)pthread_mutex_unlock(&index->stop_lock);
    (void)pthread_join(index->keeper, NULL);
    release(index);
}
