/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_LIFE_H
#define REFRAIN_API_LIFE_H

#include "api/guard.h"
#include "api/service.h"
#include "api/wait.h"
#include "api/work.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** The way of one request through the server:
 *
 *    request line → head: checked, routed, authorized → body: memory or spool
 *      → handler, on the loop or on a worker → reply → log line
 *                  ↑                         |
 *                  └── waits for a change ←──┘
 *
 *  At any moment one thread has it: the loop, or, while the connection is
 *  suspended, the worker or the wait. It is freed by the loop alone, and never
 *  while suspended. */
struct life;

struct MHD_Connection;

/** What all requests of a server share. */
struct life_host {
    const struct service *service;
    struct work *work;
    struct wait *wait;
    struct guard *guard;
    atomic_bool closing; /* answers end their connections; nobody waits */
    atomic_uint active;  /* requests begun and not ended */
};

/** A request line came.
 *  target   raw, as libmicrohttpd's URI callback gives it; stays in place until
 *           life_head()
 *  NULL: no memory. */
struct life *life_open(struct life_host *host, struct redis *redis,
                       struct MHD_Connection *connection, const char *target);
/** The head is complete. false: close the connection (so for all of these). */
MUST_USE bool life_head(struct life *life, const char *method,
                        const char *version);
/** A piece of the body. */
MUST_USE bool life_feed(struct life *life, const char *bytes, size_t length);
/** The body is complete, or the connection was resumed. */
MUST_USE bool life_go_on(struct life *life);
/** Has life_head() been called? */
bool life_begun(const struct life *life);
/** The reply is out (completed) or the client is gone. Frees `life`. */
void life_close(struct life *life, bool completed);

#endif
