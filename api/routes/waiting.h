/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_WAITING_H
#define REFRAIN_API_ROUTES_WAITING_H

#include "api/request.h"

/** The ?wait=SECONDS of a route: a handler that waits runs again and again,
 *  and what it has to know of its first run stands in request->note. */
enum { WAIT_MAX_S = 60 };

struct waiting {
    int64_t until_ms;
    char id[ID_SIZE]; /* what the first run made, or "" */
};

/** First run: reads the parameter, absent is 0: until_ms is now.
 *  STATUS_INVALID "bad_parameter".
 *  Later runs: what was noted. */
MUST_USE enum status waiting_begin(struct waiting *out,
                                   const struct request *request,
                                   struct error *err);
/** Notes it for the next run. The id is one of ours, of at most 40
 *  characters. */
void waiting_note(struct request *request, const struct waiting *waiting);

#endif
