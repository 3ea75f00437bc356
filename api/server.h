/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_SERVER_H
#define REFRAIN_API_SERVER_H

#include "api/service.h"

/** The HTTP server: event loops that share one port, worker threads, and the
 *  threads that watch over waiting requests and slow connections. */
struct server;

/** Serves from the moment that it returns.
 *  service  borrowed while the server lives
 *  STATUS_INVALID "bad_route", "bad_listen" · STATUS_UNAVAILABLE
 *  "port_taken", "listen", "no_thread". */
MUST_USE enum status server_open(struct server **out,
                                 const struct service *service,
                                 struct error *err);
/** "HOST:PORT", borrowed. */
const char *server_name(const struct server *server);
/** Takes no new connection, ends waits, lets running requests finish (20 s at
 *  most), then stops and frees. NULL is fine. */
void server_close(struct server *server);

#endif
