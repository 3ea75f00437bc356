/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_BACKOFF_H
#define REFRAIN_CATALOG_VAULT_S3_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/** When one call to a store is tried again: full jitter, that is a wait drawn
 *  evenly from 0 to a bound that doubles from try to try, which of the ways to
 *  spread many callers needs the fewest tries (AWS Architecture Blog,
 *  "Exponential Backoff And Jitter", 2015). Never past the call's deadline, and
 *  never before the time that the store asked for. Pure; times are the
 *  caller's, in milliseconds of any steady clock. */
enum {
    BACKOFF_FIRST_MS = 400, /* five tries: 3 s on the mean, 6 s at most */
    BACKOFF_MAX_MS = 5000,
};

struct backoff {
    int64_t deadline_ms;
    unsigned tries_left; /* besides the one that is under way */
    unsigned tries_done; /* failed ones */
};

/** tries_max  1 and more; deadline_ms a time, not a length */
void backoff_init(struct backoff *out, unsigned tries_max, int64_t deadline_ms);

/** A try has failed: is there another one, and after which wait?
 *  asked_ms  what the store asked for (Retry-After), or 0
 *  random    any number, new for each call
 *  wait_ms   set on true; shorter than what is left until the deadline */
bool backoff_next(struct backoff *backoff, int64_t now_ms, int64_t asked_ms,
                  uint64_t random, int64_t *wait_ms);

#endif
