/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/rescan.h"

#include "api/judge.h"
#include "api/log.h"
#include "catalog/library/unmatched.h"
#include "catalog/library/uploads.h"
#include "catalog/releases/arrivals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* How often the count of arrivals is read: one command that costs nothing
     * beside a load. */
    LOOK_MS = 1000,
    /* A load that goes on is waited for, so that a release of many discs is one
     * walk: until nothing arrived for so long, at most LOAD_MAX_MS. */
    LOAD_QUIET_MS = 2000,
    LOAD_MAX_MS = 60 * 1000,
    /* Jobs in the queue with which a walk adds none: so many are matched in
     * seconds, and an upload never waits behind more of ours. */
    QUEUE_MAX = 32,
    QUEUE_LOOK_MS = 200,
    /* Kept after each track; a track takes milliseconds, a full queue waits
     * with it. Who dies is replaced after this time. */
    LEASE_MS = 30 * 1000,
};

struct rescan {
    const struct service *service;
    struct redis *redis;
    char who[ID_SIZE]; /* holds the lease */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopped;
    bool stopping;
    uint64_t walked; /* arrivals that all tracks were asked about */
    /* What was worked out last for tracks that had met so many: most have met
     * the same. */
    uint64_t newer_since;
    uint64_t newer_until;
    uint32_t newer_than;
    struct unmatched tracks[UNMATCHED_PAGE_MAX];
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sleeps so long, or shorter when the thread shall stop; true: it shall. */
static bool is_stopped_within(struct rescan *rescan, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&rescan->mutex);
    int result = 0;
    while (!rescan->stopping && result == 0 && wait_ms > 0) {
        result =
            pthread_cond_timedwait(&rescan->stopped, &rescan->mutex, &until);
    }
    bool stopping = rescan->stopping;
    pthread_mutex_unlock(&rescan->mutex);
    return stopping;
}

static enum status stopped(struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "stopping", "the service ends");
}

/* STATUS_UNAVAILABLE "lease_lost": another instance walks. */
static enum status keep_lease(struct rescan *rescan, struct error *err)
{
    bool held = false;
    enum status status =
        unmatched_lease(rescan->redis, rescan->who, LEASE_MS, &held, err);
    if (status == STATUS_OK && !held) {
        status = error_set(err, STATUS_UNAVAILABLE, "lease_lost",
                           "another instance asks the unmatched");
    }
    return status;
}

/* Waits until uploads have left room in the queue. */
static enum status await_room(struct rescan *rescan, struct error *err)
{
    for (;;) {
        uint64_t waiting = 0;
        enum status status = jobs_count(rescan->redis, &waiting, err);
        if (status != STATUS_OK || waiting < QUEUE_MAX) {
            return status;
        }
        if (is_stopped_within(rescan, QUEUE_LOOK_MS)) {
            return stopped(err);
        }
        status = keep_lease(rescan, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static enum status newer_than(struct rescan *rescan, uint64_t asked,
                              uint64_t arrivals, struct error *err)
{
    if (rescan->newer_since == asked && rescan->newer_until == arrivals) {
        return STATUS_OK;
    }
    rescan->newer_until = 0;
    enum status status =
        arrivals_newer_than(rescan->redis, asked, &rescan->newer_than, err);
    if (status == STATUS_OK) {
        rescan->newer_since = asked;
        rescan->newer_until = arrivals;
    }
    return status;
}

/* Whether what arrived may be the track. A fingerprint that is gone, or that
 * cannot be read, is not. */
static enum status is_worth(struct rescan *rescan, const char *account_id,
                            const char *track_id, bool *worth,
                            struct error *err)
{
    struct buffer packed = {0};
    struct fingerprint print = {0};
    *worth = false;
    enum status status =
        unmatched_print(rescan->redis, account_id, track_id, &packed, err);
    if (status == STATUS_OK) {
        status = fingerprint_unpack(&print, packed.bytes, packed.length, err);
    }
    if (status == STATUS_OK) {
        status = judge_is_worth(worth, rescan->service, rescan->redis, &print,
                                rescan->newer_than, err);
    }
    fingerprint_clear(&print);
    buffer_clear(&packed);
    if (status == STATUS_CORRUPT) {
        log_event(rescan->service->log, LOG_ERROR, "rescan_skipped",
                  "track_id=%s code=%s", track_id, err->code);
    }
    return status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ? STATUS_OK
                                                                  : status;
}

static enum status ask(struct rescan *rescan, const char *account_id,
                       const struct unmatched *track, uint64_t arrivals,
                       size_t *job_count, struct error *err)
{
    bool worth = false;
    enum status status = newer_than(rescan, track->asked, arrivals, err);
    if (status == STATUS_OK) {
        status = is_worth(rescan, account_id, track->track_id, &worth, err);
    }
    if (status == STATUS_OK && worth) {
        status = await_room(rescan, err);
    }
    if (status == STATUS_OK && worth) {
        status = jobs_add_rescan(rescan->redis, account_id, track->track_id,
                                 track->asked, err);
        *job_count += 1;
    }
    if (status == STATUS_OK) {
        status = unmatched_asked(rescan->redis, account_id, track->track_id,
                                 arrivals, err);
    }
    return status;
}

static enum status walk_account(struct rescan *rescan, const char *account_id,
                                uint64_t arrivals, size_t *job_count,
                                struct error *err)
{
    size_t count = 0;
    enum status status = STATUS_OK;
    do {
        status = unmatched_list(rescan->redis, account_id, arrivals,
                                rescan->tracks, &count, err);
        for (size_t i = 0; i < count && status == STATUS_OK; i++) {
            status = is_stopped_within(rescan, 0) ? stopped(err)
                                                  : keep_lease(rescan, err);
            if (status == STATUS_OK) {
                status = ask(rescan, account_id, &rescan->tracks[i], arrivals,
                             job_count, err);
            }
        }
    } while (status == STATUS_OK && count > 0);
    return status;
}

static enum status walk(struct rescan *rescan, uint64_t arrivals,
                        struct error *err)
{
    char cursor[24] = "0";
    size_t job_count = 0;
    int64_t began_ms = monotonic_ms();
    enum status status = keep_lease(rescan, err);
    while (status == STATUS_OK) {
        char(*accounts)[ID_SIZE] = NULL;
        size_t count = 0;
        status =
            unmatched_accounts(rescan->redis, cursor, &accounts, &count, err);
        for (size_t i = 0; i < count && status == STATUS_OK; i++) {
            status =
                walk_account(rescan, accounts[i], arrivals, &job_count, err);
        }
        free(accounts);
        if (status == STATUS_OK && strcmp(cursor, "0") == 0) {
            break;
        }
    }
    if (status == STATUS_OK) {
        log_event(rescan->service->log, LOG_INFO, "unmatched_asked",
                  "arrivals=%llu jobs=%zu took_ms=%lld",
                  (unsigned long long)arrivals, job_count,
                  (long long)(monotonic_ms() - began_ms));
    }
    return status;
}

static void give_lease_back(struct rescan *rescan)
{
    bool held = false;
    struct error ignored;
    enum status status =
        unmatched_lease(rescan->redis, rescan->who, 0, &held, &ignored);
    (void)status; /* it ends by itself */
}

/* Reads the count until a load that goes on is over. */
static enum status await_quiet(struct rescan *rescan, uint64_t *arrivals,
                               struct error *err)
{
    int64_t began_ms = monotonic_ms();
    for (;;) {
        uint64_t before = *arrivals;
        if (is_stopped_within(rescan, LOAD_QUIET_MS)) {
            return stopped(err);
        }
        enum status status = arrivals_count(rescan->redis, arrivals, err);
        if (status != STATUS_OK || *arrivals == before ||
            monotonic_ms() - began_ms > LOAD_MAX_MS) {
            return status;
        }
    }
}

static void *run(void *context)
{
    struct rescan *rescan = context;
    while (!is_stopped_within(rescan, LOOK_MS)) {
        struct error err = {0};
        uint64_t arrivals = 0;
        enum status status = arrivals_count(rescan->redis, &arrivals, &err);
        if (status == STATUS_OK && arrivals <= rescan->walked) {
            /* Fewer: a catalog that was made anew. */
            rescan->walked = arrivals;
            continue;
        }
        if (status == STATUS_OK) {
            status = await_quiet(rescan, &arrivals, &err);
        }
        if (status == STATUS_OK) {
            status = walk(rescan, arrivals, &err);
            give_lease_back(rescan);
        }
        if (status == STATUS_OK) {
            rescan->walked = arrivals;
        } else if (status != STATUS_UNAVAILABLE) {
            log_event(rescan->service->log, LOG_ERROR, "rescan_failed",
                      "code=%s", err.code);
        }
    }
    return NULL;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void release(struct rescan *rescan)
{
    redis_close(rescan->redis);
    pthread_cond_destroy(&rescan->stopped);
    pthread_mutex_destroy(&rescan->mutex);
    free(rescan);
}

enum status rescan_start(struct rescan **out, const struct service *service,
                         struct error *err)
{
    struct rescan *rescan = calloc(1, sizeof *rescan);
    *out = NULL;
    if (rescan == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to start asking the unmatched: free some");
    }
    rescan->service = service;
    id_random(rescan->who, "who");
    pthread_mutex_init(&rescan->mutex, NULL);
    init_condition(&rescan->stopped);
    enum status status =
        redis_open(&rescan->redis, service->redis_address, err);
    if (status == STATUS_OK) {
        int result = pthread_create(&rescan->thread, NULL, run, rescan);
        if (result != 0) {
            status = error_set(err, STATUS_UNAVAILABLE, "no_thread",
                               "cannot start a thread (%s): raise the limit "
                               "of processes",
                               strerror(result));
        }
    }
    if (status != STATUS_OK) {
        release(rescan);
        return status;
    }
    *out = rescan;
    return STATUS_OK;
}

void rescan_stop(struct rescan *rescan)
{
    if (rescan == NULL) {
        return;
    }
    pthread_mutex_lock(&rescan->mutex);
    rescan->stopping = true;
    pthread_cond_broadcast(&rescan->stopped);
    pthread_mutex_unlock(&rescan->mutex);
    pthread_join(rescan->thread, NULL);
    release(rescan);
}
