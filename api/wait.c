/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/wait.h"

#include "catalog/redis/keys.h"
#include "catalog/redis/redis.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* Accounts share generations and lists by hash; a shared one only wakes a
     * request that looks once more in vain. */
    SLOT_COUNT = 1024,
    /* How long the listener stays deaf to wait_stop(). */
    LISTEN_MS = 250,
    /* Long enough for SUBSCRIBE; then messages are sure to come. */
    SUBSCRIBE_MS = 1,
    /* Between tries to reach a Redis that is gone. */
    RETRY_MS = 200,
};

struct slot {
    uint64_t generation;
    struct waiter *waiters;
};

struct wait {
    pthread_mutex_t mutex;
    pthread_cond_t sooner; /* the next moment changed, or stopping */
    struct slot slots[SLOT_COUNT];
    int64_t next_ms; /* the earliest moment; INT64_MAX: nobody waits */
    bool stopping;
    bool stopped;
    atomic_bool deaf; /* ends the listener */
    struct redis *redis;
    pthread_t listener;
    pthread_t clock;
};

static int64_t now_ms(void)
{
    struct timespec now;
    int bad = clock_gettime(CLOCK_REALTIME, &now);
    assert(bad == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* FNV-1a: ids are random, so any hash spreads them. */
static size_t slot_of(const char *account_id)
{
    uint32_t hash = 2166136261U;
    for (const char *at = account_id; *at != '\0'; at++) {
        hash = (hash ^ (uint32_t)(unsigned char)*at) * 16777619U;
    }
    return hash % SLOT_COUNT;
}

/* Wakes a list that nobody else sees any more. A waiter is the caller's again
 * the moment it is woken, so its link is read before. */
static void wake_list(struct waiter *list, bool expired)
{
    while (list != NULL) {
        struct waiter *next = list->next;
        list->wake(list, expired);
        list = next;
    }
}

/* ---- changes ---- */

static void changed(struct wait *wait, size_t slot)
{
    (void)pthread_mutex_lock(&wait->mutex);
    wait->slots[slot].generation++;
    struct waiter *list = wait->slots[slot].waiters;
    wait->slots[slot].waiters = NULL;
    (void)pthread_mutex_unlock(&wait->mutex);
    wake_list(list, false);
}

static void changed_all(struct wait *wait)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        changed(wait, i);
    }
}

static void handle_message(struct wait *wait, const struct redis_reply *message)
{
    char account_id[ID_SIZE];
    if (redis_reply_copy(account_id, sizeof account_id, message)) {
        changed(wait, slot_of(account_id));
    }
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

static void *listener_main(void *context)
{
    struct wait *wait = context;
    bool subscribed = false;
    while (!atomic_load(&wait->deaf)) {
        struct redis_reply *message = NULL;
        struct error ignored; /* requests meet the same Redis and report it */
        enum status status = redis_listen(wait->redis, key_changed_channel(),
                                          subscribed ? LISTEN_MS : SUBSCRIBE_MS,
                                          &message, &ignored);
        if ((status == STATUS_OK) != subscribed) {
            subscribed = status == STATUS_OK;
            changed_all(wait);
        }
        if (message != NULL) {
            handle_message(wait, message);
            redis_reply_free(message);
        }
        if (status != STATUS_OK) {
            pause_ms(RETRY_MS);
        }
    }
    return NULL;
}

/* ---- moments ---- */

/* Takes out whoever's moment has come and finds the next moment. */
static struct waiter *take_expired(struct wait *wait, int64_t now)
{
    struct waiter *expired = NULL;
    wait->next_ms = INT64_MAX;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct waiter **link = &wait->slots[i].waiters;
        while (*link != NULL) {
            struct waiter *waiter = *link;
            if (wait->stopping || waiter->until_ms <= now) {
                *link = waiter->next;
                waiter->next = expired;
                expired = waiter;
            } else {
                if (waiter->until_ms < wait->next_ms) {
                    wait->next_ms = waiter->until_ms;
                }
                link = &waiter->next;
            }
        }
    }
    return expired;
}

static void sleep_until(struct wait *wait, int64_t until_ms)
{
    if (until_ms == INT64_MAX) {
        (void)pthread_cond_wait(&wait->sooner, &wait->mutex);
        return;
    }
    struct timespec time = {.tv_sec = until_ms / 1000,
                            .tv_nsec = (until_ms % 1000) * 1000000};
    (void)pthread_cond_timedwait(&wait->sooner, &wait->mutex, &time);
}

static void *clock_main(void *context)
{
    struct wait *wait = context;
    (void)pthread_mutex_lock(&wait->mutex);
    while (!wait->stopping) {
        struct waiter *expired = take_expired(wait, now_ms());
        if (expired != NULL) {
            (void)pthread_mutex_unlock(&wait->mutex);
            wake_list(expired, true);
            (void)pthread_mutex_lock(&wait->mutex);
        } else {
            sleep_until(wait, wait->next_ms);
        }
    }
    (void)pthread_mutex_unlock(&wait->mutex);
    return NULL;
}

/* ---- outside ---- */

static enum status start_threads(struct wait *wait, struct error *err)
{
    if (pthread_create(&wait->listener, NULL, listener_main, wait) != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start the thread that listens to Redis: "
                         "allow more threads");
    }
    if (pthread_create(&wait->clock, NULL, clock_main, wait) != 0) {
        atomic_store(&wait->deaf, true);
        (void)pthread_join(wait->listener, NULL);
        return error_set(err, STATUS_UNAVAILABLE, "no_thread",
                         "cannot start the thread of waiting requests: allow "
                         "more threads");
    }
    return STATUS_OK;
}

enum status wait_open(struct wait **out, const char *redis_address,
                      struct error *err)
{
    *out = NULL;
    struct wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate the list of waiting requests");
    }
    (void)pthread_mutex_init(&wait->mutex, NULL);
    (void)pthread_cond_init(&wait->sooner, NULL);
    wait->next_ms = INT64_MAX;
    enum status status = redis_open(&wait->redis, redis_address, err);
    if (status == STATUS_OK) {
        status = start_threads(wait, err);
    }
    if (status != STATUS_OK) {
        wait->stopped = true;
        wait_close(wait);
        return status;
    }
    *out = wait;
    return STATUS_OK;
}

uint64_t wait_generation(struct wait *wait, const char *account_id)
{
    (void)pthread_mutex_lock(&wait->mutex);
    uint64_t generation = wait->slots[slot_of(account_id)].generation;
    (void)pthread_mutex_unlock(&wait->mutex);
    return generation;
}

void wait_add(struct wait *wait, struct waiter *waiter, uint64_t seen)
{
    (void)pthread_mutex_lock(&wait->mutex);
    struct slot *slot = &wait->slots[slot_of(waiter->account_id)];
    bool stopping = wait->stopping;
    bool wake = stopping || slot->generation != seen;
    if (!wake) {
        waiter->next = slot->waiters;
        slot->waiters = waiter;
        if (waiter->until_ms < wait->next_ms) {
            wait->next_ms = waiter->until_ms;
            (void)pthread_cond_signal(&wait->sooner);
        }
    }
    (void)pthread_mutex_unlock(&wait->mutex);
    if (wake) {
        waiter->wake(waiter, stopping);
    }
}

void wait_stop(struct wait *wait)
{
    if (wait->stopped) {
        return;
    }
    wait->stopped = true;
    atomic_store(&wait->deaf, true);
    (void)pthread_mutex_lock(&wait->mutex);
    wait->stopping = true;
    struct waiter *everybody = take_expired(wait, 0);
    (void)pthread_cond_signal(&wait->sooner);
    (void)pthread_mutex_unlock(&wait->mutex);
    wake_list(everybody, true);
    (void)pthread_join(wait->listener, NULL);
    (void)pthread_join(wait->clock, NULL);
}

void wait_close(struct wait *wait)
{
    if (wait == NULL) {
        return;
    }
    wait_stop(wait);
    redis_close(wait->redis);
    (void)pthread_cond_destroy(&wait->sooner);
    (void)pthread_mutex_destroy(&wait->mutex);
    free(wait);
}
