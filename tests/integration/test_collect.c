/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what nobody owns goes, in its time, and what somebody owns never does,
 * at whatever moment writers, subscribers, a second collector or a crash come
 * between. */
#include "catalog/library/library.h"
#include "catalog/redis/keys.h"
#include "tests/support/pattern.h"
#include "tests/support/upkeep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SONG_BYTES = 300000, SHORT_BYTES = 40000 };

static struct test_upkeep upkeep;
static uint8_t song[SONG_BYTES];
static uint8_t other[SHORT_BYTES];

static int set_up(void **state)
{
    (void)state;
    test_upkeep_start(&upkeep);
    pattern_fill(song, sizeof song, 1);
    pattern_fill(other, sizeof other, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_upkeep_stop(&upkeep);
    return 0;
}

static const char *owner(void)
{
    return upkeep.library.account;
}

static struct redis *redis(void)
{
    return upkeep.library.redis;
}

static struct collect_options at_once(void)
{
    struct collect_options options = collect_defaults(UPKEEP_REGION);
    options.grace_ms = 0;
    options.trash_ms = 0;
    return options;
}

/* Pins end by time; here they end now. */
static void end_pins(void)
{
    struct key pins = key_of_upkeep(KEY_PINS, UPKEEP_REGION);
    (void)TEST_ASK(redis(), "DEL", pins.text);
}

static int64_t count_in(enum upkeep_key kind)
{
    struct key key = key_of_upkeep(kind, UPKEEP_REGION);
    struct redis_reply *reply = NULL;
    int64_t count = 0;
    /* HSCAN gives all of a small hash at once. */
    const struct redis_arg args[] = {redis_text("HSCAN"), redis_text(key.text),
                                     redis_text("0"), redis_text("COUNT"),
                                     redis_text("1000")};
    assert_int_equal(redis_call(redis(), &reply, args, 5, NULL), STATUS_OK);
    count = (int64_t)redis_reply_count(redis_reply_at(reply, 1)) / 2;
    redis_reply_free(reply);
    return count;
}

static void remove_track(const char *track)
{
    assert_int_equal(library_remove(redis(), owner(), track, 1, NULL),
                     STATUS_OK);
}

/* ---- without races ---- */

static void what_is_owned_stays(void **state)
{
    (void)state;
    char kept[ID_SIZE];
    char trashed[ID_SIZE];
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", kept);
    test_song_add(&upkeep, owner(), other, SHORT_BYTES, "b", trashed);
    assert_int_equal(library_remove(redis(), owner(), trashed,
                                    (int64_t)time(NULL) * 1000, NULL),
                     STATUS_OK);
    end_pins();
    struct collect_options options = at_once();
    options.trash_ms = INT64_C(30) * 86400000;
    size_t before = test_object_count(&upkeep);
    struct collect_counts counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.removed_count, 0);
    assert_int_equal(counts.track_count, 2);
    assert_int_equal(counts.owned_count, before);
    assert_int_equal(counts.seen_count, before);
    assert_int_equal(test_object_count(&upkeep), before);
    assert_int_equal(library_restore(redis(), owner(), trashed, NULL),
                     STATUS_OK);
    assert_true(
        test_song_is(&upkeep, redis(), owner(), trashed, other, SHORT_BYTES));
    assert_true(
        test_song_is(&upkeep, redis(), owner(), kept, song, SONG_BYTES));
}

static void the_trash_is_emptied_and_its_objects_go(void **state)
{
    (void)state;
    char track[ID_SIZE];
    char others[ID_SIZE];
    char ben[ID_SIZE];
    test_account_next(&upkeep.library, ben);
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", track);
    test_song_add(&upkeep, ben, song, SONG_BYTES, "a", others);
    size_t shared = test_object_count(&upkeep);
    remove_track(track);
    end_pins();
    struct collect_options options = at_once();
    /* Equal audio is stored once, and ben's is equal. */
    struct collect_counts counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.purged_tracks, 1);
    assert_int_equal(counts.removed_count, 0);
    assert_int_equal(library_restore(redis(), owner(), track, NULL),
                     STATUS_NOT_FOUND);
    assert_true(test_song_is(&upkeep, redis(), ben, others, song, SONG_BYTES));
    struct key manifest = key_of_account(KEY_MANIFEST, owner(), track);
    assert_int_equal(TEST_ASK(redis(), "EXISTS", manifest.text), 0);

    assert_int_equal(library_remove(redis(), ben, others, 1, NULL), STATUS_OK);
    counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.purged_tracks, 1);
    assert_int_equal(counts.removed_count, shared);
    assert_true(counts.removed_bytes > SONG_BYTES);
    assert_int_equal(test_object_count(&upkeep), 0);
    assert_int_equal(count_in(KEY_CONDEMNED), 0);
    assert_int_equal(count_in(KEY_DELETING), 0);
}

static void a_dry_run_counts_and_does_nothing(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct test_song orphan;
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", track);
    remove_track(track);
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), other,
                                   SHORT_BYTES, "b", &orphan, NULL),
                     STATUS_OK);
    end_pins();
    size_t before = test_object_count(&upkeep);
    struct collect_options options = at_once();
    options.dry_run = true;
    struct collect_counts counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.purged_tracks, 1);
    assert_int_equal(counts.removed_count, 1);
    assert_int_equal(test_object_count(&upkeep), before);
    assert_int_equal(count_in(KEY_CONDEMNED), 0);
    assert_int_equal(library_restore(redis(), owner(), track, NULL), STATUS_OK);
    int64_t last_ms = -1;
    assert_int_equal(collect_last(redis(), UPKEEP_REGION, &last_ms, NULL),
                     STATUS_OK);
    assert_int_equal(last_ms, 0);
    test_song_clear(&orphan);
}

static void what_nobody_owns_has_its_grace(void **state)
{
    (void)state;
    struct test_song orphan;
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), other,
                                   SHORT_BYTES, "b", &orphan, NULL),
                     STATUS_OK);
    struct collect_options options = at_once();
    options.grace_ms = 400;
    struct collect_counts counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.pinned_count, 1);
    assert_int_equal(count_in(KEY_CONDEMNED), 0);
    end_pins();
    for (int i = 0; i < 2; i++) {
        counts = test_collect(&upkeep, &options);
        assert_int_equal(counts.condemned_count, 1);
        assert_int_equal(counts.removed_count, 0);
    }
    (void)usleep(450 * 1000);
    counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.removed_count, 1);
    assert_int_equal(test_object_count(&upkeep), 0);
    test_song_clear(&orphan);
}

static void a_writer_takes_the_tombstone_away(void **state)
{
    (void)state;
    struct test_song late;
    struct collect_options options = at_once();
    options.grace_ms = 86400000;
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), other,
                                   SHORT_BYTES, "b", &late, NULL),
                     STATUS_OK);
    end_pins();
    test_song_clear(&late);
    (void)test_collect(&upkeep, &options);
    assert_int_equal(count_in(KEY_CONDEMNED), 1);
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), other,
                                   SHORT_BYTES, "b", &late, NULL),
                     STATUS_OK);
    assert_int_equal(count_in(KEY_CONDEMNED), 0);
    test_song_clear(&late);
}

static void one_manifest_that_cannot_be_read_stops_it(void **state)
{
    (void)state;
    char track[ID_SIZE];
    struct test_song orphan;
    static const struct collect_watch unwatched;
    struct collect_options options = at_once();
    struct collect_counts counts;
    struct error err;
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", track);
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), other,
                                   SHORT_BYTES, "b", &orphan, NULL),
                     STATUS_OK);
    test_song_clear(&orphan);
    end_pins();
    size_t before = test_object_count(&upkeep);
    struct key manifest = key_of_account(KEY_MANIFEST, owner(), track);
    static const char *const damages[] = {"SET", "DEL"};
    for (size_t i = 0; i < 2; i++) {
        const struct redis_arg args[] = {redis_text(damages[i]),
                                         redis_text(manifest.text),
                                         redis_text("no manifest")};
        assert_int_equal(redis_call(redis(), NULL, args, i == 0 ? 3 : 2, NULL),
                         STATUS_OK);
        assert_int_equal(collect(&counts, redis(), upkeep.library.keyring,
                                 upkeep.store, &options, &unwatched, &err),
                         STATUS_CORRUPT);
        assert_string_equal(err.code, "manifest_unreadable");
        assert_non_null(strstr(err.text, track));
        assert_non_null(strstr(err.text, owner()));
        assert_int_equal(test_object_count(&upkeep), before);
    }
}

static void an_account_whose_key_is_damaged_stops_it(void **state)
{
    (void)state;
    char track[ID_SIZE];
    static const struct collect_watch unwatched;
    struct collect_options options = at_once();
    struct collect_counts counts;
    struct error err;
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", track);
    struct key account = key_of_account(KEY_ACCOUNT, owner(), "");
    (void)TEST_ASK(redis(), "HSET", account.text, "wrapped_key", "00");
    assert_int_equal(collect(&counts, redis(), upkeep.library.keyring,
                             upkeep.store, &options, &unwatched, &err),
                     STATUS_CORRUPT);
    assert_non_null(strstr(err.text, track));
}

static void what_is_no_object_is_left_alone(void **state)
{
    (void)state;
    char path[160];
    (void)snprintf(path, sizeof path, "%s/ab/README", upkeep.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    struct collect_options options = at_once();
    struct collect_counts counts = test_collect(&upkeep, &options);
    assert_int_equal(counts.seen_count, 0);
    assert_int_equal(access(path, F_OK), 0);
}

/* ---- races, each at its worst moment ---- */

/* Does something once, when the run comes to a step. */
struct moment {
    enum collect_step step;
    void (*act)(struct moment *moment);
    bool fails; /* the collector dies there */
    bool done;
    struct test_song *song;
    const char *track;
};

static enum status moment_at(void *context, enum collect_step step,
                             const struct collect_counts *counts,
                             struct error *err)
{
    struct moment *moment = context;
    (void)counts;
    if (step != moment->step || moment->done) {
        return STATUS_OK;
    }
    moment->done = true;
    if (moment->act != NULL) {
        moment->act(moment);
    }
    return moment->fails
               ? error_set(err, STATUS_UNAVAILABLE, "died", "it dies here")
               : STATUS_OK;
}

static enum status collect_at(struct moment *moment,
                              const struct collect_options *options,
                              struct collect_counts *counts, struct error *err)
{
    const struct collect_watch watch = {moment_at, moment};
    return collect(counts, redis(), upkeep.library.keyring, upkeep.store,
                   options, &watch, err);
}

static void put_song(struct moment *moment)
{
    struct redis *own = test_redis_open(&upkeep.library.server);
    assert_int_equal(test_song_put(&upkeep, own, owner(), song, SONG_BYTES, "a",
                                   moment->song, NULL),
                     STATUS_OK);
    redis_close(own);
}

static void commit_song(struct moment *moment)
{
    struct redis *own = test_redis_open(&upkeep.library.server);
    assert_int_equal(test_song_commit(own, moment->song, NULL), STATUS_OK);
    redis_close(own);
}

static void expect_whole(const struct test_song *done)
{
    assert_true(test_song_is(&upkeep, redis(), owner(), done->entry.id, song,
                             SONG_BYTES));
}

/* The objects are there and nobody's; the writer relies on them after the
 * collector read all manifests, and before it condemns them. */
static void a_pin_between_mark_and_condemn_saves_the_object(void **state)
{
    (void)state;
    static const enum collect_step steps[] = {COLLECT_MARKED, COLLECT_BATCH};
    for (size_t i = 0; i < 2; i++) {
        struct test_song late = {0};
        struct test_song before;
        assert_int_equal(test_song_put(&upkeep, redis(), owner(), song,
                                       SONG_BYTES, "x", &before, NULL),
                         STATUS_OK);
        test_song_clear(&before);
        end_pins();
        struct moment moment = {
            .step = steps[i], .act = put_song, .song = &late};
        struct collect_options options = at_once();
        struct collect_counts counts;
        assert_int_equal(collect_at(&moment, &options, &counts, NULL),
                         STATUS_OK);
        assert_true(moment.done);
        assert_int_equal(counts.removed_count, 0);
        assert_int_equal(counts.pinned_count, counts.seen_count);
        if (i == 1) {
            assert_int_equal(test_song_commit(redis(), &late, NULL), STATUS_OK);
            expect_whole(&late);
        }
        test_song_clear(&late);
    }
}

/* Stored before the run, committed after it had read all manifests: only the
 * pin, which the commit leaves, tells that somebody owns it. */
static void a_commit_after_the_mark_is_safe(void **state)
{
    (void)state;
    struct test_song late;
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), song, SONG_BYTES,
                                   "a", &late, NULL),
                     STATUS_OK);
    struct moment moment = {
        .step = COLLECT_MARKED, .act = commit_song, .song = &late};
    struct collect_options options = at_once();
    struct collect_counts counts;
    assert_int_equal(collect_at(&moment, &options, &counts, NULL), STATUS_OK);
    assert_true(moment.done);
    assert_int_equal(counts.owned_count, 0);
    assert_int_equal(counts.removed_count, 0);
    expect_whole(&late);
    test_song_clear(&late);
}

/* A track goes from the library to the trash, and back, while accounts are
 * walked. */
static void trash_it(struct moment *moment)
{
    remove_track(moment->track);
}

static void restore_it(struct moment *moment)
{
    assert_int_equal(library_restore(redis(), owner(), moment->track, NULL),
                     STATUS_OK);
}

static void a_track_that_moves_is_marked(void **state)
{
    (void)state;
    char track[ID_SIZE];
    test_song_add(&upkeep, owner(), song, SONG_BYTES, "a", track);
    end_pins();
    struct collect_options options = at_once();
    options.trash_ms = INT64_C(100) * 365 * 86400000;
    struct moment moments[] = {
        {.step = COLLECT_ACCOUNT, .act = trash_it, .track = track},
        {.step = COLLECT_ACCOUNT, .act = restore_it, .track = track},
        {.step = COLLECT_MARKED, .act = trash_it, .track = track},
    };
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        struct collect_counts counts;
        assert_int_equal(collect_at(&moments[i], &options, &counts, NULL),
                         STATUS_OK);
        assert_true(moments[i].done);
        assert_int_equal(counts.removed_count, 0);
        assert_true(counts.owned_count > 0);
    }
}

struct writer {
    pthread_t thread;
    struct test_song song;
    enum status status;
    struct error err;
    atomic_bool ended;
};

static void *write_song(void *context)
{
    struct writer *writer = context;
    struct redis *own = test_redis_open(&upkeep.library.server);
    writer->status = test_song_put(&upkeep, own, owner(), song, SONG_BYTES, "a",
                                   &writer->song, &writer->err);
    redis_close(own);
    atomic_store(&writer->ended, true);
    return NULL;
}

static struct writer writer;

static void start_writer(struct moment *moment)
{
    (void)moment;
    assert_int_equal(pthread_create(&writer.thread, NULL, write_song, &writer),
                     0);
    (void)usleep(300 * 1000);
    assert_false(atomic_load(&writer.ended)); /* it waits */
}

/* The objects are there still, and as good as gone: a writer that relied on
 * them would lose its song. */
static void a_writer_that_meets_a_removal_waits_and_stores_anew(void **state)
{
    (void)state;
    static const enum collect_step steps[] = {COLLECT_DECIDED, COLLECT_REMOVED};
    for (size_t i = 0; i < 2; i++) {
        struct test_song before;
        assert_int_equal(test_song_put(&upkeep, redis(), owner(), song,
                                       SONG_BYTES, "x", &before, NULL),
                         STATUS_OK);
        test_song_clear(&before);
        end_pins();
        writer = (struct writer){0};
        struct moment moment = {.step = steps[i], .act = start_writer};
        struct collect_options options = at_once();
        struct collect_counts counts;
        assert_int_equal(collect_at(&moment, &options, &counts, NULL),
                         STATUS_OK);
        assert_true(moment.done);
        assert_true(counts.removed_count > 0);
        assert_int_equal(pthread_join(writer.thread, NULL), 0);
        assert_int_equal(writer.status, STATUS_OK);
        if (i == 1) {
            assert_int_equal(test_song_commit(redis(), &writer.song, NULL),
                             STATUS_OK);
            expect_whole(&writer.song);
        }
        test_song_clear(&writer.song);
    }
}

static void a_collector_that_died_is_finished_by_the_next(void **state)
{
    (void)state;
    static const enum collect_step steps[] = {COLLECT_DECIDED, COLLECT_REMOVING,
                                              COLLECT_REMOVED};
    for (size_t i = 0; i < 3; i++) {
        struct test_song before;
        assert_int_equal(test_song_put(&upkeep, redis(), owner(), song,
                                       SONG_BYTES, "x", &before, NULL),
                         STATUS_OK);
        test_song_clear(&before);
        end_pins();
        size_t objects = test_object_count(&upkeep);
        struct moment moment = {.step = steps[i], .fails = true};
        struct collect_options options = at_once();
        struct collect_counts counts;
        assert_int_equal(collect_at(&moment, &options, &counts, NULL),
                         STATUS_UNAVAILABLE);
        assert_int_equal(count_in(KEY_DELETING), objects);

        /* Writers are refused until then, and say so. */
        struct pins pins;
        struct error err;
        pins_init(&pins, redis(), UPKEEP_REGION);
        pins.wait_max_ms = 30;
        const struct vault_guard guard = pins_guard(&pins);
        struct store_entry entry;
        struct redis_reply *reply = NULL;
        struct key deleting = key_of_upkeep(KEY_DELETING, UPKEEP_REGION);
        const struct redis_arg args[] = {
            redis_text("HSCAN"), redis_text(deleting.text), redis_text("0")};
        assert_int_equal(redis_call(redis(), &reply, args, 3, NULL), STATUS_OK);
        size_t length = 0;
        assert_true(hex_decode(
            entry.name, SHA256_BYTES,
            redis_reply_bytes(redis_reply_at(redis_reply_at(reply, 1), 0),
                              &length)));
        redis_reply_free(reply);
        assert_int_equal(
            guard.pin(guard.context,
                      (const uint8_t(*)[SHA256_BYTES]) & entry.name, 1, &err),
            STATUS_UNAVAILABLE);
        assert_string_equal(err.code, "vault_busy");

        counts = test_collect(&upkeep, &options);
        assert_int_equal(counts.finished_count, objects);
        assert_int_equal(count_in(KEY_DELETING), 0);
        assert_int_equal(test_object_count(&upkeep), 0);
    }
}

/* What another collector does after the lease was lost. */
static void steal_lease(struct moment *moment)
{
    struct key lease = key_of_upkeep(KEY_COLLECTOR, UPKEEP_REGION);
    struct redis *own = test_redis_open(&upkeep.library.server);
    (void)moment;
    (void)TEST_ASK(own, "SET", lease.text, "who_other");
    redis_close(own);
}

static void a_collector_that_lost_its_lease_removes_nothing_more(void **state)
{
    (void)state;
    static const enum collect_step steps[] = {COLLECT_MARKED, COLLECT_DECIDED,
                                              COLLECT_REMOVED};
    struct key lease = key_of_upkeep(KEY_COLLECTOR, UPKEEP_REGION);
    for (size_t i = 0; i < 3; i++) {
        struct test_song before;
        assert_int_equal(test_song_put(&upkeep, redis(), owner(), song,
                                       SONG_BYTES, "x", &before, NULL),
                         STATUS_OK);
        test_song_clear(&before);
        end_pins();
        size_t objects = test_object_count(&upkeep);
        struct moment moment = {.step = steps[i], .act = steal_lease};
        struct collect_options options = at_once();
        struct collect_counts counts;
        struct error err;
        assert_int_equal(collect_at(&moment, &options, &counts, &err),
                         STATUS_UNAVAILABLE);
        assert_string_equal(err.code, "lease_lost");
        if (i < 2) {
            assert_int_equal(test_object_count(&upkeep), objects);
        }
        /* The other one's lease is the other one's still. */
        assert_int_equal(TEST_ASK(redis(), "DEL", lease.text), 1);
        (void)test_collect(&upkeep, &options);
    }
}

static void run_second(struct moment *moment)
{
    static const struct collect_watch unwatched;
    struct redis *own = test_redis_open(&upkeep.library.server);
    struct collect_options options = at_once();
    struct collect_counts counts;
    struct error err;
    (void)moment;
    assert_int_equal(collect(&counts, own, upkeep.library.keyring, upkeep.store,
                             &options, &unwatched, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.code, "collecting");
    redis_close(own);
}

static void one_collector_works_at_a_time(void **state)
{
    (void)state;
    struct moment moment = {.step = COLLECT_MARKED, .act = run_second};
    struct collect_options options = at_once();
    struct collect_counts counts;
    assert_int_equal(collect_at(&moment, &options, &counts, NULL), STATUS_OK);
    assert_true(moment.done);
    assert_int_equal(collect_at(&moment, &options, &counts, NULL), STATUS_OK);
}

static void sleep_long(struct moment *moment)
{
    (void)moment;
    (void)usleep(120 * 1000);
}

static void a_run_that_takes_too_long_removes_nothing(void **state)
{
    (void)state;
    struct test_song before;
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), song, SONG_BYTES,
                                   "x", &before, NULL),
                     STATUS_OK);
    test_song_clear(&before);
    end_pins();
    size_t objects = test_object_count(&upkeep);
    struct moment moment = {.step = COLLECT_MARKED, .act = sleep_long};
    struct collect_options options = at_once();
    struct collect_counts counts;
    struct error err;
    options.run_max_ms = 100;
    assert_int_equal(collect_at(&moment, &options, &counts, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "collector_late");
    assert_int_equal(test_object_count(&upkeep), objects);
}

/* A writer that slept for a day between storing and committing. */
static void a_commit_long_after_the_pins_is_refused(void **state)
{
    (void)state;
    struct test_song late;
    struct error err;
    assert_int_equal(test_song_put(&upkeep, redis(), owner(), song, SONG_BYTES,
                                   "a", &late, NULL),
                     STATUS_OK);
    assert_true(pins_until_ms(&late.pins) > (int64_t)time(NULL) * 1000);
    assert_true(pins_until_ms(&late.pins) <
                (int64_t)time(NULL) * 1000 + PIN_LIFE_MS / 2);
    late.pins.first_ms -= PIN_LIFE_MS / 2;
    assert_int_equal(test_song_commit(redis(), &late, &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "stale");
    struct account account = test_account_read(&upkeep.library, owner());
    assert_int_equal(account.track_count, 0);
    late.pins.first_ms += PIN_LIFE_MS / 2;
    assert_int_equal(test_song_commit(redis(), &late, NULL), STATUS_OK);
    expect_whole(&late);
    test_song_clear(&late);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_owned_stays),
        TEST(the_trash_is_emptied_and_its_objects_go),
        TEST(a_dry_run_counts_and_does_nothing),
        TEST(what_nobody_owns_has_its_grace),
        TEST(a_writer_takes_the_tombstone_away),
        TEST(one_manifest_that_cannot_be_read_stops_it),
        TEST(an_account_whose_key_is_damaged_stops_it),
        TEST(what_is_no_object_is_left_alone),
        TEST(a_pin_between_mark_and_condemn_saves_the_object),
        TEST(a_commit_after_the_mark_is_safe),
        TEST(a_track_that_moves_is_marked),
        TEST(a_writer_that_meets_a_removal_waits_and_stores_anew),
        TEST(a_collector_that_died_is_finished_by_the_next),
        TEST(a_collector_that_lost_its_lease_removes_nothing_more),
        TEST(one_collector_works_at_a_time),
        TEST(a_run_that_takes_too_long_removes_nothing),
        TEST(a_commit_long_after_the_pins_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
