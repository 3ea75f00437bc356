/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/breaker.h"

enum breaker_answer breaker_ask(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->failures < BREAKER_FAILURES) {
        return BREAKER_GO;
    }
    if (now_ms < breaker->until_ms) {
        return BREAKER_REFUSE;
    }
    breaker->until_ms = now_ms + BREAKER_OPEN_MS;
    return BREAKER_TRY;
}

void breaker_answered(struct breaker *breaker)
{
    breaker->failures = 0;
}

void breaker_failed(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->failures < BREAKER_FAILURES) {
        breaker->failures++;
    }
    if (breaker->failures == BREAKER_FAILURES) {
        breaker->until_ms = now_ms + BREAKER_OPEN_MS;
    }
}
