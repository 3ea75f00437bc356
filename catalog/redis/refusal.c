/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/refusal.h"

#include <stddef.h>
#include <string.h>

#define UNAVAILABLE STATUS_UNAVAILABLE, "redis_unavailable"

/* Error codes of redis 7.0 (server.c createSharedObjects, networking.c,
 * cluster.c) that a correct command can meet. */
static const struct redis_refusal refusals[] = {
    {"LOADING", UNAVAILABLE, "wait until it has loaded its data"},
    {"OOM", UNAVAILABLE, "raise its maxmemory or give it a larger machine"},
    {"MISCONF", UNAVAILABLE, "free space on its disk, then look at its log"},
    {"BUSY ", UNAVAILABLE, "wait until its running script ends"},
    {"READONLY", UNAVAILABLE, "give the address of the primary"},
    {"MASTERDOWN", UNAVAILABLE, "start its primary again"},
    {"NOREPLICAS", UNAVAILABLE, "start its replicas again"},
    {"UNBLOCKED", UNAVAILABLE, "try again, its role has changed"},
    {"TRYAGAIN", UNAVAILABLE, "wait until the cluster has moved its slots"},
    {"CLUSTERDOWN", UNAVAILABLE, "bring the cluster's missing nodes back"},
    {"MOVED", UNAVAILABLE, "wait until its nodes agree on who serves what"},
    {"ASK ", UNAVAILABLE, "wait until the cluster has moved its slots"},
    {"NOAUTH", UNAVAILABLE, "let its default user in without a password"},
    {"NOPERM", UNAVAILABLE, "allow its default user all commands and keys"},
    {"DENIED", UNAVAILABLE, "use its Unix socket, or set protected-mode no"},
    {"ERR max number of clients", UNAVAILABLE, "raise its maxclients"},
    {"ERR DB index is out of range", UNAVAILABLE, "choose a database it has"},
    {"BUSYGROUP", STATUS_CONFLICT, "group_exists", "nothing: it is there"},
    {"NOGROUP", STATUS_NOT_FOUND, "no_group", "make the consumer group"},
};

const struct redis_refusal *redis_refusal_find(const char *reply)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const char *prefix = refusals[i].prefix;
        if (strncmp(reply, prefix, strlen(prefix)) == 0) {
            return &refusals[i];
        }
    }
    return NULL;
}
