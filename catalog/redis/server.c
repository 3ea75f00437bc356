/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/server.h"

#include "catalog/redis/address.h"
#include "catalog/redis/process.h"
#include "catalog/redis/redis.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    /* A server that does not even answer while it loads is a broken one. */
    ANSWER_WITHIN_MS = 60 * 1000,
    /* Loading takes about 10 s a GB (measured: 404 MB in 4.2 s). */
    LOAD_WITHIN_MS = 60 * 60 * 1000,
    LOOK_EVERY_MS = 10,
    STOP_WITHIN_MS = 30 * 1000,
    /* How long another service may take to give the folder free: a killed
     * one is gone at once, save for what the kernel still writes. */
    LOCK_WITHIN_MS = 5 * 1000,
    /* A server that keeps dying is started less and less often. */
    RESTART_FIRST_MS = 50,
    RESTART_SLOWEST_MS = 5 * 1000,
    HEALTHY_AFTER_MS = 60 * 1000,
};

enum state { STATE_STARTING, STATE_RUNNING, STATE_FAILED };

struct redis_server {
    char *folder; /* absolute */
    char address[sizeof "unix:" + REDIS_PATH_SIZE];
    int lock_fd; /* the folder is ours while it is open */
    int stop_fd; /* readable: the supervisor is to end */
    atomic_uint restarts;
    pthread_t supervisor;
    bool supervised; /* the thread exists */
    /* from the supervisor to redis_server_start() */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state;
    struct error failure; /* STATE_FAILED */
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the supervisor's thread ---- */

static void tell(struct redis_server *server, enum state state)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->state = state;
    (void)pthread_cond_signal(&server->changed);
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Waits wait_ms, or shorter when stop is asked for: true. */
static bool stop_asked(const struct redis_server *server, int64_t wait_ms)
{
    struct pollfd asked = {.fd = server->stop_fd, .events = POLLIN};
    return poll(&asked, 1, (int)wait_ms) > 0;
}

enum answer { ANSWER_NONE, ANSWER_LOADING, ANSWER_READY };

static enum answer ask(struct redis *redis)
{
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("INFO"),
                                     redis_text("persistence")};
    if (redis_call(redis, &reply, args, 2, NULL) != STATUS_OK) {
        return ANSWER_NONE;
    }
    size_t length = 0;
    const char *text = redis_reply_bytes(reply, &length);
    assert(text != NULL);
    bool ready = strstr(text, "\nloading:0") != NULL;
    redis_reply_free(reply);
    return ready ? ANSWER_READY : ANSWER_LOADING;
}

/* Until the first server is ready, or will not be. */
static enum status wait_until_ready(struct redis_server *server,
                                    struct process *process, struct error *err)
{
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, server->address, err);
    int64_t deadline_ms = now_ms() + ANSWER_WITHIN_MS;
    int64_t last_ms = now_ms() + LOAD_WITHIN_MS;
    while (status == STATUS_OK) {
        int exit_code = 0;
        if (process_wait(process, 0, &exit_code)) {
            status = process_failure(process, exit_code, err);
            break;
        }
        enum answer answer = ask(redis);
        if (answer == ANSWER_READY) {
            break;
        }
        if (answer == ANSWER_LOADING) {
            deadline_ms = last_ms;
        }
        if (now_ms() > deadline_ms) {
            status = error_set(err, STATUS_UNAVAILABLE, "redis_start",
                               "redis-server in %.200s is not ready in time: "
                               "see its " PROCESS_LOG ", then start again",
                               server->folder);
        } else {
            (void)poll(NULL, 0, LOOK_EVERY_MS);
        }
    }
    redis_close(redis);
    return status;
}

/* Until the process ends (true) or stop is asked for (false). */
static bool wait_for_end(const struct redis_server *server,
                         struct process *process)
{
    struct pollfd fds[] = {{.fd = process->pidfd, .events = POLLIN},
                           {.fd = server->stop_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
        assert(errno == EINTR);
    }
    int exit_code = 0;
    return fds[1].revents == 0 && process_wait(process, 0, &exit_code);
}

static int64_t next_pause(int64_t pause_ms, int64_t lived_ms)
{
    if (lived_ms >= HEALTHY_AFTER_MS) {
        return RESTART_FIRST_MS;
    }
    return pause_ms * 2 < RESTART_SLOWEST_MS ? pause_ms * 2
                                             : RESTART_SLOWEST_MS;
}

/* Starts it again whenever it ends, until stop is asked for. `process` runs
 * at entry, and is ended at return. */
static void keep_running(struct redis_server *server, struct process *process)
{
    int64_t pause_ms = RESTART_FIRST_MS / 2; /* doubled before the first */
    bool runs = true;
    int64_t started_ms = now_ms();
    while (!runs || wait_for_end(server, process)) {
        pause_ms = next_pause(pause_ms, now_ms() - started_ms);
        if (stop_asked(server, pause_ms)) {
            return;
        }
        started_ms = now_ms();
        runs = process_start(process, server->folder, NULL) == STATUS_OK;
        (void)atomic_fetch_add(&server->restarts, 1);
    }
    process_end(process, STOP_WITHIN_MS);
}

static void *supervise(void *argument)
{
    struct redis_server *server = argument;
    struct process process;
    struct error *err = &server->failure;
    enum status status = process_start(&process, server->folder, err);
    if (status == STATUS_OK) {
        status = wait_until_ready(server, &process, err);
        if (status != STATUS_OK && process.pidfd >= 0) {
            process_end(&process, STOP_WITHIN_MS);
        }
    }
    if (status != STATUS_OK) {
        tell(server, STATE_FAILED);
        return NULL;
    }
    tell(server, STATE_RUNNING);
    keep_running(server, &process);
    return NULL;
}

/* ---- the caller's side ---- */

static enum status start_error(struct error *err, const char *folder,
                               const char *what, const char *advice)
{
    return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                     "cannot keep Redis in %.200s: %s: %s", folder, what,
                     advice);
}

static enum status open_folder(struct redis_server *server, const char *folder,
                               struct error *err)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return start_error(err, folder, strerror(errno),
                           "check the owner and permissions of what is above");
    }
    server->folder = realpath(folder, NULL);
    if (server->folder == NULL) {
        return start_error(err, folder, strerror(errno),
                           "check its owner and permissions");
    }
    int length = snprintf(server->address, sizeof server->address, "unix:%s/%s",
                          server->folder, PROCESS_SOCKET);
    if (length < 0 || (size_t)length >= sizeof "unix:" - 1 + REDIS_PATH_SIZE) {
        return start_error(err, folder, "its path is too long for a socket",
                           "choose a data folder with a path of at most "
                           "90 bytes");
    }
    return STATUS_OK;
}

/* One service a folder: the lock goes with the process, however it ends. */
static enum status lock_folder(struct redis_server *server, struct error *err)
{
    char path[REDIS_PATH_SIZE + sizeof "lock"];
    (void)snprintf(path, sizeof path, "%s/lock", server->folder);
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (server->lock_fd < 0) {
        return start_error(err, server->folder, strerror(errno),
                           "check its owner and permissions");
    }
    int64_t deadline_ms = now_ms() + LOCK_WITHIN_MS;
    while (flock(server->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (now_ms() > deadline_ms) {
            return start_error(err, server->folder,
                               "another service uses this data folder",
                               "end that one, or choose another folder");
        }
        (void)poll(NULL, 0, LOOK_EVERY_MS);
    }
    return STATUS_OK;
}

static enum status start_supervisor(struct redis_server *server,
                                    struct error *err)
{
    server->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (server->stop_fd < 0) {
        return start_error(err, server->folder, strerror(errno),
                           "raise the limit of open files");
    }
    /* signals are the service's own threads' to take */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int bad = pthread_create(&server->supervisor, NULL, supervise, server);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (bad != 0) {
        return start_error(err, server->folder, strerror(bad),
                           "raise the limit of threads");
    }
    server->supervised = true;
    (void)pthread_mutex_lock(&server->mutex);
    while (server->state == STATE_STARTING) {
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    }
    enum state state = server->state;
    (void)pthread_mutex_unlock(&server->mutex);
    return state == STATE_RUNNING
               ? STATUS_OK
               : error_set(err, STATUS_UNAVAILABLE, server->failure.code, "%s",
                           server->failure.text);
}

enum status redis_server_start(struct redis_server **out, const char *folder,
                               struct error *err)
{
    struct redis_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to start Redis");
    }
    server->lock_fd = -1;
    server->stop_fd = -1;
    (void)pthread_mutex_init(&server->mutex, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    enum status status = open_folder(server, folder, err);
    if (status == STATUS_OK) {
        status = lock_folder(server, err);
    }
    if (status == STATUS_OK) {
        status = process_end_leftover(server->address + sizeof "unix:" - 1,
                                      STOP_WITHIN_MS, err);
    }
    if (status == STATUS_OK) {
        status = start_supervisor(server, err);
    }
    if (status != STATUS_OK) {
        redis_server_stop(server);
        return status;
    }
    *out = server;
    return STATUS_OK;
}

const char *redis_server_address(const struct redis_server *server)
{
    return server->address;
}

unsigned redis_server_restarts(const struct redis_server *server)
{
    return atomic_load(&server->restarts);
}

void redis_server_stop(struct redis_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->supervised) {
        int bad = eventfd_write(server->stop_fd, 1);
        assert(bad == 0);
        (void)pthread_join(server->supervisor, NULL);
    }
    if (server->stop_fd >= 0) {
        (void)close(server->stop_fd);
    }
    if (server->lock_fd >= 0) {
        (void)close(server->lock_fd);
    }
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server->folder);
    free(server);
}
