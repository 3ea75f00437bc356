/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/topology.h"

#include "catalog/redis/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A node that hangs must not use up the time of the call that waits. */
enum { TABLE_MS = 2000 };

/* ---- nodes ---- */

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory for the nodes of a Redis Cluster: give the "
                     "service more");
}

struct topology_node *topology_at(struct topology *topology,
                                  const struct redis_address *address)
{
    size_t place = topology->node_count;
    for (size_t i = 0; i < topology->node_count; i++) {
        struct topology_node *node = topology->nodes[i];
        if (node == NULL) {
            place = i;
        } else if (redis_address_equal(&node->node.address, address)) {
            return node;
        }
    }
    struct topology_node *made =
        place < TOPOLOGY_NODES_MAX ? calloc(1, sizeof *made) : NULL;
    if (made != NULL) {
        node_init(&made->node, address);
        topology->nodes[place] = made;
        topology->node_count += place == topology->node_count;
    }
    return made;
}

static void node_free(struct topology_node *node)
{
    node_disconnect(&node->node);
    free(node);
}

enum status topology_init(struct topology *topology,
                          const struct redis_seeds *seeds, struct error *err)
{
    *topology = (struct topology){0};
    memset(topology->owners, 0xff, sizeof topology->owners);
    for (size_t i = 0; i < seeds->count; i++) {
        struct topology_node *node = topology_at(topology, &seeds->at[i]);
        if (node == NULL) {
            return no_memory(err);
        }
        node->is_seed = true;
    }
    return STATUS_OK;
}

void topology_clear(struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        if (topology->nodes[i] != NULL) {
            node_free(topology->nodes[i]);
        }
    }
    topology->node_count = 0;
}

struct topology_node *topology_owner(const struct topology *topology,
                                     uint16_t slot)
{
    uint16_t index = topology->owners[slot];
    return index == TOPOLOGY_NOBODY ? NULL : topology->nodes[index];
}

static uint16_t index_of(const struct topology *topology,
                         const struct topology_node *node)
{
    uint16_t index = 0;
    while (topology->nodes[index] != node) {
        index++;
        assert(index < topology->node_count);
    }
    return index;
}

void topology_assign(struct topology *topology, uint16_t slot,
                     const struct topology_node *owner)
{
    topology->owners[slot] = index_of(topology, owner);
}

static bool is_gone(const struct topology_node *node)
{
    return node == NULL || (!node->is_seed && !node->is_listed);
}

void topology_sweep(struct topology *topology)
{
    for (size_t i = 0; topology->has_left && i < topology->node_count; i++) {
        if (topology->nodes[i] != NULL && is_gone(topology->nodes[i])) {
            node_free(topology->nodes[i]);
            topology->nodes[i] = NULL;
        }
    }
    topology->has_left = false;
}

static unsigned rank(const struct topology_node *node)
{
    return (node->is_suspect ? 4U : 0) + (node->is_master ? 0 : 2U) +
           (node->node.context == NULL ? 1U : 0);
}
enum { RANKS = 8 };

struct topology_node *topology_any(const struct topology *topology,
                                   size_t index)
{
    for (unsigned wanted = 0; wanted < RANKS; wanted++) {
        for (size_t i = 0; i < topology->node_count; i++) {
            struct topology_node *node = topology->nodes[i];
            if (!is_gone(node) && rank(node) == wanted && index-- == 0) {
                return node;
            }
        }
    }
    return NULL;
}

/* ---- the table ---- */

/* Reads [host, port, …]. A node that does not know its own name is where it
 * was asked. */
static bool read_address(struct redis_address *out,
                         const struct redis_reply *told,
                         const struct redis_address *asked)
{
    *out = (struct redis_address){0};
    if (redis_reply_count(told) < 2) {
        return false;
    }
    int64_t port = redis_reply_integer(redis_reply_at(told, 1), 0);
    bool fits =
        redis_reply_copy(out->host, sizeof out->host, redis_reply_at(told, 0));
    if (out->host[0] == '\0') {
        (void)snprintf(out->host, sizeof out->host, "%s",
                       asked->path[0] == '\0' ? asked->host : "127.0.0.1");
    }
    out->port = (uint16_t)port;
    return fits && port > 0 && port <= UINT16_MAX;
}

static void assign_range(struct topology *topology,
                         const struct topology_node *owner, int64_t first,
                         int64_t last)
{
    uint16_t index = index_of(topology, owner);
    for (int64_t slot = first;
         slot >= 0 && slot <= last && slot < REDIS_SLOT_COUNT; slot++) {
        topology->owners[slot] = index;
    }
}

/* One range: [first slot, last slot, master, replica…]. */
static void take_range(struct topology *topology,
                       const struct redis_reply *range,
                       const struct redis_address *asked)
{
    if (redis_reply_count(range) < 3) {
        return;
    }
    int64_t first = redis_reply_integer(redis_reply_at(range, 0), -1);
    int64_t last = redis_reply_integer(redis_reply_at(range, 1), -1);
    for (size_t i = 2; i < redis_reply_count(range); i++) {
        struct redis_address address;
        struct topology_node *node =
            read_address(&address, redis_reply_at(range, i), asked)
                ? topology_at(topology, &address)
                : NULL;
        if (node == NULL) {
            continue;
        }
        node->is_listed = true;
        if (i == 2) {
            node->is_master = true;
            assign_range(topology, node, first, last);
        }
    }
}

static void take_table(struct topology *topology,
                       const struct redis_reply *table,
                       const struct redis_address *asked)
{
    memset(topology->owners, 0xff, sizeof topology->owners);
    for (size_t i = 0; i < topology->node_count; i++) {
        if (topology->nodes[i] != NULL) {
            topology->nodes[i]->is_listed = false;
            topology->nodes[i]->is_master = false;
        }
    }
    for (size_t i = 0; i < redis_reply_count(table); i++) {
        take_range(topology, redis_reply_at(table, i), asked);
    }
    topology->has_left = true;
}

static enum status ask_table(struct redis_node *node,
                             struct redis_reply **reply, struct error *err)
{
    const struct redis_arg args[] = {redis_text("CLUSTER"),
                                     redis_text("SLOTS")};
    enum status status = node_ready(node) ? STATUS_OK : node_connect(node, err);
    if (status == STATUS_OK) {
        status = node_send(node, args, 2, TABLE_MS, err);
    }
    if (status == STATUS_OK) {
        status = node_receive(node, reply, err);
    }
    /* A node that was reset knows of no slots, and one outside of a cluster
     * answers with an error. */
    if (status == STATUS_OK && redis_reply_count(*reply) == 0) {
        const char *refusal = redis_reply_error(*reply);
        status = error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                           "Redis at %s is in no cluster that serves keys "
                           "(%.100s): finish the cluster, or give the address "
                           "of another node",
                           node->name, refusal == NULL ? "no slots" : refusal);
        redis_reply_free(*reply);
        *reply = NULL;
    }
    return status;
}

enum status topology_refresh(struct topology *topology, struct error *err)
{
    /* Their order changes while they are asked. */
    struct topology_node *order[TOPOLOGY_NODES_MAX];
    size_t count = 0;
    while (count < TOPOLOGY_NODES_MAX &&
           (order[count] = topology_any(topology, count)) != NULL) {
        count++;
    }
    enum status status =
        error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                  "no node of the Redis Cluster can be asked who serves what: "
                  "try again");
    for (size_t i = 0; i < count && status != STATUS_OK; i++) {
        struct redis_reply *table = NULL;
        if (order[i]->first != NULL) {
            continue;
        }
        status = ask_table(&order[i]->node, &table, err);
        order[i]->is_suspect = status != STATUS_OK;
        if (status == STATUS_OK) {
            const struct redis_address asked = order[i]->node.address;
            take_table(topology, table, &asked);
            redis_reply_free(table);
            topology->is_stale = false;
            topology->refreshed_ms = node_clock_ms();
        }
    }
    return status;
}
