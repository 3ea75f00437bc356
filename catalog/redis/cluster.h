/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_CLUSTER_H
#define REFRAIN_CATALOG_REDIS_CLUSTER_H

#include "catalog/redis/node.h"

/** Commands to a Redis Cluster: each goes to the node that serves its key, and
 *  the replies come back in the caller's order.
 *
 *  What is sent again: a command that a node refused undone (MOVED, ASK,
 *  TRYAGAIN, CLUSTERDOWN, LOADING, UNBLOCKED), or that could not be sent since
 *  its node is away; for at most REDIS_ANSWER_MS, while a slot moves or a
 *  replica takes over. Whoever waited in vain for a node does so once: until it
 *  answers, the calls that follow try it once more and fail at once, so that a
 *  part of the cluster that is gone does not hold up the others. A command
 *  whose answer was lost is never sent again.
 *
 *  Order: two commands of one slot are done in the order in which they were
 *  sent, or the second fails; between slots there is none. */
struct cluster;

/** met: a connection to one of the seeds, taken over (then not connected). */
MUST_USE enum status cluster_open(struct cluster **out,
                                  const struct redis_seeds *seeds,
                                  struct redis_node *met, struct error *err);
/** NULL is fine. */
void cluster_close(struct cluster *cluster);

/** As redis_send(). STATUS_NO_MEMORY alone: what else goes wrong is told by
 *  cluster_receive(). */
MUST_USE enum status cluster_send(struct cluster *cluster,
                                  const struct redis_arg *args,
                                  size_t arg_count, struct error *err);
/** The next reply, maybe an error reply: one that cluster_open() names stayed
 *  until the time was over. After a failure no replies are to come. */
MUST_USE enum status cluster_receive(struct cluster *cluster,
                                     struct redis_reply **reply,
                                     struct error *err);
/** Gives up the replies that are still to come. */
void cluster_cancel(struct cluster *cluster);
/** Replies to come. */
size_t cluster_pending(const struct cluster *cluster);
/** The connection that the last reply came over; borrowed until the next
 *  command. */
struct redis_node *cluster_heard(const struct cluster *cluster);

/** What happened on this handle so far. */
struct cluster_counts {
    uint64_t moved;     /* commands sent again after MOVED */
    uint64_t asked;     /* after ASK */
    uint64_t waited;    /* after any of the others */
    uint64_t refreshed; /* tables taken over */
};
struct cluster_counts cluster_counts(const struct cluster *cluster);

#endif
