/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/life.h"

#include "api/auth.h"
#include "api/connection.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/router.h"
#include "api/spool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_BODY_BYTES_MAX = 64 * 1024,
    /* What a refused chunked body may still send before it is cut off. */
    DROPPED_BYTES_MAX = 64 * 1024 * 1024,
};

enum phase {
    PHASE_LINE,  /* the head is still coming */
    PHASE_BODY,  /* admitted; the body, if any, is coming */
    PHASE_RUN,   /* the handler is to run on the loop */
    PHASE_REPLY, /* a reply is ready to be sent */
    PHASE_SENT,
};

struct life {
    struct request request;
    struct life_host *host;
    char *target;          /* raw path and, until the head is there, query */
    const char *target_at; /* where it stands in the head */
    bool must_close;
    enum phase phase;
    struct guarded *guarded;
    struct strict_body body;
    uint64_t body_limit;
    enum status body_status; /* why the body is dropped, and … */
    struct error body_error; /* … the sentence */
    struct reply reply;
    struct waiter waiter;
    bool expired;         /* the wait is over: answer now */
    int64_t started_ms;   /* monotonic */
    unsigned http_status; /* of the reply that was sent; 0: none */
    uint64_t reply_bytes;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    int bad = clock_gettime(clock, &now);
    assert(bad == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- birth ---- */

struct life *life_open(struct life_host *host, struct redis *redis,
                       struct MHD_Connection *connection, const char *target)
{
    struct life *life = calloc(1, sizeof *life);
    char *copy = strdup(target);
    if (life == NULL || copy == NULL) {
        free(life);
        free(copy);
        return NULL;
    }
    life->host = host;
    life->target = copy;
    life->target_at = target;
    life->guarded = connection_guarded(connection);
    life->started_ms = clock_ms(CLOCK_MONOTONIC);
    life->request.service = host->service;
    life->request.redis = redis;
    life->request.connection = connection;
    life->request.body_fd = -1;
    char id[ID_SIZE];
    id_random(id, "req");
    _Static_assert(sizeof "req_" + 32 == REQUEST_ID_SIZE, "an id must fit");
    memcpy(life->request.id, id, REQUEST_ID_SIZE);
    (void)atomic_fetch_add(&host->active, 1);
    guard_head(life->guarded);
    return life;
}

bool life_begun(const struct life *life)
{
    return life->phase != PHASE_LINE;
}

/* ---- answers ---- */

static bool answer(struct life *life)
{
    assert(life->phase == PHASE_REPLY);
    life->phase = PHASE_SENT;
    life->http_status = life->reply.http_status;
    life->reply_bytes = life->reply.kind == REPLY_BYTES ? life->reply.byte_count
                                                        : life->reply.length;
    guard_busy(life->guarded);
    bool close = life->must_close || atomic_load(&life->host->closing);
    return reply_send(&life->reply, life->request.connection, life->request.id,
                      close);
}

/* Makes the reply of an error. */
static void refuse(struct life *life, enum status status,
                   const struct error *err)
{
    const struct service *service = life->host->service;
    reply_clear(&life->reply);
    reply_problem(&life->reply, status, err, life->request.id, NULL);
    life->phase = PHASE_REPLY;
    if (strcmp(err->code, "redis_unavailable") == 0) {
        metrics_add(service->metrics, METRIC_REDIS_UNAVAILABLE, 1);
    }
    if (life->reply.http_status >= 500) { /* the sentence goes no further */
        log_event(service->log, LOG_WARNING, "request_failed",
                  "request_id=%s code=%s reason=%s", life->request.id,
                  err->code, err->text);
    }
}

/* ---- the head ---- */

/* Splits the target into path (kept) and query (parsed). */
static enum status read_target(struct life *life, struct error *err)
{
    char *query = strchr(life->target, '?');
    if (query == NULL) {
        return STATUS_OK;
    }
    *query++ = '\0';
    return form_parse(&life->request.query, query, strlen(query), err);
}

static enum status find_route(struct life *life, const char *method,
                              struct error *err)
{
    char allow[64];
    enum status status = router_find(method, life->target, &life->request.route,
                                     life->request.parameters, allow, err);
    if (status != STATUS_OK && strcmp(err->code, "method_not_allowed") == 0) {
        refuse(life, status, err);
        reply_header(&life->reply, "Allow", allow);
    }
    life->must_close =
        status != STATUS_OK && strcmp(err->code, "bad_path") == 0;
    return status;
}

static enum status authorize(struct life *life, struct error *err)
{
    bool presented = false;
    life->request.now_ms = clock_ms(CLOCK_REALTIME);
    enum status status =
        auth_check(&life->request, life->request.route, &presented, err);
    if (status == STATUS_DENIED) {
        refuse(life, status, err);
        /* RFC 6750 §3.1: no error word for who showed no token */
        reply_header(&life->reply, "WWW-Authenticate",
                     presented ? "Bearer realm=\"refrain\", "
                                 "error=\"invalid_token\""
                               : "Bearer realm=\"refrain\"");
    }
    return status;
}

static enum status prepare_body(struct life *life, struct error *err)
{
    const struct route *route = life->request.route;
    const struct config *config = &life->host->service->config;
    if (route->body == BODY_NONE) {
        return life->body.announced
                   ? error_set(err, STATUS_INVALID, "unexpected_body",
                               "this takes no body: send none")
                   : STATUS_OK;
    }
    life->body_limit = TEXT_BODY_BYTES_MAX;
    if (route->body == BODY_FILE) {
        life->body_limit = route->role == ROLE_OPERATOR
                               ? config->release_max_bytes
                               : config->upload_max_bytes;
    }
    if (life->body.length > life->body_limit) {
        return error_set(err, STATUS_LIMIT, "too_large",
                         "the body may have at most %" PRIu64 " bytes",
                         life->body_limit);
    }
    if (route->body == BODY_TEXT) {
        return buffer_reserve(&life->request.body, life->body.length, err);
    }
    return spool_create(life->host->service->spool_folder, life->body.length,
                        life->request.body_path, &life->request.body_fd, err);
}

/* Everything that can be refused before the body comes. */
static enum status admit(struct life *life, const char *method,
                         const char *version, struct error *err)
{
    struct strict_head head;
    head.method = method;
    head.target_at = life->target_at;
    head.target = life->target;
    head.version = version;
    enum status status = connection_head(life->request.connection, &head, err);
    if (status == STATUS_OK) {
        status = strict_check(&head, &life->body, err);
    }
    if (status == STATUS_OK) {
        status = read_target(life, err);
    }
    if (status != STATUS_OK) {
        life->must_close = true; /* the next request's begin is not sure */
        return status;
    }
    status = find_route(life, method, err);
    if (status == STATUS_OK) {
        status = authorize(life, err);
    }
    return status == STATUS_OK ? prepare_body(life, err) : status;
}

bool life_head(struct life *life, const char *method, const char *version)
{
    struct error err = {0};
    guard_busy(life->guarded); /* a hanging Redis is not the client's fault */
    life->request.is_head = strcmp(method, "HEAD") == 0;
    enum status status = admit(life, method, version, &err);
    if (status == STATUS_OK) {
        life->phase = PHASE_BODY;
        if (life->body.announced) {
            guard_body(life->guarded);
        }
        return true;
    }
    if (life->phase != PHASE_REPLY) {
        refuse(life, status, &err);
    }
    /* With nothing more to read the answer can wait for life_go_on(), which
     * keeps the connection; an answer from here ends it (libmicrohttpd). */
    if (!life->must_close && !life->body.announced) {
        return true;
    }
    life->must_close = true;
    return answer(life);
}

/* ---- the body ---- */

static enum status take_piece(struct life *life, const char *bytes,
                              size_t length, struct error *err)
{
    if (life->request.body_bytes > life->body_limit) {
        return error_set(err, STATUS_LIMIT, "too_large",
                         "the body may have at most %" PRIu64 " bytes",
                         life->body_limit);
    }
    return life->request.body_fd >= 0
               ? spool_append(life->request.body_fd, bytes, length, err)
               : buffer_append(&life->request.body, bytes, length, err);
}

bool life_feed(struct life *life, const char *bytes, size_t length)
{
    guard_bytes(life->guarded, length);
    life->request.body_bytes += length;
    if (life->body_status == STATUS_OK) {
        life->body_status = take_piece(life, bytes, length, &life->body_error);
        if (life->body_status != STATUS_OK && life->request.body_fd >= 0) {
            /* room for others; if it fails, unlinking gives it back later */
            int bad = ftruncate(life->request.body_fd, 0);
            (void)bad;
        }
        return true;
    }
    /* libmicrohttpd takes no answer in the middle of a body: the rest is read
     * and dropped. Its announced length bounds that; chunks have none. */
    return !life->body.chunked ||
           life->request.body_bytes < life->body_limit + DROPPED_BYTES_MAX;
}

/* ---- the handler ---- */

/* Runs it once. true: a reply is ready; false: it waits, and *seen is for
 * wait_add(). */
static bool run_handler(struct life *life, struct redis *redis, uint64_t *seen)
{
    struct request *request = &life->request;
    struct error err = {0};
    bool has_account = request->principal.account_id[0] != '\0';
    *seen = has_account ? wait_generation(life->host->wait,
                                          request->principal.account_id)
                        : 0;
    request->redis = redis;
    request->now_ms = clock_ms(CLOCK_REALTIME);
    if (life->expired && request->now_ms < life->waiter.until_ms) {
        request->now_ms = life->waiter.until_ms; /* the service ends */
    }
    enum status status = request->route->handle(request, &life->reply, &err);
    request->run++;
    if (status == STATUS_OK && life->reply.kind == REPLY_WAIT &&
        atomic_load(&life->host->closing)) {
        status = error_set(&err, STATUS_UNAVAILABLE, "closing",
                           "the service ends: ask again in a few seconds");
    }
    if (status != STATUS_OK) {
        refuse(life, status, &err);
        return true;
    }
    assert(life->reply.kind != REPLY_NONE);
    if (life->reply.kind != REPLY_WAIT) {
        life->phase = PHASE_REPLY;
        return true;
    }
    assert(has_account);
    return false;
}

static void run_on_worker(void *context, struct redis *redis);

static void hand_to_worker(struct life *life)
{
    struct error err;
    enum status status = work_add(life->host->work, run_on_worker, life, &err);
    if (status != STATUS_OK) {
        refuse(life, status, &err);
        connection_resume(life->request.connection);
    }
}

static void wake(struct waiter *waiter, bool expired)
{
    struct life *life =
        (struct life *)((char *)waiter - offsetof(struct life, waiter));
    life->expired = expired;
    if (life->request.route->speed == SPEED_SLOW) {
        hand_to_worker(life);
    } else {
        connection_resume(life->request.connection);
    }
}

/* The connection is suspended; nothing of life may be touched afterwards. */
static void wait_for_change(struct life *life, uint64_t seen)
{
    struct waiter *waiter = &life->waiter;
    memcpy(waiter->account_id, life->request.principal.account_id, ID_SIZE);
    waiter->until_ms = life->reply.wait_until_ms;
    waiter->wake = wake;
    reply_clear(&life->reply);
    wait_add(life->host->wait, waiter, seen);
}

static void run_on_worker(void *context, struct redis *redis)
{
    struct life *life = context;
    uint64_t seen = 0;
    if (run_handler(life, redis, &seen)) {
        connection_resume(life->request.connection);
    } else {
        wait_for_change(life, seen);
    }
}

static bool run_on_loop(struct life *life)
{
    uint64_t seen = 0;
    if (run_handler(life, life->request.redis, &seen)) {
        return answer(life);
    }
    life->phase = PHASE_RUN;
    connection_suspend(life->request.connection);
    wait_for_change(life, seen);
    return true;
}

bool life_go_on(struct life *life)
{
    if (life->phase == PHASE_REPLY) {
        return answer(life);
    }
    assert(life->phase == PHASE_BODY || life->phase == PHASE_RUN);
    guard_busy(life->guarded);
    if (life->body_status != STATUS_OK) {
        refuse(life, life->body_status, &life->body_error);
        return answer(life);
    }
    if (life->request.route->speed == SPEED_LOOP) {
        return run_on_loop(life);
    }
    life->phase = PHASE_RUN;
    connection_suspend(life->request.connection);
    hand_to_worker(life);
    return true;
}

/* ---- the end ---- */

static enum metric class_of(unsigned http_status)
{
    switch (http_status / 100) {
    case 2:
        return METRIC_REQUESTS_2XX;
    case 3:
        return METRIC_REQUESTS_3XX;
    case 4:
        return METRIC_REQUESTS_4XX;
    default:
        return METRIC_REQUESTS_5XX;
    }
}

static void account_for(const struct life *life, bool completed)
{
    const struct service *service = life->host->service;
    const struct request *request = &life->request;
    if (life->http_status == 0) {
        return; /* gone before there was an answer: nothing was done for it */
    }
    uint64_t bytes =
        completed && !life->request.is_head ? life->reply_bytes : 0;
    metrics_add(service->metrics, class_of(life->http_status), 1);
    metrics_add(service->metrics, METRIC_BYTES_SENT, (int64_t)bytes);
    const char *method = request->route == NULL ? "-" : request->route->method;
    const char *account = request->principal.account_id;
    log_event(
        service->log, LOG_INFO, "request",
        "request_id=%s method=%s route=%s status=%u bytes=%" PRIu64
        " ms=%" PRId64 " account=%s end=%s",
        request->id, life->request.is_head ? "HEAD" : method,
        request->route == NULL ? "-" : request->route->path, life->http_status,
        bytes, clock_ms(CLOCK_MONOTONIC) - life->started_ms,
        account[0] == '\0' ? "-" : account, completed ? "sent" : "aborted");
}

static void drop_body(struct request *request)
{
    buffer_wipe(&request->body); /* may hold a password */
    if (request->body_fd >= 0) {
        (void)close(request->body_fd);
    }
    if (request->body_path[0] != '\0') {
        (void)unlink(request->body_path);
    }
}

void life_close(struct life *life, bool completed)
{
    account_for(life, completed);
    if (life->must_close) {
        guard_linger(life->host->guard, life->guarded);
    }
    guard_idle(life->guarded);
    drop_body(&life->request);
    form_clear(&life->request.query);
    reply_clear(&life->reply);
    (void)atomic_fetch_sub(&life->host->active, 1);
    free(life->target);
    free(life);
}
