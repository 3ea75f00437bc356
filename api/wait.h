/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_WAIT_H
#define REFRAIN_API_WAIT_H

#include "catalog/id.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stdint.h>

/** Requests that wait for a change of their account, or for a moment. One
 *  thread listens to Redis, one to the clock; whoever waits costs nothing.
 *
 *  No change is lost between "nothing new" and the wait: the caller notes
 *  wait_generation() before it looks, and wait_add() wakes at once when the
 *  account changed since. A listener that lost Redis, and one that has it
 *  back, wakes everybody, because messages may have been missed. */
struct wait;

/** In the request that waits; the caller's. From wait_add() until `wake` is
 *  called it belongs to the wait. */
struct waiter {
    char account_id[ID_SIZE];
    int64_t until_ms; /* since 1970 */
    /** Called once, from any thread (also from within wait_add).
     *  expired  the moment came, or the service ends: answer now */
    void (*wake)(struct waiter *waiter, bool expired);
    struct waiter *next; /* the wait's */
};

MUST_USE enum status wait_open(struct wait **out, const char *redis_address,
                               struct error *err);
/** Grows whenever something of the account (or of one that shares its slot)
 *  changed. */
uint64_t wait_generation(struct wait *wait, const char *account_id);
/** seen  wait_generation() from before the caller looked. */
void wait_add(struct wait *wait, struct waiter *waiter, uint64_t seen);
/** Wakes everybody as expired, now and whoever comes. */
void wait_stop(struct wait *wait);
/** Stops and frees. Nobody may be waiting any more. NULL is fine. */
void wait_close(struct wait *wait);

#endif
