/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: whatever writers, deleters and a collector without patience do at the
 * same time over the same chunks, no track that is in a library ever misses
 * one; and when all is quiet, nothing is left that nobody owns.
 *
 * test_collect_storm [SECONDS [SEED]]; the seed is printed. Pins are ended by
 * the storm itself, as far as the agreement allows: those that no writer
 * between its first pin and its commit relies on. */
#include "catalog/library/holdings.h"
#include "catalog/library/library.h"
#include "catalog/redis/keys.h"
#include "catalog/upkeep/check.h"
#include "tests/support/pattern.h"
#include "tests/support/upkeep.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WRITERS = 4,
    SONGS = 12,
    PARTS = 2,
    SHARED_PARTS = 3,
    PART_BYTES = 70000, /* above the shortest chunk */
    SONG_BYTES = PARTS * PART_BYTES,
    KEPT_MAX = 2, /* tracks of a writer at once */
    GRACE_MAX_MS = 300,
};

static struct test_upkeep upkeep;
static uint8_t songs[SONGS][SONG_BYTES];
static atomic_bool ended; /* for writers */
static atomic_bool quiet; /* and then for the collector */
static atomic_ullong added, removes, runs, removed, reads, stopped;
static uint64_t first_seed;

/* xorshift64*, Vigna 2016. */
static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

struct kept {
    char track[ID_SIZE];
    size_t song;
};

struct writer {
    pthread_t thread;
    uint64_t seed;
    char account[ID_SIZE];
    struct redis *redis;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
};

/* Writers that store hold it for reading; pins are ended under it for
 * writing. A commit may come later than that only while its pins are there. */
static pthread_rwlock_t storing =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void nap(uint64_t *seed, unsigned ms_max)
{
    (void)usleep((useconds_t)(next(seed) % (ms_max * 1000 + 1)));
}

static void add_song(struct writer *writer)
{
    size_t song = (size_t)(next(&writer->seed) % SONGS);
    char content[64];
    struct test_song on_its_way;
    struct error err = {0};
    (void)snprintf(content, sizeof content, "%llu",
                   (unsigned long long)next(&writer->seed));
    (void)pthread_rwlock_rdlock(&storing);
    enum status status =
        test_song_put(&upkeep, writer->redis, writer->account, songs[song],
                      SONG_BYTES, content, &on_its_way, &err);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "put: %s: %s\n", err.code, err.text);
    }
    assert(status == STATUS_OK);
    nap(&writer->seed, 40); /* the collector may pass in between */
    status = test_song_commit(writer->redis, &on_its_way, &err);
    assert(status == STATUS_OK);
    (void)pthread_rwlock_unlock(&storing);
    struct kept *kept = &writer->kept[writer->kept_count++];
    memcpy(kept->track, on_its_way.entry.id, ID_SIZE);
    kept->song = song;
    test_song_clear(&on_its_way);
    (void)atomic_fetch_add(&added, 1);
}

static void expect_track(struct writer *writer, const struct kept *kept)
{
    bool same = test_song_is(&upkeep, writer->redis, writer->account,
                             kept->track, songs[kept->song], SONG_BYTES);
    if (!same) {
        (void)fprintf(stderr, "LOST: song %zu, seed %llu\n", kept->song,
                      (unsigned long long)first_seed);
    }
    assert(same);
    (void)atomic_fetch_add(&reads, 1);
}

static void remove_song(struct writer *writer)
{
    size_t index = (size_t)(next(&writer->seed) % writer->kept_count);
    struct kept *kept = &writer->kept[index];
    expect_track(writer, kept);
    enum status status =
        library_remove(writer->redis, writer->account, kept->track, 1, NULL);
    assert(status == STATUS_OK);
    if (next(&writer->seed) % 4 == 0) { /* back, unless it was forgotten */
        status =
            library_restore(writer->redis, writer->account, kept->track, NULL);
        if (status == STATUS_OK) {
            expect_track(writer, kept);
            return;
        }
        assert(status == STATUS_NOT_FOUND);
    }
    *kept = writer->kept[--writer->kept_count];
    (void)atomic_fetch_add(&removes, 1);
}

static void *write_songs(void *context)
{
    struct writer *writer = context;
    while (!atomic_load(&ended)) {
        if (writer->kept_count == 0 ||
            (writer->kept_count < KEPT_MAX && next(&writer->seed) % 2 == 0)) {
            add_song(writer);
        } else {
            remove_song(writer);
        }
    }
    return NULL;
}

static void end_pins(struct redis *redis)
{
    struct key pins = key_of_upkeep(KEY_PINS, UPKEEP_REGION);
    const struct redis_arg args[] = {redis_text("DEL"), redis_text(pins.text)};
    (void)pthread_rwlock_wrlock(&storing);
    enum status status = redis_call(redis, NULL, args, 2, NULL);
    assert(status == STATUS_OK);
    (void)pthread_rwlock_unlock(&storing);
}

/* A collector sleeps here and there, and dies now and then. */
static enum status disturb(void *context, enum collect_step step,
                           const struct collect_counts *counts,
                           struct error *err)
{
    uint64_t *seed = context;
    (void)step;
    (void)counts;
    if (next(seed) % 8 == 0) {
        nap(seed, 30);
    }
    if (next(seed) % 100 == 0) {
        (void)atomic_fetch_add(&stopped, 1);
        return error_set(err, STATUS_UNAVAILABLE, "died", "it dies here");
    }
    return STATUS_OK;
}

/* Whether the run came to its end: writers may wait for one that did not. */
static bool collect_once(struct redis *redis, uint64_t *seed)
{
    struct collect_options options = collect_defaults(UPKEEP_REGION);
    const struct collect_watch watch = {disturb, seed};
    struct collect_counts counts;
    struct error err = {0};
    options.grace_ms = (int64_t)(next(seed) % GRACE_MAX_MS);
    options.trash_ms = 0;
    enum status status = collect(&counts, redis, upkeep.library.keyring,
                                 upkeep.store, &options, &watch, &err);
    if (status != STATUS_OK && strcmp(err.code, "died") != 0) {
        (void)fprintf(stderr, "collect: %s: %s\n", err.code, err.text);
    }
    assert(status == STATUS_OK || strcmp(err.code, "died") == 0);
    (void)atomic_fetch_add(&runs, 1);
    (void)atomic_fetch_add(&removed, counts.removed_count);
    return status == STATUS_OK;
}

static void *collect_all(void *context)
{
    uint64_t *seed = context;
    struct redis *redis = test_redis_open(&upkeep.library.server);
    while (!atomic_load(&quiet)) {
        if (collect_once(redis, seed) && next(seed) % 2 == 0) {
            end_pins(redis);
        }
    }
    redis_close(redis);
    return NULL;
}

/* Each begins with one of a few parts, and goes on with its own. */
static void make_songs(void)
{
    for (uint32_t i = 0; i < SONGS; i++) {
        pattern_fill(songs[i], PART_BYTES, 1 + i % SHARED_PARTS);
        pattern_fill(songs[i] + PART_BYTES, PART_BYTES, 100 + i);
    }
}

static void start_writer(struct writer *writer, uint64_t seed)
{
    *writer = (struct writer){.seed = seed};
    writer->redis = test_redis_open(&upkeep.library.server);
    test_account_next(&upkeep.library, writer->account);
    struct key account = key_of_account(KEY_ACCOUNT, writer->account, "");
    (void)TEST_ASK(upkeep.library.redis, "HSET", account.text, "limit_bytes",
                   "1000000000");
    int bad = pthread_create(&writer->thread, NULL, write_songs, writer);
    assert(bad == 0);
}

static void expect_order(void)
{
    const struct check_options options = {.region = UPKEEP_REGION,
                                          .read_data = true};
    static const struct check_watch unwatched;
    struct collect_options at_once = collect_defaults(UPKEEP_REGION);
    struct check_counts counts;
    at_once.grace_ms = 0;
    at_once.trash_ms = 0;
    end_pins(upkeep.library.redis);
    (void)test_collect(&upkeep, &at_once);
    enum status status =
        check(&counts, upkeep.library.redis, upkeep.library.keyring,
              upkeep.store, &options, &unwatched, NULL);
    assert(status == STATUS_OK);
    assert(!check_is_wrong(&counts));
    assert(counts.orphan_count + counts.condemned_count == 0);
    assert(counts.seen_count == counts.owned_count);
    assert(counts.read_to_end);
}

int main(int argc, char **argv)
{
    static struct writer writers[WRITERS];
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 6;
    first_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    uint64_t seed = first_seed * 2 + 1;
    uint64_t collector_seed = next(&seed);
    pthread_t collector;
    (void)printf("seed %llu, %u s\n", (unsigned long long)first_seed, seconds);
    (void)fflush(stdout);
    test_upkeep_start(&upkeep);
    make_songs();
    for (size_t i = 0; i < WRITERS; i++) {
        start_writer(&writers[i], next(&seed));
    }
    int bad = pthread_create(&collector, NULL, collect_all, &collector_seed);
    assert(bad == 0);
    (void)sleep(seconds);
    atomic_store(&ended, true);
    for (size_t i = 0; i < WRITERS; i++) {
        (void)pthread_join(writers[i].thread, NULL);
    }
    atomic_store(&quiet, true);
    (void)pthread_join(collector, NULL);
    for (size_t i = 0; i < WRITERS; i++) {
        for (size_t j = 0; j < writers[i].kept_count; j++) {
            expect_track(&writers[i], &writers[i].kept[j]);
        }
    }
    expect_order();
    for (size_t i = 0; i < WRITERS; i++) {
        for (size_t j = 0; j < writers[i].kept_count; j++) {
            expect_track(&writers[i], &writers[i].kept[j]);
        }
        redis_close(writers[i].redis);
    }
    (void)printf("%llu put, %llu removed, %llu read back; %llu runs, %llu of "
                 "them died, %llu objects removed; 0 missing\n",
                 (unsigned long long)added, (unsigned long long)removes,
                 (unsigned long long)reads, (unsigned long long)runs,
                 (unsigned long long)stopped, (unsigned long long)removed);
    (void)fflush(stdout);
    assert(added > 0);
    assert(removed > 0);
    test_upkeep_stop(&upkeep);
    return 0;
}
