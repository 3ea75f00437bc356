/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_HELD_H
#define REFRAIN_API_HELD_H

#include "catalog/library/uploads.h"

#include <stdbool.h>
#include <stdint.h>

/** The jobs that this instance has in hand: those that run, and those that
 *  could not be done yet and wait for another try. The queue hands a job out
 *  again when it was taken long ago; what is in hand here is not begun twice.
 *  Thread-safe. Times are milliseconds of any one clock, given by the caller.
 */
struct held;

enum {
    /* What does not fit stays in the queue and is handed out again later. */
    HELD_MAX = 1024,
    /* Back-off between tries of one job: doubling. */
    HELD_DELAY_FIRST_MS = 1000,
    HELD_DELAY_LAST_MS = 60 * 1000,
};

MUST_USE enum status held_open(struct held **out, struct error *err);
/** NULL is fine. */
void held_close(struct held *held);

/** Notes a job as running. false: its item is in hand already, or there is no
 *  room; then the job is not to be touched. */
bool held_take(struct held *held, const struct job *job);
/** Takes a job whose next try is due, as running. */
bool held_take_due(struct held *held, int64_t now_ms, struct job *out);
/** Keeps a running job for another try; in how many milliseconds. */
int64_t held_delay(struct held *held, const struct job *job, int64_t now_ms);
/** The running job is finished. */
void held_release(struct held *held, const struct job *job);

#endif
