/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/server.h"

#include "api/life.h"
#include "api/listen.h"
#include "api/metrics.h"
#include "api/router.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOPS_MAX = 256,
    WORKERS_PER_CORE = 2,
    /* Memory a connection: heads, and pieces of bodies. Bodies come in pieces
     * of about half of it, so uploads want it large (measured, to nginx: 0.45
     * at 32 KiB, 0.63 at 128 KiB; a 400 MB body into the spool: 0.5 to 1.2
     * GB/s at 64 and at 128 KiB alike); but libmicrohttpd clears all of it
     * after every request, and an idle connection keeps it. One port serves
     * both. */
    POOL_BYTES = 64 * 1024,
    IDLE_S = 60,
    DRAIN_MS = 20 * 1000,
    DRAIN_STEP_MS = 10,
};

struct loop {
    struct life_host *host;
    struct redis *redis;
    struct MHD_Daemon *daemon;
    int listen_fd; /* the daemon's, while there is one */
};

struct server {
    struct life_host host;
    char name[LISTEN_NAME_SIZE];
    struct loop *loops;
    size_t loop_count;
};

/* ---- what libmicrohttpd calls; all from the connection's loop ---- */

static void *on_line(void *cls, const char *uri,
                     struct MHD_Connection *connection)
{
    struct loop *loop = cls;
    return life_open(loop->host, loop->redis, connection, uri);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **context)
{
    (void)cls;
    (void)connection;
    (void)url; /* decoded; we route on the raw one */
    struct life *life = *context;
    if (life == NULL) {
        return MHD_NO;
    }
    bool ok = false;
    if (!life_begun(life)) {
        ok = life_head(life, method, version);
    } else if (*upload_data_size > 0) {
        ok = life_feed(life, upload_data, *upload_data_size);
        *upload_data_size = 0;
    } else {
        ok = life_go_on(life);
    }
    return ok ? MHD_YES : MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *connection,
                         void **context, enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    if (*context != NULL) {
        life_close(*context, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        *context = NULL;
    }
}

static void on_connection(void *cls, struct MHD_Connection *connection,
                          void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct loop *loop = cls;
    struct metrics *metrics = loop->host->service->metrics;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        guard_remove(loop->host->guard, *socket_context);
        *socket_context = NULL;
        metrics_add(metrics, METRIC_CONNECTIONS_OPEN, -1);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    assert(info != NULL);
    *socket_context = guard_add(loop->host->guard, info->connect_fd);
    metrics_add(metrics, METRIC_CONNECTIONS_OPEN, 1);
}

/* Leaves everything as it is: percent signs are refused (path) or decoded
 * strictly by form.c (query). */
static size_t keep_encoded(void *cls, struct MHD_Connection *connection,
                           char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* ---- loops ---- */

static unsigned core_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) {
        return 1;
    }
    return cores > LOOPS_MAX ? (unsigned)LOOPS_MAX : (unsigned)cores;
}

static enum status start_loop(struct loop *loop, unsigned connection_limit,
                              struct error *err)
{
    const struct service *service = loop->host->service;
    enum status status = redis_open(&loop->redis, service->redis_address, err);
    if (status != STATUS_OK) {
        return status;
    }
    loop->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, loop,
        /* options */
        MHD_OPTION_LISTEN_SOCKET, loop->listen_fd, MHD_OPTION_URI_LOG_CALLBACK,
        on_line, loop, MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, loop,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        /* its own checks answer in broken form; strict.c has them all */
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_END);
    if (loop->daemon == NULL) {
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start an event loop: allow more threads and "
                         "open files");
    }
    return STATUS_OK;
}

static enum status start_loops(struct server *server, struct error *err)
{
    const struct config *config = &server->host.service->config;
    size_t count = config->loops != 0 ? config->loops : core_count();
    int fds[LOOPS_MAX] = {0};
    assert(count <= LOOPS_MAX);
    server->loops = calloc(count, sizeof *server->loops);
    if (server->loops == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate %zu loops", count);
    }
    enum status status =
        listen_open(config->listen, fds, count, server->name, err);
    if (status != STATUS_OK) {
        return status;
    }
    server->loop_count = count;
    for (size_t i = 0; i < count; i++) {
        server->loops[i] =
            (struct loop){.host = &server->host, .listen_fd = fds[i]};
    }
    unsigned limit = config->connections_max / (unsigned)count;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = start_loop(&server->loops[i], limit > 0 ? limit : 1, err);
    }
    return status;
}

enum status server_open(struct server **out, const struct service *service,
                        struct error *err)
{
    *out = NULL;
    enum status status = router_check(err);
    if (status != STATUS_OK) {
        return status;
    }
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate the server");
    }
    struct life_host *host = &server->host;
    host->service = service;
    unsigned workers = service->config.workers != 0
                           ? service->config.workers
                           : WORKERS_PER_CORE * core_count();
    status = work_open(&host->work, workers, service->redis_address, err);
    if (status == STATUS_OK) {
        status = wait_open(&host->wait, service->redis_address, err);
    }
    if (status == STATUS_OK) {
        status = guard_open(&host->guard, err);
    }
    if (status == STATUS_OK) {
        status = start_loops(server, err);
    }
    if (status != STATUS_OK) {
        server_close(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

const char *server_name(const struct server *server)
{
    return server->name;
}

/* ---- the end ---- */

static void pause_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = (ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

/* No new connections; what runs may finish. */
static void drain(struct server *server)
{
    for (size_t i = 0; i < server->loop_count; i++) {
        if (server->loops[i].daemon != NULL) {
            int fd = MHD_quiesce_daemon(server->loops[i].daemon);
            if (fd >= 0) {
                (void)close(fd);
            }
            server->loops[i].listen_fd = -1;
        }
    }
    for (int waited = 0;
         waited < DRAIN_MS && atomic_load(&server->host.active) > 0;
         waited += DRAIN_STEP_MS) {
        pause_ms(DRAIN_STEP_MS);
    }
}

void server_close(struct server *server)
{
    if (server == NULL) {
        return;
    }
    struct life_host *host = &server->host;
    atomic_store(&host->closing, true);
    if (host->wait != NULL) {
        wait_stop(host->wait);
    }
    drain(server);
    /* Behind this nothing is suspended any more, and nothing can be: the pool
     * refuses, the wait wakes at once. libmicrohttpd demands it. */
    if (host->work != NULL) {
        work_stop(host->work);
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        struct loop *loop = &server->loops[i];
        if (loop->daemon != NULL) {
            MHD_stop_daemon(loop->daemon);
        } else if (loop->listen_fd >= 0) {
            (void)close(loop->listen_fd);
        }
        redis_close(loop->redis);
    }
    guard_close(host->guard);
    wait_close(host->wait);
    work_close(host->work);
    free(server->loops);
    free(server);
}
