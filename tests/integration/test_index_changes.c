/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries while the index changes under them: takedowns, re-deliveries, merges,
 * mergers that are killed, several processes. A query sees the old or the new,
 * never neither. */
#include "catalog/redis/keys.h"
#include "catalog/releases/index.h"
#include "tests/support/index.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SONGS = 40, ASKERS = 3, GRACE_MS = 300, ROUNDS = 6, KILLS = 8 };

static struct test_redis server;
static struct redis *redis;

static struct index *open_index(bool mirrored, bool merge)
{
    struct index *index = NULL;
    const struct index_options options = {server.address, mirrored, merge,
                                          GRACE_MS};
    assert_int_equal(index_open(&index, &options, NULL), STATUS_OK);
    return index;
}

static void add(uint32_t number, uint32_t song)
{
    struct terms terms = test_song_filed(song);
    assert_int_equal(index_add(redis, number, &terms, NULL), STATUS_OK);
    terms_clear(&terms);
}

static enum status find(struct index_found *found, struct index *index,
                        struct redis *with, uint32_t song, struct error *err)
{
    struct terms terms = test_song_asked(song);
    const struct index_query query = {.terms = &terms};
    enum status status = index_find(index, with, &query, found, err);
    terms_clear(&terms);
    return status;
}

static int setup(void **state)
{
    (void)state;
    test_redis_start(&server);
    redis = test_redis_open(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_close(redis);
    test_redis_stop(&server);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    const struct redis_arg flush = redis_text("FLUSHALL");
    return redis_call(redis, NULL, &flush, 1, NULL) == STATUS_OK ? 0 : -1;
}

/* ---- old or new ---- */

static struct asking {
    struct index *index;
    atomic_bool stop;
    atomic_uint asked;
    atomic_uint neither; /* must stay 0 */
    atomic_uint failed;  /* likewise */
    /* by song: the number that it had for sure when a query began */
    atomic_uint current[SONGS + 1];
} asking;

/* The song's number when the query began or a later one. */
static void *ask_on(void *context)
{
    struct redis *own = context;
    for (uint32_t i = 0; !atomic_load(&asking.stop); i++) {
        uint32_t song = i % SONGS + 1;
        uint32_t least = atomic_load(&asking.current[song]);
        struct index_found found;
        struct error err = {0};
        if (find(&found, asking.index, own, song, &err) != STATUS_OK) {
            print_message("%s: %s\n", err.code, err.text);
            atomic_fetch_add(&asking.failed, 1);
            continue;
        }
        bool seen = false;
        for (size_t j = 0; j < found.count; j++) {
            seen = seen || (found.candidates[j].term_count > 4 &&
                            found.candidates[j].number >= least);
        }
        atomic_fetch_add(&asking.neither, !seen);
        atomic_fetch_add(&asking.asked, 1);
    }
    return NULL;
}

static void old_or_new_never_neither(bool mirrored)
{
    pthread_t askers[ASKERS];
    struct redis *handles[ASKERS];
    struct index *merger = open_index(false, false);
    uint32_t number = 0;
    memset(&asking, 0, sizeof asking);
    asking.index = open_index(mirrored, false);
    for (uint32_t song = 1; song <= SONGS; song++) {
        add(++number, song);
        atomic_store(&asking.current[song], number);
    }
    for (int i = 0; i < ASKERS; i++) {
        handles[i] = test_redis_open(&server);
        assert_int_equal(pthread_create(&askers[i], NULL, ask_on, handles[i]),
                         0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t song = 1; song <= SONGS; song++) {
            uint32_t old = atomic_load(&asking.current[song]);
            add(++number, song);
            assert_int_equal(index_remove(redis, old, NULL), STATUS_OK);
            atomic_store(&asking.current[song], number);
            if (song == SONGS / 2) {
                assert_int_equal(index_merge(merger, redis, NULL), STATUS_OK);
            }
        }
        assert_int_equal(index_merge(merger, redis, NULL), STATUS_OK);
    }
    atomic_store(&asking.stop, true);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i], NULL), 0);
        redis_close(handles[i]);
    }
    index_close(asking.index);
    index_close(merger);
    assert_int_equal(atomic_load(&asking.neither), 0);
    assert_int_equal(atomic_load(&asking.failed), 0);
    assert_true(atomic_load(&asking.asked) > SONGS);
}

static void old_or_new_never_neither_remote(void **state)
{
    (void)state;
    old_or_new_never_neither(false);
}

static void old_or_new_never_neither_mirrored(void **state)
{
    (void)state;
    old_or_new_never_neither(true);
}

/* ---- processes ---- */

static void assert_all_are_there(struct index *index, uint32_t first,
                                 uint32_t last)
{
    for (uint32_t i = first; i <= last; i++) {
        struct index_found found;
        struct error err = {0};
        if (find(&found, index, redis, i, &err) != STATUS_OK) {
            fail_msg("%s: %s", err.code, err.text);
        }
        assert_true(found.count >= 1);
        assert_int_equal(found.candidates[0].number, i);
    }
}

/* Takes the lease whenever it is free, and merges until it is killed. */
static _Noreturn void merge_for_ever(void)
{
    struct redis *own = NULL;
    struct index *index = NULL;
    const struct index_options options = {.address = server.address,
                                          .grace_ms = GRACE_MS};
    if (redis_open(&own, server.address, NULL) != STATUS_OK ||
        index_open(&index, &options, NULL) != STATUS_OK) {
        _exit(1);
    }
    for (;;) {
        enum status status = index_merge(index, own, NULL);
        (void)status;
    }
}

static void merge_when_free(struct index *index)
{
    struct error err = {0};
    enum status status = STATUS_CONFLICT;
    for (int i = 0; i < 100 && status == STATUS_CONFLICT; i++) {
        status = index_merge(index, redis, &err);
        if (status == STATUS_CONFLICT) {
            test_sleep_ms(GRACE_MS / 4); /* the dead one's lease */
        }
    }
    if (status != STATUS_OK) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

static void killed_merger_loses_nothing(void **state)
{
    (void)state;
    struct index *index = open_index(false, false);
    uint32_t number = 0;
    for (int round = 0; round < KILLS; round++) {
        int status = 0;
        for (int i = 0; i < 20; i++) {
            number++;
            add(number, number);
        }
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            merge_for_ever();
        }
        test_sleep_ms(40 + 37 * round); /* somewhere in a merge */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_all_are_there(index, 1, number);
    }
    merge_when_free(index);
    assert_all_are_there(index, 1, number);
    index_close(index);
    index = open_index(true, false);
    assert_all_are_there(index, 1, number);
    index_close(index);
}

/* Two that merge at once: the lease lets one work, and where it does not hold
 * (its time ran out), the versions do. */
static void two_mergers_lose_nothing(void **state)
{
    (void)state;
    struct index *index = open_index(false, false);
    struct key lease = key_index_lease();
    const struct redis_arg end[] = {redis_text("DEL"), redis_text(lease.text)};
    uint32_t number = 0;
    int status = 0;
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            merge_for_ever();
        }
    }
    for (int i = 0; i < 150; i++) {
        number++;
        add(number, number);
        assert_int_equal(redis_call(redis, NULL, end, 2, NULL), STATUS_OK);
        assert_all_are_there(index, number > 10 ? number - 10 : 1, number);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kill(children[i], SIGKILL), 0);
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    }
    assert_all_are_there(index, 1, number);
    merge_when_free(index);
    index_close(index);
    index = open_index(false, false);
    assert_all_are_there(index, 1, number);
    index_close(index);
}

/* What another process files is seen by a query that begins later. */
static void processes_see_each_other(void **state)
{
    (void)state;
    struct index *index = open_index(false, false);
    struct index_found found;
    for (uint32_t i = 1; i <= 10; i++) {
        int status = 0;
        assert_int_equal(find(&found, index, redis, i, NULL), STATUS_OK);
        assert_int_equal(found.count, 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct redis *own = NULL;
            struct terms terms = test_song_filed(i);
            bool bad = redis_open(&own, server.address, NULL) != STATUS_OK ||
                       index_add(own, i, &terms, NULL) != STATUS_OK;
            _exit(bad);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(find(&found, index, redis, i, NULL), STATUS_OK);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.candidates[0].number, i);
    }
    index_close(index);
}

/* A process that was stopped while others merged, and cut the log, asks anew
 * which segments there are. */
static void a_process_that_slept_finds_all(void **state)
{
    (void)state;
    struct index *merger = open_index(false, false);
    int orders[2];
    int answers[2];
    char byte = 0;
    int status = 0;
    add(1, 1);
    assert_int_equal(pipe(orders), 0);
    assert_int_equal(pipe(answers), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct redis *own = test_redis_open(&server);
        struct index *index = open_index(false, false);
        struct index_found found;
        bool good = find(&found, index, own, 1, NULL) == STATUS_OK;
        if (write(answers[1], "r", 1) != 1 || read(orders[0], &byte, 1) != 1) {
            _exit(1);
        }
        for (uint32_t i = 1; i <= 20; i++) {
            good = good && find(&found, index, own, i, NULL) == STATUS_OK &&
                   found.count == 1 && found.candidates[0].number == i;
        }
        _exit(good ? 0 : 1);
    }
    assert_int_equal(read(answers[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGSTOP), 0);
    for (uint32_t i = 2; i <= 20; i++) {
        add(i, i);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(index_merge(merger, redis, NULL), STATUS_OK);
        test_sleep_ms(3L * GRACE_MS); /* its thread cuts the log */
    }
    assert_int_equal(write(orders[1], "g", 1), 1);
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    index_close(merger);
    for (int i = 0; i < 2; i++) {
        (void)close(orders[i]);
        (void)close(answers[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
    const struct CMUnitTest tests[] = {
        TEST(old_or_new_never_neither_remote),
        TEST(old_or_new_never_neither_mirrored),
        TEST(killed_merger_loses_nothing),
        TEST(two_mergers_lose_nothing),
        TEST(processes_see_each_other),
        TEST(a_process_that_slept_finds_all),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
