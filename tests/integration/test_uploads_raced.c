/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct test_library library;
static char account[ID_SIZE]; /* a new one for every test */

static int setup(void **state)
{
    (void)state;
    test_library_start(&library);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_library_stop(&library);
    return 0;
}

static int new_account(void **state)
{
    (void)state;
    test_account_next(&library, account);
    return 0;
}

struct racer {
    pthread_t thread;
    char upload_id[ID_SIZE];
    struct entry entry;
    struct upload done;
    enum status status;
};
static pthread_barrier_t barrier;

static void *race_to_finish(void *argument)
{
    struct racer *racer = argument;
    struct redis *redis = test_redis_open(&library.server);
    const struct upload_outcome outcome = test_outcome(&racer->entry);
    (void)pthread_barrier_wait(&barrier);
    racer->status = upload_finish(redis, account, racer->upload_id, &outcome,
                                  &racer->done, NULL);
    redis_close(redis);
    return NULL;
}

static void race(struct racer racers[2])
{
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            pthread_create(&racers[i].thread, NULL, race_to_finish, &racers[i]),
            0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        assert_int_equal(racers[i].status, STATUS_OK);
    }
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

enum { RACES = 50 };

static void of_two_workers_with_one_upload_one_decides(void **state)
{
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct racer racers[2];
        char content[32];
        test_upload_make(&library, account, 1000, racers[0].upload_id);
        memcpy(racers[1].upload_id, racers[0].upload_id, ID_SIZE);
        for (int j = 0; j < 2; j++) {
            (void)snprintf(content, sizeof content, "race %d %d", i, j);
            racers[j].entry = test_entry(ENTRY_UPLOADED, "", content);
        }
        race(racers);
        assert_string_equal(racers[0].done.track_id, racers[1].done.track_id);
        assert_int_equal(racers[0].done.status, UPLOAD_UPLOADED);
    }
    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, RACES);
    assert_int_equal(now.used_bytes, RACES * 1000);
    assert_int_equal(now.version, RACES);
}

static void of_two_uploads_of_one_recording_one_is_a_duplicate(void **state)
{
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct racer racers[2];
        char recording[32];
        char content[32];
        (void)snprintf(recording, sizeof recording, "rec_%d", i);
        for (int j = 0; j < 2; j++) {
            (void)snprintf(content, sizeof content, "rip %d %d", i, j);
            racers[j].entry = test_entry(ENTRY_MATCHED, recording, content);
            test_upload_make(&library, account, 1000, racers[j].upload_id);
        }
        race(racers);
        int first = racers[0].done.status == UPLOAD_MATCHED ? 0 : 1;
        assert_int_equal(racers[first].done.status, UPLOAD_MATCHED);
        assert_int_equal(racers[1 - first].done.status, UPLOAD_DUPLICATE);
        assert_string_equal(racers[1 - first].done.track_id,
                            racers[first].entry.id);
    }
    assert_int_equal(test_account_read(&library, account).track_count, RACES);
}

static void *race_to_create(void *argument)
{
    struct racer *racer = argument;
    struct redis *redis = test_redis_open(&library.server);
    struct upload asked = test_upload(account, 77);
    bool known = false;
    (void)pthread_barrier_wait(&barrier);
    racer->status =
        upload_create(redis, &asked, "raced key", &racer->done, &known, NULL);
    redis_close(redis);
    return NULL;
}

static void of_two_requests_with_one_key_one_makes_an_upload(void **state)
{
    for (int i = 0; i < 10; i++) {
        struct racer racers[2];
        (void)new_account(state);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(pthread_create(&racers[j].thread, NULL,
                                            race_to_create, &racers[j]),
                             0);
        }
        for (int j = 0; j < 2; j++) {
            assert_int_equal(pthread_join(racers[j].thread, NULL), 0);
            assert_int_equal(racers[j].status, STATUS_OK);
        }
        assert_int_equal(pthread_barrier_destroy(&barrier), 0);
        assert_string_equal(racers[0].done.id, racers[1].done.id);
    }
}

/* ---- Redis is killed ---- */

enum { KILLS = 5, SONGS_MAX = 100000, RETRIES_MAX = 1000 };

struct adding {
    atomic_bool stop;
    int acknowledged; /* songs 0 … acknowledged - 1 were */
    int unsure;       /* calls whose outcome was unknown */
};

static void song(int number, struct entry *entry, struct upload *upload)
{
    char content[32];
    (void)snprintf(content, sizeof content, "killed %d", number);
    *entry = test_entry(ENTRY_UPLOADED, "", content);
    entry->size_bytes = 1;
    *upload = test_upload(account, 1);
}

/* Repeats a call until its outcome is known, as clients do. */
#define UNTIL_KNOWN(adding, call)                                              \
    for (int tries = 0; (call) != STATUS_OK; tries++) {                        \
        const struct timespec pause = {.tv_nsec = 10000000};                   \
        if (tries == RETRIES_MAX) {                                            \
            abort();                                                           \
        }                                                                      \
        (adding)->unsure++;                                                    \
        (void)nanosleep(&pause, NULL);                                         \
    }

static void *add_songs(void *argument)
{
    struct adding *adding = argument;
    struct redis *redis = test_redis_open(&library.server);
    while (!adding->stop && adding->acknowledged < SONGS_MAX) {
        struct entry entry;
        struct upload upload;
        struct upload done;
        bool known = false;
        char key[32];
        song(adding->acknowledged, &entry, &upload);
        (void)snprintf(key, sizeof key, "song %d", adding->acknowledged);
        const struct upload_outcome outcome = test_outcome(&entry);
        UNTIL_KNOWN(adding,
                    upload_create(redis, &upload, key, &upload, &known, NULL))
        UNTIL_KNOWN(adding, upload_finish(redis, account, upload.id, &outcome,
                                          &done, NULL))
        if (done.status != UPLOAD_UPLOADED) {
            abort();
        }
        adding->acknowledged++;
    }
    redis_close(redis);
    return NULL;
}

static void wait_ms(long ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void kill_9_of_redis_loses_nothing_and_doubles_nothing(void **state)
{
    (void)state;
    struct adding adding = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_songs, &adding), 0);
    for (int i = 0; i < KILLS; i++) {
        wait_ms(100 + 37 * i);
        test_redis_kill(&library.server);
        test_redis_restart(&library.server);
    }
    adding.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(adding.unsure > 0);
    assert_true(adding.acknowledged > KILLS);

    struct account now = test_account_read(&library, account);
    assert_int_equal(now.track_count, adding.acknowledged);
    assert_int_equal(now.used_bytes, adding.acknowledged);
    assert_int_equal(now.version, adding.acknowledged);
    for (int i = 0; i < adding.acknowledged; i++) {
        struct entry entry;
        struct upload unused;
        char track_id[ID_SIZE];
        song(i, &entry, &unused);
        assert_int_equal(upload_find_content(library.redis, account,
                                             entry.content_id, track_id, NULL),
                         STATUS_OK);
        assert_int_equal(
            library_entry(library.redis, account, track_id, &entry, NULL),
            STATUS_OK);
    }
}

#define FRESH(name) cmocka_unit_test_setup(name, new_account)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(of_two_workers_with_one_upload_one_decides),
        FRESH(of_two_uploads_of_one_recording_one_is_a_duplicate),
        FRESH(of_two_requests_with_one_key_one_makes_an_upload),
        FRESH(kill_9_of_redis_loses_nothing_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
