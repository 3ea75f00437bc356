/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/cluster.h"

#include "catalog/redis/slots.h"
#include "tests/support/redis.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than a loaded machine needs for any of it. */
enum { TRIES = 6000, TRY_MS = 10 };

static void pause_a_little(void)
{
    const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* ---- processes ---- */

/* A port that is free while *fd is open. */
static uint16_t free_port(int *fd)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bad = bind(*fd, (struct sockaddr *)&name, length);
    assert(bad == 0);
    bad = getsockname(*fd, (struct sockaddr *)&name, &length);
    assert(bad == 0);
    return ntohs(name.sin_port);
}

static void choose_ports(struct test_cluster *cluster, size_t first,
                         size_t count)
{
    int fds[2 * TEST_CLUSTER_NODES_MAX];
    size_t open_count = 0;
    for (size_t i = first; i < first + count; i++) {
        cluster->nodes[i].port = free_port(&fds[open_count++]);
        cluster->nodes[i].bus_port = free_port(&fds[open_count++]);
    }
    while (open_count > 0) {
        (void)close(fds[--open_count]);
    }
}

static _Noreturn void become_node(const struct test_cluster *cluster,
                                  size_t node)
{
    char port[8];
    char bus_port[8];
    char timeout[8];
    char folder[80];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(port, sizeof port, "%u", cluster->nodes[node].port);
    (void)snprintf(bus_port, sizeof bus_port, "%u",
                   cluster->nodes[node].bus_port);
    (void)snprintf(timeout, sizeof timeout, "%d", TEST_CLUSTER_NODE_TIMEOUT_MS);
    (void)snprintf(folder, sizeof folder, "%s/%zu", cluster->folder, node);
    int log = -1;
    if (chdir(folder) == 0) {
        log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    }
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) {
        _exit(126);
    }
    (void)execlp("redis-server", "redis-server", "--bind", "127.0.0.1",
                 "--port", port, "--cluster-port", bus_port,
                 "--cluster-enabled", "yes", "--cluster-node-timeout", timeout,
                 "--cluster-require-full-coverage", "no",
                 "--cluster-replica-validity-factor", "0", "--save", "",
                 "--appendonly", "no", "--repl-diskless-sync-delay", "0",
                 "--enable-debug-command", "yes", (char *)NULL);
    _exit(127);
}

static redisContext *connect_to(const struct test_cluster *cluster, size_t node)
{
    return redisConnect("127.0.0.1", cluster->nodes[node].port);
}

static void wait_until_answers(const struct test_cluster *cluster, size_t node)
{
    for (int i = 0; i < TRIES; i++) {
        redisContext *context = connect_to(cluster, node);
        redisReply *reply = redisCommand(context, "PING");
        bool answers = reply != NULL && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
        redisFree(context);
        if (answers) {
            return;
        }
        pause_a_little();
    }
    assert(!"the node answers");
}

static void start_node(struct test_cluster *cluster, size_t node)
{
    assert(cluster->nodes[node].pid == 0);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        become_node(cluster, node);
    }
    cluster->nodes[node].pid = pid;
    wait_until_answers(cluster, node);
}

void test_cluster_kill(struct test_cluster *cluster, size_t node)
{
    pid_t pid = cluster->nodes[node].pid;
    if (pid != 0) {
        int bad = kill(pid, SIGKILL);
        assert(bad == 0);
        pid_t ended = waitpid(pid, NULL, 0);
        assert(ended == pid);
        cluster->nodes[node].pid = 0;
    }
}

void test_cluster_pause(const struct test_cluster *cluster, size_t node)
{
    int bad = kill(cluster->nodes[node].pid, SIGSTOP);
    assert(bad == 0);
}

void test_cluster_resume(const struct test_cluster *cluster, size_t node)
{
    int bad = kill(cluster->nodes[node].pid, SIGCONT);
    assert(bad == 0);
}

/* ---- what a node is told ---- */

/* Sends words that are parted by blanks. */
static redisReply *command_of(redisContext *context, char *line)
{
    const char *words[32];
    int count = 0;
    for (char *at = line; *at != '\0' && count < 32;) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    return redisCommandArgv(context, count, words, NULL);
}

static void ask(const struct test_cluster *cluster, size_t node, char *out,
                size_t size, const char *format, va_list words)
{
    char line[512];
    (void)vsnprintf(line, sizeof line, format, words);
    redisContext *context = connect_to(cluster, node);
    assert(context != NULL && context->err == 0);
    redisReply *reply = command_of(context, line);
    assert(reply != NULL);
    if (reply->type == REDIS_REPLY_INTEGER) {
        (void)snprintf(out, size, "%lld", reply->integer);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        size_t used = 0;
        out[0] = '\0';
        for (size_t i = 0; i < reply->elements && used < size; i++) {
            used += (size_t)snprintf(out + used, size - used, "%s\n",
                                     reply->element[i]->str);
        }
    } else {
        (void)snprintf(out, size, "%s", reply->str == NULL ? "" : reply->str);
    }
    freeReplyObject(reply);
    redisFree(context);
}

void test_cluster_ask(const struct test_cluster *cluster, size_t node,
                      char *out, size_t size, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    ask(cluster, node, out, size, format, words);
    va_end(words);
}

void test_cluster_tell(const struct test_cluster *cluster, size_t node,
                       const char *format, ...)
{
    char answer[256];
    va_list words;
    va_start(words, format);
    ask(cluster, node, answer, sizeof answer, format, words);
    va_end(words);
    if (strcmp(answer, "OK") != 0) {
        (void)fprintf(stderr, "node %zu: %s: %s\n", node, format, answer);
        abort();
    }
}

/* Until a node's answer to a command has `wanted` in it. */
static void wait_until_says(const struct test_cluster *cluster, size_t node,
                            const char *wanted, const char *command)
{
    char answer[4096] = "";
    for (int try = 0; try < TRIES && strstr(answer, wanted) == NULL; try++) {
        pause_a_little();
        test_cluster_ask(cluster, node, answer, sizeof answer, "%s", command);
    }
    if (strstr(answer, wanted) == NULL) {
        (void)fprintf(stderr, "node %zu does not say %s: %s\n", node, wanted,
                      answer);
        abort();
    }
}

static void wait_until_all_say(const struct test_cluster *cluster,
                               const char *wanted)
{
    for (size_t i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i].pid != 0) {
            wait_until_says(cluster, i, wanted, "CLUSTER INFO");
        }
    }
}

void test_cluster_restart(struct test_cluster *cluster, size_t node)
{
    start_node(cluster, node);
    wait_until_says(cluster, node, "cluster_state:ok", "CLUSTER INFO");
}

/* ---- the cluster ---- */

static void start_nodes(struct test_cluster *cluster, size_t count)
{
    size_t first = cluster->node_count;
    choose_ports(cluster, first, count);
    for (size_t i = first; i < first + count; i++) {
        char folder[80];
        (void)snprintf(folder, sizeof folder, "%s/%zu", cluster->folder, i);
        int bad = mkdir(folder, 0700);
        assert(bad == 0);
        start_node(cluster, i);
        test_cluster_ask(cluster, i, cluster->nodes[i].id,
                         sizeof cluster->nodes[i].id, "CLUSTER MYID");
        test_cluster_tell(cluster, i, "CLUSTER SET-CONFIG-EPOCH %zu", i + 1);
    }
    cluster->node_count += count;
    for (size_t i = first; i < cluster->node_count; i++) {
        if (i > 0) {
            test_cluster_tell(cluster, i, "CLUSTER MEET 127.0.0.1 %u %u",
                              cluster->nodes[0].port,
                              cluster->nodes[0].bus_port);
        }
    }
    char known[64];
    (void)snprintf(known, sizeof known, "cluster_known_nodes:%zu",
                   cluster->node_count);
    wait_until_all_say(cluster, known);
}

static unsigned first_slot(size_t master)
{
    return (unsigned)(REDIS_SLOT_COUNT * master / TEST_CLUSTER_MASTERS);
}

void test_cluster_start(struct test_cluster *cluster)
{
    *cluster = (struct test_cluster){0};
    test_folder_make(cluster->folder);
    start_nodes(cluster, TEST_CLUSTER_MASTERS);
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        test_cluster_tell(cluster, i, "CLUSTER ADDSLOTSRANGE %u %u",
                          first_slot(i), first_slot(i + 1) - 1);
    }
    wait_until_all_say(cluster, "cluster_slots_assigned:16384");
    wait_until_all_say(cluster, "cluster_state:ok");
}

void test_cluster_add_replicas(struct test_cluster *cluster)
{
    start_nodes(cluster, TEST_CLUSTER_MASTERS);
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        size_t replica = TEST_CLUSTER_MASTERS + i;
        test_cluster_tell(cluster, replica, "CLUSTER REPLICATE %s",
                          cluster->nodes[i].id);
    }
    for (size_t i = 0; i < TEST_CLUSTER_MASTERS; i++) {
        char replicas[80];
        (void)snprintf(replicas, sizeof replicas, "CLUSTER REPLICAS %s",
                       cluster->nodes[i].id);
        wait_until_says(cluster, i, "state=online", "INFO replication");
        for (size_t node = 0; node < cluster->node_count; node++) {
            wait_until_says(cluster, node, "slave", replicas);
        }
    }
    wait_until_all_say(cluster, "cluster_state:ok");
}

void test_cluster_wait_role(const struct test_cluster *cluster, size_t node,
                            bool is_master)
{
    wait_until_says(cluster, node, is_master ? "role:master" : "role:slave",
                    "INFO replication");
}

void test_cluster_stop(struct test_cluster *cluster)
{
    for (size_t i = 0; i < cluster->node_count; i++) {
        test_cluster_kill(cluster, i);
    }
    test_folder_remove(cluster->folder);
}

void test_cluster_address(const struct test_cluster *cluster, size_t node,
                          char out[64])
{
    (void)snprintf(out, 64, "redis://127.0.0.1:%u", cluster->nodes[node].port);
}

struct redis *test_cluster_open(const struct test_cluster *cluster, size_t node)
{
    char address[64];
    struct redis *redis = NULL;
    test_cluster_address(cluster, node, address);
    enum status status = redis_open(&redis, address, NULL);
    assert(status == STATUS_OK);
    return redis;
}

/* ---- slots ---- */

size_t test_cluster_owner(const struct test_cluster *cluster, unsigned slot)
{
    redisContext *context = connect_to(cluster, 0);
    redisReply *table = redisCommand(context, "CLUSTER SLOTS");
    assert(table != NULL && table->type == REDIS_REPLY_ARRAY);
    long long port = 0;
    for (size_t i = 0; i < table->elements; i++) {
        redisReply **range = table->element[i]->element;
        if (range[0]->integer <= slot && slot <= range[1]->integer) {
            port = range[2]->element[1]->integer;
        }
    }
    freeReplyObject(table);
    redisFree(context);
    size_t node = 0;
    while (cluster->nodes[node].port != port) {
        node++;
        assert(node < cluster->node_count);
    }
    return node;
}

void test_cluster_begin_move(const struct test_cluster *cluster, unsigned slot,
                             size_t from, size_t to)
{
    test_cluster_tell(cluster, to, "CLUSTER SETSLOT %u IMPORTING %s", slot,
                      cluster->nodes[from].id);
    test_cluster_tell(cluster, from, "CLUSTER SETSLOT %u MIGRATING %s", slot,
                      cluster->nodes[to].id);
}

void test_cluster_move_keys(const struct test_cluster *cluster, unsigned slot,
                            size_t from, size_t to, unsigned most)
{
    for (unsigned i = 0; i < most; i++) {
        char key[256];
        test_cluster_ask(cluster, from, key, sizeof key,
                         "CLUSTER GETKEYSINSLOT %u 1", slot);
        key[strcspn(key, "\n")] = '\0';
        if (key[0] == '\0') {
            return;
        }
        test_cluster_tell(cluster, from, "MIGRATE 127.0.0.1 %u %s 0 5000",
                          cluster->nodes[to].port, key);
    }
}

void test_cluster_end_move(const struct test_cluster *cluster, unsigned slot,
                           size_t from, size_t to)
{
    test_cluster_tell(cluster, to, "CLUSTER SETSLOT %u NODE %s", slot,
                      cluster->nodes[to].id);
    test_cluster_tell(cluster, from, "CLUSTER SETSLOT %u NODE %s", slot,
                      cluster->nodes[to].id);
}
