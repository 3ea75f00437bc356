/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_TOPOLOGY_H
#define REFRAIN_CATALOG_REDIS_TOPOLOGY_H

#include "catalog/redis/node.h"
#include "catalog/redis/slots.h"

/** Which nodes a cluster has and which slots they serve, as they say
 *  themselves (CLUSTER SLOTS). */

enum {
    /* "High performance and linear scalability up to 1000 nodes" is what the
     * specification aims at; beyond, slots stay without an owner. */
    TOPOLOGY_NODES_MAX = 1024,
    TOPOLOGY_NOBODY = UINT16_MAX,
};

struct topology_node {
    struct redis_node node;
    bool is_seed;    /* given by the user: kept whatever the cluster says */
    bool is_listed;  /* by the last CLUSTER SLOTS, as master or replica */
    bool is_master;  /* the same, as owner of a slot */
    bool is_suspect; /* its last answer did not come: asked last */
    bool gave_up;    /* a call waited for it in vain: the next do not wait */
    /* Calls whose replies come from here, in this order; cluster.c's. */
    struct call *first;
    struct call *last;
};

struct topology {
    struct topology_node *nodes[TOPOLOGY_NODES_MAX]; /* owned; NULL: free */
    size_t node_count;                               /* with the free ones */
    uint16_t owners[REDIS_SLOT_COUNT]; /* index of a node, or NOBODY */
    int64_t refreshed_ms;
    bool is_stale; /* a node said otherwise, or went away */
    bool has_left; /* nodes are no longer listed */
};

/** Knows the seeds alone, and no slot. STATUS_NO_MEMORY. */
MUST_USE enum status topology_init(struct topology *topology,
                                   const struct redis_seeds *seeds,
                                   struct error *err);
void topology_clear(struct topology *topology);

/** The node at an address, noted when it is new. NULL: no room. Borrowed until
 *  topology_sweep(). */
struct topology_node *topology_at(struct topology *topology,
                                  const struct redis_address *address);
/** Who serves the slot, or NULL. */
struct topology_node *topology_owner(const struct topology *topology,
                                     uint16_t slot);
void topology_assign(struct topology *topology, uint16_t slot,
                     const struct topology_node *owner);
/** The index-th of the nodes in the order in which one would talk to any of
 *  them: those that answered before those that did not, masters before others,
 *  connected ones before the rest; without those that left. NULL: no more. */
struct topology_node *topology_any(const struct topology *topology,
                                   size_t index);

/** Forgets the nodes that left the cluster: when nobody holds one. */
void topology_sweep(struct topology *topology);

/** Asks one node after the other until one answers, and takes its table over.
 *  Leaves out those that owe replies. STATUS_UNAVAILABLE "redis_unavailable":
 *  none answered; the table stays as it was. */
MUST_USE enum status topology_refresh(struct topology *topology,
                                      struct error *err);

#endif
