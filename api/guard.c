/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/guard.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SWEEP_MS = 1000,
    /* As nginx and others allow; a phone on a bad network needs a few. */
    HEAD_MS = 10 * 1000,
    FRESH_MS = 15 * 1000,
    /* Above the idle time-out of 60 s, which normally comes first. */
    KEPT_MS = 75 * 1000,
    BODY_WINDOW_MS = 30 * 1000,
    BODY_BYTES_PER_S = 16 * 1024,
    LINGER_MAX = 256,
    LINGER_MS = 5 * 1000,
    LINGER_BYTES = 16 * 1024 * 1024,
    DRAIN_BYTES = 64 * 1024,
};

enum place { PLACE_FRESH, PLACE_KEPT, PLACE_HEAD, PLACE_BODY, PLACE_BUSY };

struct guarded {
    int fd;
    struct guarded *next;
    struct guarded *previous;
    /* Written by the loop, read by the sweep. */
    _Atomic int place;
    _Atomic int64_t since_ms;
    _Atomic uint64_t body_bytes; /* of all bodies so far */
    /* The sweep's: where the window of the body's speed began. */
    int64_t window_ms;
    uint64_t window_bytes;
};

struct lingering {
    int fd;
    int64_t until_ms;
    size_t bytes_left;
};

struct guard {
    pthread_mutex_t mutex; /* of the two lists */
    struct guarded *connections;
    struct lingering lingering[LINGER_MAX];
    size_t lingering_count;
    bool stopping;
    int wake; /* eventfd: something lingers, or stopping */
    pthread_t thread;
    char drain[DRAIN_BYTES]; /* the thread's: bytes nobody wants */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    int bad = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(bad == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the sweep ---- */

static bool body_too_slow(struct guarded *guarded, int64_t now)
{
    int64_t since = atomic_load(&guarded->since_ms);
    uint64_t bytes = atomic_load(&guarded->body_bytes);
    if (guarded->window_ms < since) { /* another body */
        guarded->window_ms = since;
        guarded->window_bytes = bytes;
    }
    if (now - guarded->window_ms < BODY_WINDOW_MS) {
        return false;
    }
    uint64_t wanted =
        (uint64_t)(now - guarded->window_ms) / 1000 * BODY_BYTES_PER_S;
    bool slow = bytes - guarded->window_bytes < wanted;
    guarded->window_ms = now;
    guarded->window_bytes = bytes;
    return slow;
}

/* Has the client closed in the middle of its body? libmicrohttpd 0.9.75 does
 * not notice when the end came together with the last bytes: a short read
 * makes it wait for an epoll edge that has been (measured: until its idle
 * time-out). */
static bool body_ended(const struct guarded *guarded)
{
    char byte;
    return recv(guarded->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool must_end(struct guarded *guarded, int64_t now)
{
    int64_t age = now - atomic_load(&guarded->since_ms);
    switch ((enum place)atomic_load(&guarded->place)) {
    case PLACE_FRESH:
        return age > FRESH_MS;
    case PLACE_KEPT:
        return age > KEPT_MS;
    case PLACE_HEAD:
        return age > HEAD_MS;
    case PLACE_BODY:
        return body_ended(guarded) || body_too_slow(guarded, now);
    case PLACE_BUSY:
        break;
    }
    return false;
}

/* Its loop sees the end of the stream, closes and removes it; while we hold
 * the mutex it cannot have done so yet, so the descriptor is its own. */
static void sweep(struct guard *guard, int64_t now)
{
    for (struct guarded *at = guard->connections; at != NULL; at = at->next) {
        if (must_end(at, now)) {
            (void)shutdown(at->fd, SHUT_RDWR);
        }
    }
}

/* true: nothing more to wait for. */
static bool drain(struct guard *guard, struct lingering *lingering)
{
    ssize_t got =
        recv(lingering->fd, guard->drain, sizeof guard->drain, MSG_DONTWAIT);
    if (got < 0) {
        return errno != EAGAIN && errno != EINTR;
    }
    bool enough = (size_t)got >= lingering->bytes_left;
    lingering->bytes_left -= enough ? lingering->bytes_left : (size_t)got;
    return got == 0 || enough;
}

static void drain_all(struct guard *guard, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < guard->lingering_count; i++) {
        struct lingering *at = &guard->lingering[i];
        if (guard->stopping || now > at->until_ms || drain(guard, at)) {
            (void)close(at->fd);
        } else {
            guard->lingering[kept++] = *at;
        }
    }
    guard->lingering_count = kept;
}

/* Sleeps until a second passed, a lingering client sent something, or the
 * wake counter moved. */
static void sleep_a_little(struct guard *guard)
{
    struct pollfd polled[LINGER_MAX + 1];
    polled[0] = (struct pollfd){.fd = guard->wake, .events = POLLIN};
    (void)pthread_mutex_lock(&guard->mutex);
    size_t count = guard->lingering_count;
    for (size_t i = 0; i < count; i++) {
        polled[i + 1] =
            (struct pollfd){.fd = guard->lingering[i].fd, .events = POLLIN};
    }
    (void)pthread_mutex_unlock(&guard->mutex);
    (void)poll(polled, count + 1, SWEEP_MS);
    uint64_t counter = 0;
    ssize_t got = read(guard->wake, &counter, sizeof counter);
    (void)got; /* not moved: EAGAIN */
}

static void *guard_main(void *context)
{
    struct guard *guard = context;
    int64_t swept_ms = monotonic_ms();
    bool stopping = false;
    while (!stopping) {
        sleep_a_little(guard);
        int64_t now = monotonic_ms();
        (void)pthread_mutex_lock(&guard->mutex);
        if (now - swept_ms >= SWEEP_MS) {
            sweep(guard, now);
            swept_ms = now;
        }
        drain_all(guard, now);
        stopping = guard->stopping;
        (void)pthread_mutex_unlock(&guard->mutex);
    }
    return NULL;
}

/* ---- life ---- */

static void wake_thread(struct guard *guard)
{
    uint64_t one = 1;
    ssize_t written = write(guard->wake, &one, sizeof one);
    (void)written; /* a counter that is full wakes as well */
}

enum status guard_open(struct guard **out, struct error *err)
{
    *out = NULL;
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate the guard of connections");
    }
    (void)pthread_mutex_init(&guard->mutex, NULL);
    guard->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (guard->wake < 0 ||
        pthread_create(&guard->thread, NULL, guard_main, guard) != 0) {
        if (guard->wake >= 0) {
            (void)close(guard->wake);
        }
        free(guard);
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start the guard of connections: allow more "
                         "threads and open files");
    }
    *out = guard;
    return STATUS_OK;
}

void guard_close(struct guard *guard)
{
    if (guard == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&guard->mutex);
    guard->stopping = true;
    assert(guard->connections == NULL);
    (void)pthread_mutex_unlock(&guard->mutex);
    wake_thread(guard);
    (void)pthread_join(guard->thread, NULL);
    (void)close(guard->wake);
    (void)pthread_mutex_destroy(&guard->mutex);
    free(guard);
}

/* ---- connections ---- */

static void set_place(struct guarded *guarded, enum place place)
{
    if (guarded != NULL) {
        atomic_store(&guarded->since_ms, monotonic_ms());
        atomic_store(&guarded->place, (int)place);
    }
}

struct guarded *guard_add(struct guard *guard, int fd)
{
    struct guarded *guarded = calloc(1, sizeof *guarded);
    if (guarded == NULL) {
        return NULL;
    }
    guarded->fd = fd;
    set_place(guarded, PLACE_FRESH);
    (void)pthread_mutex_lock(&guard->mutex);
    guarded->next = guard->connections;
    if (guarded->next != NULL) {
        guarded->next->previous = guarded;
    }
    guard->connections = guarded;
    (void)pthread_mutex_unlock(&guard->mutex);
    return guarded;
}

void guard_remove(struct guard *guard, struct guarded *guarded)
{
    if (guarded == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&guard->mutex);
    if (guarded->previous != NULL) {
        guarded->previous->next = guarded->next;
    } else {
        guard->connections = guarded->next;
    }
    if (guarded->next != NULL) {
        guarded->next->previous = guarded->previous;
    }
    (void)pthread_mutex_unlock(&guard->mutex);
    free(guarded);
}

void guard_head(struct guarded *guarded)
{
    set_place(guarded, PLACE_HEAD);
}

void guard_body(struct guarded *guarded)
{
    set_place(guarded, PLACE_BODY);
}

void guard_bytes(struct guarded *guarded, size_t length)
{
    if (guarded != NULL) {
        (void)atomic_fetch_add(&guarded->body_bytes, length);
    }
}

void guard_busy(struct guarded *guarded)
{
    set_place(guarded, PLACE_BUSY);
}

void guard_idle(struct guarded *guarded)
{
    set_place(guarded, PLACE_KEPT);
}

void guard_linger(struct guard *guard, struct guarded *guarded)
{
    if (guarded == NULL) {
        return;
    }
    int fd = fcntl(guarded->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        return;
    }
    (void)pthread_mutex_lock(&guard->mutex);
    bool room = !guard->stopping && guard->lingering_count < LINGER_MAX;
    if (room) {
        guard->lingering[guard->lingering_count++] =
            (struct lingering){.fd = fd,
                               .until_ms = monotonic_ms() + LINGER_MS,
                               .bytes_left = LINGER_BYTES};
    }
    (void)pthread_mutex_unlock(&guard->mutex);
    if (room) {
        wake_thread(guard);
    } else {
        (void)close(fd);
    }
}
