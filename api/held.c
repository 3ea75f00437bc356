/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/held.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct held_job {
    struct job job;
    unsigned failure_count; /* in a row, since it was taken */
    int64_t due_ms;         /* of a waiting one */
    bool running;
};

struct held {
    pthread_mutex_t mutex;
    struct held_job jobs[HELD_MAX]; /* in no order */
    size_t job_count;
};

enum status held_open(struct held **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to start matching: free some");
    }
    pthread_mutex_init(&(*out)->mutex, NULL);
    return STATUS_OK;
}

void held_close(struct held *held)
{
    if (held != NULL) {
        pthread_mutex_destroy(&held->mutex);
        free(held);
    }
}

/* By upload or track, not by the queue's entry: one may have two of these. */
static struct held_job *find(struct held *held, const struct job *job)
{
    for (size_t i = 0; i < held->job_count; i++) {
        if (strcmp(held->jobs[i].job.item_id, job->item_id) == 0) {
            return &held->jobs[i];
        }
    }
    return NULL;
}

bool held_take(struct held *held, const struct job *job)
{
    pthread_mutex_lock(&held->mutex);
    bool taken = held->job_count < HELD_MAX && find(held, job) == NULL;
    if (taken) {
        held->jobs[held->job_count] =
            (struct held_job){.job = *job, .running = true};
        held->job_count++;
    }
    pthread_mutex_unlock(&held->mutex);
    return taken;
}

bool held_take_due(struct held *held, int64_t now_ms, struct job *out)
{
    bool found = false;
    pthread_mutex_lock(&held->mutex);
    for (size_t i = 0; i < held->job_count && !found; i++) {
        struct held_job *job = &held->jobs[i];
        if (!job->running && job->due_ms <= now_ms) {
            job->running = true;
            *out = job->job;
            found = true;
        }
    }
    pthread_mutex_unlock(&held->mutex);
    return found;
}

int64_t held_delay(struct held *held, const struct job *job, int64_t now_ms)
{
    int64_t wait_ms = HELD_DELAY_FIRST_MS;
    pthread_mutex_lock(&held->mutex);
    struct held_job *kept = find(held, job);
    assert(kept != NULL);
    assert(kept->running);
    for (unsigned i = 0;
         i < kept->failure_count && wait_ms < HELD_DELAY_LAST_MS; i++) {
        wait_ms *= 2;
    }
    if (wait_ms > HELD_DELAY_LAST_MS) {
        wait_ms = HELD_DELAY_LAST_MS;
    }
    kept->failure_count++;
    kept->due_ms = now_ms + wait_ms;
    kept->running = false;
    pthread_mutex_unlock(&held->mutex);
    return wait_ms;
}

void held_release(struct held *held, const struct job *job)
{
    pthread_mutex_lock(&held->mutex);
    struct held_job *done = find(held, job);
    assert(done != NULL);
    assert(done->running);
    held->job_count--;
    *done = held->jobs[held->job_count];
    pthread_mutex_unlock(&held->mutex);
}
