/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/work.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Waiting requests a thread: a password hash takes about 0.1 s, so that the
 * last in the queue waits about 3 s, less than clients' patience. */
enum { QUEUE_PER_THREAD = 32 };

struct item {
    work_run run;
    void *context;
};

struct worker {
    struct work *work;
    struct redis *redis;
    pthread_t thread;
};

struct work {
    pthread_mutex_t mutex;
    pthread_cond_t wanted; /* something queued, or stopping */
    struct item *items;    /* a ring */
    size_t item_max;
    size_t first;
    size_t count;
    bool stopping;
    bool stopped;
    struct worker *workers;
    size_t worker_count;
};

/* false: the pool stops and the queue is empty. */
static bool take(struct work *work, struct item *out)
{
    (void)pthread_mutex_lock(&work->mutex);
    while (work->count == 0 && !work->stopping) {
        (void)pthread_cond_wait(&work->wanted, &work->mutex);
    }
    bool found = work->count > 0;
    if (found) {
        *out = work->items[work->first];
        work->first = (work->first + 1) % work->item_max;
        work->count--;
    }
    (void)pthread_mutex_unlock(&work->mutex);
    return found;
}

static void *worker_main(void *context)
{
    struct worker *worker = context;
    struct item item;
    while (take(worker->work, &item)) {
        item.run(item.context, worker->redis);
    }
    return NULL;
}

static enum status start_worker(struct work *work, const char *redis_address,
                                struct error *err)
{
    struct worker *worker = &work->workers[work->worker_count];
    worker->work = work;
    enum status status = redis_open(&worker->redis, redis_address, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        redis_close(worker->redis);
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start a worker thread: set fewer workers, or "
                         "allow more threads");
    }
    work->worker_count++;
    return STATUS_OK;
}

enum status work_open(struct work **out, unsigned thread_count,
                      const char *redis_address, struct error *err)
{
    assert(thread_count > 0);
    *out = NULL;
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        goto no_memory;
    }
    (void)pthread_mutex_init(&work->mutex, NULL);
    (void)pthread_cond_init(&work->wanted, NULL);
    work->item_max = (size_t)thread_count * QUEUE_PER_THREAD;
    work->items = calloc(work->item_max, sizeof *work->items);
    work->workers = calloc(thread_count, sizeof *work->workers);
    if (work->items == NULL || work->workers == NULL) {
        goto no_memory;
    }
    for (unsigned i = 0; i < thread_count; i++) {
        enum status status = start_worker(work, redis_address, err);
        if (status != STATUS_OK) {
            work_close(work);
            return status;
        }
    }
    *out = work;
    return STATUS_OK;
no_memory:
    work_close(work);
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "cannot allocate %u workers", thread_count);
}

enum status work_add(struct work *work, work_run run, void *context,
                     struct error *err)
{
    (void)pthread_mutex_lock(&work->mutex);
    bool room = !work->stopping && work->count < work->item_max;
    if (room) {
        size_t at = (work->first + work->count) % work->item_max;
        work->items[at] = (struct item){.run = run, .context = context};
        work->count++;
        (void)pthread_cond_signal(&work->wanted);
    }
    (void)pthread_mutex_unlock(&work->mutex);
    return room ? STATUS_OK
                : error_set(err, STATUS_UNAVAILABLE, "busy",
                            "the service is busy: try again in a few seconds");
}

void work_stop(struct work *work)
{
    (void)pthread_mutex_lock(&work->mutex);
    work->stopping = true;
    (void)pthread_cond_broadcast(&work->wanted);
    (void)pthread_mutex_unlock(&work->mutex);
    if (work->stopped) {
        return;
    }
    work->stopped = true;
    for (size_t i = 0; i < work->worker_count; i++) {
        (void)pthread_join(work->workers[i].thread, NULL);
        redis_close(work->workers[i].redis);
    }
}

void work_close(struct work *work)
{
    if (work == NULL) {
        return;
    }
    work_stop(work);
    (void)pthread_cond_destroy(&work->wanted);
    (void)pthread_mutex_destroy(&work->mutex);
    free(work->items);
    free(work->workers);
    free(work);
}
