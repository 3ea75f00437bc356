/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shift {
    const struct crew *crew;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t changed;
    size_t next;       /* task to hand out */
    size_t done_count; /* tasks worked on */
    bool stopped;
    unsigned working; /* threads that still take tasks */
    bool *done;       /* owned, one a task */
};
struct worker {
    struct shift *shift;
    unsigned number;
    pthread_t thread;
};

static bool take(struct shift *shift, size_t *task)
{
    bool taken = false;

    pthread_mutex_lock(&shift->mutex);
    if (!shift->stopped && shift->next < shift->crew->task_count) {
        *task = shift->next++;
        taken = true;
    }
    pthread_mutex_unlock(&shift->mutex);
    return taken;
}

static void finish(struct shift *shift, size_t task, bool go_on)
{
    pthread_mutex_lock(&shift->mutex);
    shift->done[task] = true;
    shift->done_count++;
    shift->stopped = shift->stopped || !go_on;
    pthread_cond_signal(&shift->changed);
    pthread_mutex_unlock(&shift->mutex);
}

static void *run_worker(void *argument)
{
    const struct worker *worker = argument;
    struct shift *shift = worker->shift;
    const struct crew *crew = shift->crew;
    size_t task;

    while (take(shift, &task)) {
        finish(shift, task, crew->work(crew->context, worker->number, task));
    }
    pthread_mutex_lock(&shift->mutex);
    shift->working--;
    pthread_cond_signal(&shift->changed);
    pthread_mutex_unlock(&shift->mutex);
    return NULL;
}

/* Waits until `task` is done or will never be. */
static void await(struct shift *shift, size_t task)
{
    const struct crew *crew = shift->crew;

    pthread_mutex_lock(&shift->mutex);
    while (!shift->done[task] && shift->working > 0) {
        struct timespec until;
        const size_t done_count = shift->done_count;

        pthread_mutex_unlock(&shift->mutex);
        crew->tick(crew->context, done_count);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += CREW_TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&shift->mutex);
        if (!shift->done[task] && shift->working > 0) {
            pthread_cond_timedwait(&shift->changed, &shift->mutex, &until);
        }
    }
    pthread_mutex_unlock(&shift->mutex);
}

static void prepare(struct shift *shift)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&shift->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&shift->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static unsigned start(struct shift *shift, struct worker *workers)
{
    unsigned started = 0;

    pthread_mutex_lock(&shift->mutex);
    while (started < shift->crew->worker_count) {
        workers[started] = (struct worker){.shift = shift, .number = started};
        if (pthread_create(&workers[started].thread, NULL, run_worker,
                           &workers[started]) != 0) {
            break;
        }
        started++;
    }
    shift->working = started;
    pthread_mutex_unlock(&shift->mutex);
    return started;
}

enum status crew_run(const struct crew *crew, struct error *err)
{
    struct worker workers[CREW_WORKERS_MAX];
    struct shift shift = {.crew = crew};
    enum status status = STATUS_OK;

    assert(crew->worker_count >= 1);
    assert(crew->worker_count <= CREW_WORKERS_MAX);
    shift.done = calloc(crew->task_count + 1, sizeof(*shift.done));
    if (shift.done == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: close other programs");
    }
    prepare(&shift);
    const unsigned started = start(&shift, workers);

    if (started == 0) {
        status = error_set(err, STATUS_UNAVAILABLE, "no_thread",
                           "cannot start a thread: check the limit on "
                           "processes (ulimit -u)");
    }
    for (size_t task = 0; started > 0 && task < crew->task_count; task++) {
        await(&shift, task);
        crew->report(crew->context, task);
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    pthread_cond_destroy(&shift.changed);
    pthread_mutex_destroy(&shift.mutex);
    free(shift.done);
    return status;
}
