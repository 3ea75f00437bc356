/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_HANDOVER_H
#define REFRAIN_MATCHER_DECODER_HANDOVER_H

#include <stddef.h>

/** Descriptors on their way between the pool and refrain-decoder: one packet
 *  with a number and up to two of them, over a SOCK_SEQPACKET (unix(7),
 *  SCM_RIGHTS). Both ends are ours: nothing foreign comes this way. */

enum { HANDOVER_MAX_FDS = 2 };

struct handover {
    int code;                  /* what is said; 0 to 255 */
    size_t fd_count;           /* at most HANDOVER_MAX_FDS */
    int fds[HANDOVER_MAX_FDS]; /* sent: borrowed; received: owned */
};

/** 0, or an errno: EPIPE when nobody is there, EAGAIN when the socket's own
 *  time limit has passed. */
int handover_send(int socket, const struct handover *what);
/** Waits for one; its descriptors are close-on-exec and the caller's:
 *  handover_clear(). 0, or an errno: EPIPE at the socket's end, EAGAIN when its
 *  own time limit has passed, EPROTO for what is no such packet. */
int handover_receive(struct handover *out, int socket);
/** Closes the descriptors that were received. */
void handover_clear(struct handover *what);

#endif
