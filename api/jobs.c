/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/jobs.h"

#include "api/held.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/rescan_track.h"
#include "api/song.h"
#include "api/stash.h"
#include "catalog/library/unmatched.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    /* How long a thread waits for a job before it looks whether it shall stop
     * or whether a delayed job is due. */
    TAKE_WAIT_MS = 1000,
    /* A job that another instance took so long ago is taken over: more than a
     * two-hour track takes on a busy core (about 0.2 s a minute of audio for
     * decoding and fingerprint, measured; so 24 s, and up to
     * twenty times that under load). In one instance nothing is run twice. */
    TAKE_IDLE_MS = 15 * 60 * 1000,
    /* After the queue itself could not be asked. */
    QUEUE_RETRY_MS = 1000,
    /* Attempts that ended out of order: the fifth was the last. */
    ATTEMPTS_MAX = 5,
};

struct worker {
    struct jobs *jobs;
    struct redis *redis;
    char consumer[80];
    pthread_t thread;
    bool started;
};

struct jobs {
    const struct service *service;
    struct worker workers[THREADS_MAX];
    unsigned worker_count;
    pthread_mutex_t mutex;
    pthread_cond_t stopped; /* signalled by jobs_stop() */
    bool stopping;
    struct held *held;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_stopping(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->mutex);
    return stopping;
}

/* Sleeps, or returns early when the threads shall stop. */
static void pause_for(struct jobs *jobs, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&jobs->mutex);
    int result = 0;
    while (!jobs->stopping && result == 0) {
        result = pthread_cond_timedwait(&jobs->stopped, &jobs->mutex, &until);
    }
    pthread_mutex_unlock(&jobs->mutex);
}

static void count_outcome(const struct service *service,
                          const struct upload *upload, int64_t took_ms)
{
    static const struct outcome_words {
        enum metric metric;
        const char *word;
    } outcomes[] = {
        [UPLOAD_WAITING] = {METRIC_UPLOADS_ERROR, "waiting"},
        [UPLOAD_MATCHED] = {METRIC_UPLOADS_MATCHED, "matched"},
        [UPLOAD_UPLOADED] = {METRIC_UPLOADS_UPLOADED, "uploaded"},
        [UPLOAD_DUPLICATE] = {METRIC_UPLOADS_DUPLICATE, "duplicate"},
        [UPLOAD_INELIGIBLE] = {METRIC_UPLOADS_INELIGIBLE, "ineligible"},
        [UPLOAD_ERROR] = {METRIC_UPLOADS_ERROR, "error"},
    };
    metrics_add(service->metrics, outcomes[upload->status].metric, 1);
    if (strcmp(upload->reason, "unreadable") == 0) {
        metrics_add(service->metrics, METRIC_DECODER_HOSTILE, 1);
    }
    log_event(service->log, LOG_INFO, "upload_finished",
              "upload_id=%s account_id=%s status=%s reason=%s took_ms=%lld",
              upload->id, upload->account_id, outcomes[upload->status].word,
              upload->reason, (long long)took_ms);
}

/* An upload that has brought us down or failed too often ends as our error;
 * its bytes are put aside first, so that no crash can lose them. */
static enum status give_up(struct worker *worker, const struct stash_item *item,
                           struct upload *out, struct error *err)
{
    const struct upload_outcome outcome = {.status = UPLOAD_ERROR,
                                           .reason = "failed"};
    enum status status = stash_put_aside(item, err);
    if (status == STATUS_OK) {
        status = upload_finish(worker->redis, item->account_id, item->upload_id,
                               &outcome, out, err);
    }
    if (status == STATUS_OK) {
        log_event(worker->jobs->service->log, LOG_ERROR, "upload_given_up",
                  "upload_id=%s attempts=%d kept_in=spool/failed",
                  item->upload_id, (int)ATTEMPTS_MAX);
    }
    return status;
}

/* One attempt. STATUS_OK: the upload has its outcome, or never needed one. */
static enum status attempt_upload(struct worker *worker, const struct job *job,
                                  struct error *err)
{
    const struct service *service = worker->jobs->service;
    const struct stash_item item = {service->spool_folder, job->account_id,
                                    job->item_id};
    struct upload upload;
    struct upload done;
    int64_t began_ms = monotonic_ms();
    enum status status =
        upload_read(worker->redis, job->account_id, job->item_id, &upload, err);
    if (status == STATUS_NOT_FOUND ||
        (status == STATUS_OK && upload.status != UPLOAD_WAITING)) {
        stash_remove(&item);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (stash_attempt(&item) > ATTEMPTS_MAX) {
        status = give_up(worker, &item, &done, err);
    } else {
        status = song_carry(service, worker->redis, &upload, &done, err);
    }
    if (status == STATUS_UNAVAILABLE) {
        stash_attempt_undo(&item);
    }
    if (status == STATUS_OK) {
        stash_remove(&item);
        count_outcome(service, &done, monotonic_ms() - began_ms);
    }
    return status;
}

/* One attempt. STATUS_OK: the track is settled. One that has brought us down or
 * failed too often stays what it is. */
static enum status attempt_rescan(struct worker *worker, const struct job *job,
                                  struct error *err)
{
    const struct service *service = worker->jobs->service;
    struct redis *redis = worker->redis;
    unsigned attempts = 0;
    enum status status =
        unmatched_attempt(redis, job->account_id, job->item_id, &attempts, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (attempts > ATTEMPTS_MAX) {
        log_event(service->log, LOG_ERROR, "rescan_given_up",
                  "track_id=%s attempts=%d", job->item_id, (int)ATTEMPTS_MAX);
    } else {
        status = rescan_track(service, redis, job, err);
    }
    if (status == STATUS_OK) {
        unmatched_attempts_end(redis, job->account_id, job->item_id);
    } else if (status == STATUS_UNAVAILABLE) {
        unmatched_attempt_undo(redis, job->account_id, job->item_id);
    }
    return status;
}

/* Runs a held job to its end or to another try. */
static void run(struct worker *worker, const struct job *job)
{
    struct jobs *jobs = worker->jobs;
    const struct service *service = jobs->service;
    struct error err = {0};
    bool is_rescan = job->kind == JOB_RESCAN;
    enum status status = is_rescan ? attempt_rescan(worker, job, &err)
                                   : attempt_upload(worker, job, &err);
    if (status == STATUS_OK) {
        status = jobs_done(worker->redis, job, &err);
    }
    if (status == STATUS_OK) {
        held_release(jobs->held, job);
        return;
    }
    if (strcmp(err.code, "redis_unavailable") == 0) {
        metrics_add(service->metrics, METRIC_REDIS_UNAVAILABLE, 1);
    }
    int64_t wait_ms = held_delay(jobs->held, job, monotonic_ms());
    log_event(
        service->log, status == STATUS_UNAVAILABLE ? LOG_WARNING : LOG_ERROR,
        is_rescan ? "rescan_delayed" : "upload_delayed",
        "%s=%s code=%s again_in_ms=%lld", is_rescan ? "track_id" : "upload_id",
        job->item_id, err.code, (long long)wait_ms);
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct jobs *jobs = worker->jobs;
    while (!is_stopping(jobs)) {
        struct job job;
        struct error err = {0};
        bool found = false;
        if (held_take_due(jobs->held, monotonic_ms(), &job)) {
            run(worker, &job);
            continue;
        }
        enum status status =
            jobs_take(worker->redis, worker->consumer, TAKE_WAIT_MS,
                      TAKE_IDLE_MS, &job, &found, &err);
        if (status != STATUS_OK) {
            log_event(jobs->service->log, LOG_WARNING, "queue_unavailable",
                      "code=%s", err.code);
            pause_for(jobs, QUEUE_RETRY_MS);
        } else if (found && held_take(jobs->held, &job)) {
            run(worker, &job);
        }
    }
    return NULL;
}

/* An upload that was found in the spool at the start. */
static enum status sweep_upload(void *context, const struct stash_item *item,
                                struct error *err)
{
    struct worker *worker = context;
    struct upload upload;
    enum status status = upload_read(worker->redis, item->account_id,
                                     item->upload_id, &upload, err);
    if (status == STATUS_NOT_FOUND ||
        (status == STATUS_OK && upload.status != UPLOAD_WAITING)) {
        stash_remove(item);
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status =
            jobs_add(worker->redis, item->account_id, item->upload_id, err);
    }
    if (status == STATUS_OK) {
        log_event(worker->jobs->service->log, LOG_INFO, "upload_taken_up",
                  "upload_id=%s", item->upload_id);
    }
    /* In a full queue the upload has its job from before. */
    return status == STATUS_LIMIT ? STATUS_OK : status;
}

static unsigned wanted_workers(const struct service *service)
{
    long count = service->config.matchers;
    if (count == 0) {
        count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

static enum status start_worker(struct jobs *jobs, unsigned index,
                                struct error *err)
{
    struct worker *worker = &jobs->workers[index];
    char host[65] = "";
    gethostname(host, sizeof host - 1);
    /* The same name after a restart: consumers of a group are never
     * forgotten by Redis. */
    (void)snprintf(worker->consumer, sizeof worker->consumer, "%s.%u", host,
                   index);
    enum status status = jobs_take_back(worker->redis, worker->consumer, err);
    if (status == STATUS_LIMIT) {
        status =
            STATUS_OK; /* in a full queue they are handed out again later */
    }
    if (status != STATUS_OK) {
        return status;
    }
    int result = pthread_create(&worker->thread, NULL, work, worker);
    if (result != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start a thread (%s): raise the limit of "
                         "processes or lower matchers",
                         strerror(result));
    }
    worker->started = true;
    return STATUS_OK;
}

static enum status open_workers(struct jobs *jobs, struct error *err)
{
    const struct service *service = jobs->service;
    jobs->worker_count = wanted_workers(service);
    for (unsigned i = 0; i < jobs->worker_count; i++) {
        jobs->workers[i].jobs = jobs;
        enum status status =
            redis_open(&jobs->workers[i].redis, service->redis_address, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum status jobs_start(struct jobs **out, const struct service *service,
                       struct error *err)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    *out = NULL;
    if (jobs == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to start matching: free some");
    }
    jobs->service = service;
    pthread_mutex_init(&jobs->mutex, NULL);
    init_condition(&jobs->stopped);
    enum status status = held_open(&jobs->held, err);
    if (status == STATUS_OK) {
        status = open_workers(jobs, err);
    }
    if (status == STATUS_OK) {
        status = jobs_prepare(jobs->workers[0].redis, err);
    }
    if (status == STATUS_OK) {
        status = stash_sweep(service->spool_folder, sweep_upload,
                             &jobs->workers[0], err);
    }
    for (unsigned i = 0; i < jobs->worker_count && status == STATUS_OK; i++) {
        status = start_worker(jobs, i, err);
    }
    if (status != STATUS_OK) {
        jobs_stop(jobs);
        return status;
    }
    *out = jobs;
    return STATUS_OK;
}

void jobs_stop(struct jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->stopped);
    pthread_mutex_unlock(&jobs->mutex);
    for (unsigned i = 0; i < jobs->worker_count; i++) {
        if (jobs->workers[i].started) {
            pthread_join(jobs->workers[i].thread, NULL);
        }
        redis_close(jobs->workers[i].redis);
    }
    held_close(jobs->held);
    pthread_cond_destroy(&jobs->stopped);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}
