/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/backoff.h"

#include <assert.h>

void backoff_init(struct backoff *out, unsigned tries_max, int64_t deadline_ms)
{
    assert(tries_max >= 1);
    *out = (struct backoff){.deadline_ms = deadline_ms,
                            .tries_left = tries_max - 1};
}

/* The highest wait after so many failed tries. */
static int64_t bound_ms(unsigned tries_done)
{
    int64_t bound = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < tries_done && bound < BACKOFF_MAX_MS; i++) {
        bound *= 2;
    }
    return bound < BACKOFF_MAX_MS ? bound : BACKOFF_MAX_MS;
}

bool backoff_next(struct backoff *backoff, int64_t now_ms, int64_t asked_ms,
                  uint64_t random, int64_t *wait_ms)
{
    backoff->tries_done++;
    if (backoff->tries_left == 0) {
        return false;
    }
    uint64_t bound = (uint64_t)bound_ms(backoff->tries_done);
    int64_t wait = (int64_t)(random % (bound + 1));
    wait = wait < asked_ms ? asked_ms : wait;
    if (wait >= backoff->deadline_ms - now_ms) {
        return false;
    }
    backoff->tries_left--;
    *wait_ms = wait;
    return true;
}
