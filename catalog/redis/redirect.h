/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_REDIRECT_H
#define REFRAIN_CATALOG_REDIS_REDIRECT_H

#include "catalog/redis/address.h"

/** Error replies by which a node of a cluster says that it did not do a
 *  command, and who would or when (pure; "Redis cluster specification",
 *  section "Redirection and resharding"). */
enum redirect_kind {
    REDIRECT_NONE,  /* anything else */
    REDIRECT_MOVED, /* ask there, for this slot from now on */
    REDIRECT_ASK,   /* ask there once, with ASKING */
    REDIRECT_LATER, /* TRYAGAIN, CLUSTERDOWN, LOADING, UNBLOCKED */
};

/** slot and port are set for MOVED and ASK; host too, unless it is "": then it
 *  is the host of the node that says so. */
struct redirect {
    enum redirect_kind kind;
    uint16_t slot;
    uint16_t port;
    char host[REDIS_HOST_SIZE];
};

/** Reads an error reply; NULL is none. */
void redirect_read(struct redirect *out, const char *reply);

#endif
