/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_WORK_H
#define REFRAIN_API_WORK_H

#include "catalog/redis/redis.h"
#include "matcher/status.h"

/** Threads for what an event loop must not wait for: password hashes, syncs,
 *  decoding. Each has its own Redis connection. The queue is bounded: a full
 *  one refuses, and the client is told to come back. */
struct work;

/** Runs on a thread of the pool. */
typedef void (*work_run)(void *context, struct redis *redis);

MUST_USE enum status work_open(struct work **out, unsigned thread_count,
                               const char *redis_address, struct error *err);
/** STATUS_UNAVAILABLE "busy": the queue is full, or the pool stopped. */
MUST_USE enum status work_add(struct work *work, work_run run, void *context,
                              struct error *err);
/** Finishes what is queued and ends the threads; work_add() refuses from now
 *  on. */
void work_stop(struct work *work);
/** Stops and frees. NULL is fine. */
void work_close(struct work *work);

#endif
