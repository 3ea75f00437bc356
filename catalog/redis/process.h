/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_PROCESS_H
#define REFRAIN_CATALOG_REDIS_PROCESS_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** One redis-server process in a folder: how it is started, ended, and what
 *  it complained about. redis/server.c decides when. */

#define PROCESS_SOCKET "redis.sock"
#define PROCESS_LOG "redis.log"

struct process {
    pid_t pid;
    int pidfd;          /* readable once the process has ended */
    off_t log_start;    /* where its part of the log begins */
    const char *folder; /* borrowed */
};

/** Starts redis-server with `folder` as its working directory. It gets SIGKILL
 *  when the calling *thread* ends (prctl(2) PR_SET_PDEATHSIG), so that it
 *  never outlives a kill -9 of ours: the caller's thread has to stay.
 *  STATUS_UNAVAILABLE "redis_start". */
MUST_USE enum status process_start(struct process *out, const char *folder,
                                   struct error *err);
/** Waits up to timeout_ms for its end and takes its place in the process
 *  table; *exit_code is -1 when a signal ended it. false: it still runs. */
bool process_wait(struct process *process, int64_t timeout_ms, int *exit_code);
/** SIGTERM, then SIGKILL after grace_ms; waits for the end. */
void process_end(struct process *process, int64_t grace_ms);
/** Fills `err` with why it ended, from its exit code and its log. */
enum status process_failure(const struct process *process, int exit_code,
                            struct error *err);

/** Ends a redis-server that still listens on `socket_path`: a leftover of a
 *  service that was killed. The caller holds the folder's lock, so that it
 *  is nobody else's. STATUS_UNAVAILABLE "redis_start": it cannot be ended. */
MUST_USE enum status process_end_leftover(const char *socket_path,
                                          int64_t grace_ms, struct error *err);

#endif
