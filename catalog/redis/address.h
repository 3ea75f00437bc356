/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_ADDRESS_H
#define REFRAIN_CATALOG_REDIS_ADDRESS_H

#include "matcher/status.h"

#include <stdint.h>
#include <sys/un.h>

/** Where a Redis is (pure). */

enum {
    REDIS_HOST_SIZE = 256,
    /* Bytes of a socket's path, with the NUL: the kernel's limit. */
    REDIS_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
    REDIS_DATABASE_MAX = 15, /* 16 are what redis-server has by default */
};

/** path is "" for TCP; else host and port are. */
struct redis_address {
    char path[REDIS_PATH_SIZE];
    char host[REDIS_HOST_SIZE];
    uint16_t port;
    uint32_t database;
};

/** Reads "unix:/path" or "redis://HOST:PORT[/DB]"; an IPv6 HOST stands in
 *  brackets. STATUS_INVALID "bad_redis_address". */
MUST_USE enum status redis_address_parse(struct redis_address *out,
                                         const char *text, struct error *err);

#endif
