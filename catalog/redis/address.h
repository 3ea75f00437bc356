/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_ADDRESS_H
#define REFRAIN_CATALOG_REDIS_ADDRESS_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

/** Where a Redis is (pure). */

enum {
    REDIS_HOST_SIZE = 256,
    /* Bytes of a socket's path, with the NUL: the kernel's limit. */
    REDIS_PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
    REDIS_DATABASE_MAX = 15, /* 16 are what redis-server has by default */
    /* Some nodes of a cluster to begin with; it names the others itself. */
    REDIS_SEEDS_MAX = 16,
};

/** path is "" for TCP; else host and port are. */
struct redis_address {
    char path[REDIS_PATH_SIZE];
    char host[REDIS_HOST_SIZE];
    uint16_t port;
    uint32_t database;
};

/** One address, or several nodes of one cluster to begin with. */
struct redis_seeds {
    struct redis_address at[REDIS_SEEDS_MAX];
    size_t count;
};

/** Reads "unix:/path" or "redis://HOST:PORT[,HOST:PORT…][/DB]"; an IPv6 HOST
 *  stands in brackets. DB is for one address alone: a cluster has no other
 *  database than 0. STATUS_INVALID "bad_redis_address". */
MUST_USE enum status redis_seeds_parse(struct redis_seeds *out,
                                       const char *text, struct error *err);

/** The address as one would write it, cut to REDIS_NAME_SIZE. */
enum { REDIS_NAME_SIZE = REDIS_HOST_SIZE + 32 };
void redis_address_name(char out[REDIS_NAME_SIZE],
                        const struct redis_address *address);
bool redis_address_equal(const struct redis_address *a,
                         const struct redis_address *b);

#endif
