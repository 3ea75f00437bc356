/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CONNECTION_H
#define REFRAIN_API_CONNECTION_H

#include "api/guard.h"
#include "api/strict.h"

/** What life.c needs of a client's connection; request.c has it, so that
 *  libmicrohttpd stays in server.c, request.c and reply.c. */
struct MHD_Connection;

/** The head as it came. Borrowed while the request lives.
 *  out  method, target and version are set, as libmicrohttpd gave them; the
 *       rest is filled
 *  STATUS_LIMIT "too_many_headers". */
MUST_USE enum status connection_head(struct MHD_Connection *connection,
                                     struct strict_head *out,
                                     struct error *err);
struct guarded *connection_guarded(struct MHD_Connection *connection);
/** Takes the connection out of its loop. From the loop, within a call for it;
 *  nothing of it may be touched afterwards but by who resumes it. */
void connection_suspend(struct MHD_Connection *connection);
/** Gives it back; the loop calls again for it. From any thread. */
void connection_resume(struct MHD_Connection *connection);

#endif
