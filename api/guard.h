/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_GUARD_H
#define REFRAIN_API_GUARD_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Ends connections that hold a place without using it. libmicrohttpd's own
 *  time-out counts idle time only (measured: one header byte every two seconds
 *  held a connection for as long as it liked), so a thread here looks at every
 *  connection once a second:
 *    a head must be complete 10 s after its request line, 15 s after the
 *      connection was made, 75 s after the last answer
 *    a body must bring 16 KiB/s over every 30 s, from a client that is there
 *  It also keeps refused uploads open for a moment, reading what still comes:
 *  closing a socket with unread bytes resets it, and the client would lose our
 *  answer (RFC 9112 §9.6). */
struct guard;

/** One connection, made and ended by the loop that owns it. */
struct guarded;

MUST_USE enum status guard_open(struct guard **out, struct error *err);
/** Every connection must have been removed. NULL is fine. */
void guard_close(struct guard *guard);

/** fd: the connection's socket. NULL: no memory, it goes unguarded. */
struct guarded *guard_add(struct guard *guard, int fd);
/** Before the socket is closed. NULL is fine. */
void guard_remove(struct guard *guard, struct guarded *guarded);

/* Where the connection is; NULL is fine. From its loop. */
void guard_head(struct guarded *guarded); /* the request line is there */
void guard_body(struct guarded *guarded); /* a body begins */
void guard_bytes(struct guarded *guarded, size_t length); /* … goes on */
void guard_busy(struct guarded *guarded); /* it is our turn: no clock */
void guard_idle(struct guarded *guarded); /* answered: the next head */

/** Keeps the connection of a refused body alive for up to 5 s or 16 MiB after
 *  its loop closed it. Right before that, from its loop. */
void guard_linger(struct guard *guard, struct guarded *guarded);

#endif
