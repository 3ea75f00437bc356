/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_CREW_H
#define REFRAIN_API_CLI_CREW_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>

/** Many tasks on a few threads, reported in their order. */

enum { CREW_WORKERS_MAX = 16, CREW_TICK_MS = 200 };
struct crew {
    size_t task_count;
    unsigned worker_count; /* 1..CREW_WORKERS_MAX */
    /* One task, on the thread of worker 0..worker_count-1. false: no further
     * task is begun; those that run are finished. */
    bool (*work)(void *context, unsigned worker, size_t task);
    /* On the calling thread, for task 0, 1, 2 … once it and all before it are
     * done; also for tasks that were never begun. */
    void (*report)(void *context, size_t task);
    /* On the calling thread, every CREW_TICK_MS at least while tasks run.
     * done_count: tasks that were worked on so far */
    void (*tick)(void *context, size_t done_count);
    void *context;
};

/** Returns when every task is reported. STATUS_NO_MEMORY, STATUS_UNAVAILABLE
 *  "no_thread": nothing was begun. */
MUST_USE enum status crew_run(const struct crew *crew, struct error *err);

#endif
