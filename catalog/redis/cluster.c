/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/cluster.h"

#include "catalog/redis/command.h"
#include "catalog/redis/connection.h"
#include "catalog/redis/redirect.h"
#include "catalog/redis/topology.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

enum {
    NO_SLOT = -1, /* a command without a key */
    /* Longer chains are nodes that do not agree with each other yet. */
    REDIRECTS_MAX = 5,
    PAUSE_FIRST_MS = 10,
    PAUSE_LONGEST_MS = 500,
    /* While slots move, each command that meets one tells of it; the whole
     * table need not be read each time. */
    REFRESH_EVERY_MS = 1000,
};
static const char ASKING[] = "*1\r\n$6\r\nASKING\r\n";

enum call_state {
    CALL_HELD, /* not on its way: its node is away */
    CALL_SENT,
    CALL_ANSWERED, /* reply is here, maybe before the caller's turn */
};

/* One command, kept until its reply is the caller's. */
struct call {
    struct call *next;         /* the caller's order */
    struct call *next_of_node; /* the order of a node's replies */
    enum call_state state;
    struct topology_node *node; /* where it was sent last */
    struct redis_reply *reply;
    char *bytes; /* as it goes over the wire; node_format_free() */
    size_t length;
    int slot; /* or NO_SLOT */
    uint32_t blocks_ms;
    unsigned tries;      /* how often it was sent again */
    bool follows_asking; /* a reply to ASKING comes before its own */
    bool is_overtaken;   /* an earlier one of its slot is done after it */
};

struct cluster {
    struct topology topology;
    struct call *first; /* the caller's order */
    struct call *last;
    struct redis_node *heard;
    bool is_held;         /* a call is held back, and so are later ones */
    bool gave_up;         /* as a node's, for slots that nobody serves */
    struct error trouble; /* why a call is held back */
    struct cluster_counts counts;
};

/* ---- life ---- */

enum status cluster_open(struct cluster **out, const struct redis_seeds *seeds,
                         struct redis_node *met, struct error *err)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for a connection to a Redis Cluster");
    }
    enum status status = topology_init(&cluster->topology, seeds, err);
    if (status == STATUS_OK) {
        struct topology_node *node =
            topology_at(&cluster->topology, &met->address);
        assert(node != NULL);
        node->node = *met;
        met->context = NULL;
        node_disconnect(met);
        status = topology_refresh(&cluster->topology, err);
    }
    if (status != STATUS_OK) {
        cluster_close(cluster);
        return status;
    }
    cluster->counts.refreshed = 1;
    *out = cluster;
    return STATUS_OK;
}

static void call_free(struct call *call)
{
    if (call != NULL) {
        redis_reply_free(call->reply);
        node_format_free(call->bytes);
        free(call);
    }
}

void cluster_cancel(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->topology.node_count; i++) {
        struct topology_node *node = cluster->topology.nodes[i];
        if (node != NULL && node->first != NULL) {
            node_disconnect(&node->node);
            node->first = NULL;
            node->last = NULL;
        }
    }
    while (cluster->first != NULL) {
        struct call *call = cluster->first;
        cluster->first = call->next;
        call_free(call);
    }
    cluster->last = NULL;
    cluster->is_held = false;
}

void cluster_close(struct cluster *cluster)
{
    if (cluster != NULL) {
        cluster_cancel(cluster);
        topology_clear(&cluster->topology);
        free(cluster);
    }
}

size_t cluster_pending(const struct cluster *cluster)
{
    size_t count = 0;
    for (const struct call *at = cluster->first; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

struct redis_node *cluster_heard(const struct cluster *cluster)
{
    return cluster->heard;
}

struct cluster_counts cluster_counts(const struct cluster *cluster)
{
    return cluster->counts;
}

/* ---- sending ---- */

static enum status call_make(struct call **out, const struct redis_arg *args,
                             size_t arg_count, struct error *err)
{
    size_t key = redis_command_key(args, arg_count);
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                        "no memory for a command to Redis: give the service "
                        "more");
        return STATUS_NO_MEMORY;
    }
    call->slot =
        key == 0 ? NO_SLOT : redis_slot_of(args[key].bytes, args[key].length);
    call->blocks_ms = redis_command_blocks_ms(args, arg_count);
    enum status status =
        node_format(&call->bytes, &call->length, args, arg_count, err);
    if (status != STATUS_OK) {
        call_free(call);
        return status;
    }
    *out = call;
    return STATUS_OK;
}

static void suspect(struct cluster *cluster, struct topology_node *node)
{
    node->is_suspect = true;
    cluster->topology.is_stale = true;
}

/* Connected afterwards, or the reason is in cluster->trouble. */
static bool reach(struct cluster *cluster, struct topology_node *node)
{
    if (!node_ready(&node->node) &&
        node_connect(&node->node, &cluster->trouble) != STATUS_OK) {
        suspect(cluster, node);
        return false;
    }
    return true;
}

/* The node for a call, connected; NULL: cluster->trouble says why not. */
static struct topology_node *route(struct cluster *cluster, int slot)
{
    struct topology_node *node = NULL;
    if (slot != NO_SLOT) {
        node = topology_owner(&cluster->topology, (uint16_t)slot);
        if (node == NULL) {
            (void)error_set(&cluster->trouble, STATUS_UNAVAILABLE,
                            "redis_unavailable",
                            "no node of the Redis Cluster serves slot %d: "
                            "bring the missing nodes back",
                            slot);
        }
        return node != NULL && reach(cluster, node) ? node : NULL;
    }
    /* Those that cannot be reached go to the end of the row. */
    for (size_t i = 0; i < cluster->topology.node_count; i++) {
        node = topology_any(&cluster->topology, 0);
        if (node == NULL || reach(cluster, node)) {
            return node;
        }
    }
    return NULL;
}

static void enqueue(struct topology_node *node, struct call *call)
{
    call->next_of_node = NULL;
    if (node->first == NULL) {
        node->first = call;
    } else {
        node->last->next_of_node = call;
    }
    node->last = call;
}

/* Puts a call on its way to `node`, which is connected, or holds it back. */
static void dispatch(struct cluster *cluster, struct call *call,
                     struct topology_node *node, bool asking)
{
    uint32_t allowed_ms = REDIS_ANSWER_MS + call->blocks_ms;
    struct error *trouble = &cluster->trouble;
    bool sent = node != NULL;
    if (sent && asking) {
        sent = node_send_bytes(&node->node, ASKING, sizeof ASKING - 1,
                               allowed_ms, trouble) == STATUS_OK;
    }
    if (sent) {
        sent = node_send_bytes(&node->node, call->bytes, call->length,
                               allowed_ms, trouble) == STATUS_OK;
    }
    call->state = sent ? CALL_SENT : CALL_HELD;
    cluster->is_held = !sent;
    if (sent) {
        call->follows_asking = asking;
        call->node = node;
        enqueue(node, call);
    }
}

enum status cluster_send(struct cluster *cluster, const struct redis_arg *args,
                         size_t arg_count, struct error *err)
{
    struct call *call = NULL;
    enum status status = call_make(&call, args, arg_count, err);
    if (status != STATUS_OK) {
        cluster_cancel(cluster);
        return status;
    }
    struct topology *topology = &cluster->topology;
    if (cluster->first == NULL) {
        topology_sweep(topology);
        if (topology->is_stale &&
            node_clock_ms() - topology->refreshed_ms > REFRESH_EVERY_MS &&
            topology_refresh(topology, NULL) == STATUS_OK) {
            cluster->counts.refreshed++;
        }
        cluster->first = call;
    } else {
        cluster->last->next = call;
    }
    cluster->last = call;
    if (!cluster->is_held) {
        dispatch(cluster, call, route(cluster, call->slot), false);
    }
    return STATUS_OK;
}

/* Sends all that waits to be written, so that every node works at once. */
static enum status flush(struct cluster *cluster, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < cluster->topology.node_count && status == STATUS_OK;
         i++) {
        struct topology_node *node = cluster->topology.nodes[i];
        if (node != NULL && node->first != NULL) {
            status = node_flush(&node->node, err);
            if (status != STATUS_OK) {
                suspect(cluster, node);
            }
        }
    }
    return status;
}

/* ---- receiving ---- */

/* Reads a node's replies, which come in the order of its calls, until `call`
 * has its own. */
static enum status await(struct cluster *cluster, struct call *call,
                         struct error *err)
{
    struct topology_node *node = call->node;
    while (call->state == CALL_SENT) {
        struct redis_reply *reply = NULL;
        enum status status =
            node->node.context == NULL /* no memory for a later command */
                ? error_set(err, STATUS_UNAVAILABLE, cluster->trouble.code,
                            "%s", cluster->trouble.text)
                : node_receive(&node->node, &reply, err);
        if (status != STATUS_OK) {
            suspect(cluster, node);
            return status;
        }
        struct call *asked = node->first;
        if (asked->follows_asking) {
            asked->follows_asking = false;
            redis_reply_free(reply);
            continue;
        }
        node->first = asked->next_of_node;
        asked->reply = reply;
        asked->state = CALL_ANSWERED;
    }
    return STATUS_OK;
}

/* Takes in all replies that are to come, so that every node is free. */
static enum status drain(struct cluster *cluster, struct error *err)
{
    enum status status = STATUS_OK;
    for (struct call *at = cluster->first; at != NULL && status == STATUS_OK;
         at = at->next) {
        if (at->state == CALL_SENT) {
            status = await(cluster, at, err);
        }
    }
    return status;
}

/* Waits before the next try; false: it was enough. */
static bool pause_before(struct cluster *cluster, const struct call *call,
                         int64_t deadline_ms)
{
    struct topology_node *owner =
        call->slot == NO_SLOT
            ? NULL
            : topology_owner(&cluster->topology, (uint16_t)call->slot);
    bool *gave_up = owner == NULL ? &cluster->gave_up : &owner->gave_up;
    int64_t left_ms = deadline_ms - node_clock_ms();
    if (left_ms <= 0 || (*gave_up && call->tries > 0)) {
        *gave_up = true;
        return false;
    }
    unsigned doublings = call->tries < 6 ? call->tries : 6;
    int64_t ms = (int64_t)PAUSE_FIRST_MS << doublings;
    ms = ms < PAUSE_LONGEST_MS ? ms : PAUSE_LONGEST_MS;
    ms = ms < left_ms ? ms : left_ms;
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&pause, NULL);
    return true;
}

/* The later calls of this slot that were sent already: should they be done,
 * they are done before it. */
static void note_overtaken(struct call *call)
{
    for (struct call *at = call->next; at != NULL; at = at->next) {
        if (at->slot == call->slot && at->state != CALL_HELD) {
            at->is_overtaken = true;
        }
    }
    call->is_overtaken = false;
}

/* Where MOVED and ASK point to, connected; NULL: nowhere that we can go. */
static struct topology_node *follow(struct cluster *cluster,
                                    const struct call *call,
                                    const struct redirect *way)
{
    struct redis_address address = {.port = way->port};
    const char *host =
        way->host[0] != '\0' ? way->host : call->node->node.address.host;
    memcpy(address.host, host, sizeof address.host);
    struct topology_node *node = topology_at(&cluster->topology, &address);
    if (node != NULL && way->kind == REDIRECT_MOVED) {
        topology_assign(&cluster->topology, way->slot, node);
        cluster->topology.is_stale = true;
    }
    return node != NULL && reach(cluster, node) ? node : NULL;
}

/* Sends a call again that was not done. false: it was tried for long enough;
 * its reply, if any, says why not. */
static bool try_again(struct cluster *cluster, struct call *call,
                      const struct redirect *way, int64_t deadline_ms)
{
    struct topology_node *node = NULL;
    bool waits = way->kind == REDIRECT_LATER || call->tries >= REDIRECTS_MAX;
    cluster->counts.moved += way->kind == REDIRECT_MOVED;
    cluster->counts.asked += way->kind == REDIRECT_ASK;
    cluster->counts.waited += waits;
    if (waits && !pause_before(cluster, call, deadline_ms)) {
        return false;
    }
    if (way->kind == REDIRECT_LATER) {
        cluster->counts.refreshed +=
            topology_refresh(&cluster->topology, &cluster->trouble) ==
            STATUS_OK;
        node = route(cluster, call->slot);
    } else {
        node = follow(cluster, call, way);
    }
    call->tries++;
    redis_reply_free(call->reply);
    call->reply = NULL;
    note_overtaken(call);
    dispatch(cluster, call, node, way->kind == REDIRECT_ASK);
    for (struct call *at = call->next; at != NULL && !cluster->is_held;
         at = at->next) {
        if (at->state == CALL_HELD) {
            dispatch(cluster, at, route(cluster, at->slot), false);
        }
    }
    return true;
}

static void note_success(struct cluster *cluster, const struct call *call)
{
    call->node->is_suspect = false;
    call->node->gave_up = false;
    if (call->slot == NO_SLOT || call->tries > 0) {
        cluster->gave_up = false;
    }
}

/* Until the call is done, or refused for good (it has a reply then), or cannot
 * be sent (it has none). */
static enum status pursue(struct cluster *cluster, struct call *call,
                          struct error *err)
{
    int64_t deadline_ms =
        node_clock_ms() + REDIS_ANSWER_MS + (int64_t)call->blocks_ms;
    for (;;) {
        enum status status = flush(cluster, err);
        if (status == STATUS_OK && call->state == CALL_SENT) {
            status = await(cluster, call, err);
        }
        struct redirect way = {.kind = REDIRECT_LATER};
        if (call->state == CALL_ANSWERED) {
            redirect_read(&way, redis_reply_error(call->reply));
        }
        if (status == STATUS_OK && way.kind == REDIRECT_NONE) {
            note_success(cluster, call);
        }
        if (status == STATUS_OK && way.kind == REDIRECT_LATER) {
            status = drain(cluster, err);
        }
        if (status != STATUS_OK || way.kind == REDIRECT_NONE ||
            !try_again(cluster, call, &way, deadline_ms)) {
            return status;
        }
    }
}

static enum status overtaken(struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "redis_unavailable",
                     "the Redis Cluster did two commands in another order than "
                     "they were sent, while a slot moved: try again");
}

enum status cluster_receive(struct cluster *cluster, struct redis_reply **reply,
                            struct error *err)
{
    struct call *call = cluster->first;
    assert(call != NULL);
    *reply = NULL;
    enum status status = pursue(cluster, call, err);
    if (status == STATUS_OK && call->reply == NULL) {
        status = error_set(err, STATUS_UNAVAILABLE, cluster->trouble.code, "%s",
                           cluster->trouble.text);
    } else if (status == STATUS_OK && call->is_overtaken) {
        status = overtaken(err);
    }
    if (status != STATUS_OK) {
        cluster_cancel(cluster);
        return status;
    }
    cluster->heard = &call->node->node;
    *reply = call->reply;
    call->reply = NULL;
    cluster->first = call->next;
    call_free(call);
    return STATUS_OK;
}
