/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_LISTEN_H
#define REFRAIN_API_LISTEN_H

#include "matcher/status.h"

#include <stddef.h>

/** Sockets that listen together on one address: the kernel spreads new
 *  connections over them (SO_REUSEPORT), each loop has one. */

enum { LISTEN_NAME_SIZE = 512 };

/** address  "HOST:PORT"; an IPv6 HOST stands in brackets; port 0 picks one
 *  fds      room for count; the caller's on STATUS_OK
 *  name     HOST:PORT with the real port
 *  STATUS_INVALID "bad_listen" · STATUS_UNAVAILABLE "port_taken", "listen". */
MUST_USE enum status listen_open(const char *address, int *fds, size_t count,
                                 char name[LISTEN_NAME_SIZE],
                                 struct error *err);

#endif
