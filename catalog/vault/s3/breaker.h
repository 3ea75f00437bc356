/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_BREAKER_H
#define REFRAIN_CATALOG_VAULT_S3_BREAKER_H

#include <stdint.h>

/** A circuit breaker: after BREAKER_FAILURES calls in a row that the store did
 *  not answer, callers are refused at once for BREAKER_OPEN_MS instead of each
 *  waiting out its deadline; then one of them tries. Pure; a zeroed struct is
 *  closed; times are the caller's, in milliseconds of any steady clock. */
enum {
    BREAKER_FAILURES = 5, /* whole calls, each tried several times already */
    BREAKER_OPEN_MS = 5000,
};

struct breaker {
    unsigned failures; /* in a row */
    int64_t until_ms;  /* refuses until then, when it is open */
};

enum breaker_answer {
    BREAKER_GO,
    BREAKER_TRY, /* go, with one try: it decides for all */
    BREAKER_REFUSE,
};

/** May a call begin? Who gets BREAKER_TRY keeps the others out for another
 *  BREAKER_OPEN_MS, so that one that never reports does no harm. */
enum breaker_answer breaker_ask(struct breaker *breaker, int64_t now_ms);
/** The store answered, be it with a refusal. */
void breaker_answered(struct breaker *breaker);
/** A call ended without an answer of use. */
void breaker_failed(struct breaker *breaker, int64_t now_ms);

#endif
