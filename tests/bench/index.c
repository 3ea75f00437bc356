/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How large the index is and how fast it answers, beside PING on the same
 * connection, taken in turns so that a busy machine slows all alike. Built and
 * run by index.sh: index ADDRESS TRACKS QUERIES SEED.
 *
 * The tracks are made up after what was measured of real prints: README.md. */
#include "catalog/releases/index.h"
#include "catalog/redis/keys.h"
#include "matcher/align.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ITEMS = 1939,      /* 4 minutes */
    REPEAT_ITEMS = 64, /* of what is played again, such as a chorus */
    STORED = 2000,     /* tracks whose fingerprints are there, and asked for */
    FETCHED_MAX = 10,
    GRACE_MS = 2000,
    MERGE_FROM = 20000, /* tracks filed between merges, at the least */
    HEAD_TERMS = 100,
};

static struct redis *redis;
static uint64_t seed;
static uint32_t track_count;

static void must(enum status status, const struct error *err)
{
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", err->code, err->text);
        exit(1);
    }
}

/* ---- tracks ---- */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double share_of(uint64_t *state)
{
    return (double)(next_random(state) >> 11) / (double)(1ULL << 53);
}

/* Spreads a small number over 32 bits, one to one. */
static uint32_t spread(uint32_t value)
{
    value = (value ^ value >> 16) * 0x7feb352dU;
    value = (value ^ value >> 15) * 0x846ca68bU;
    return value ^ value >> 16;
}

/* Four kinds of items: any; one of 2^25; one of 2^20; one of a hundred that
 * many songs have, the first oftenest (Zipf). */
static uint32_t next_item(uint64_t *state)
{
    double kind = share_of(state);
    uint32_t value = (uint32_t)next_random(state);
    if (kind < 0.55) {
        return value;
    }
    if (kind < 0.90) {
        return spread(value >> 7);
    }
    if (kind < 0.999) {
        return spread(value >> 12 | 0x40000000U);
    }
    double rank = exp(share_of(state) * log((double)HEAD_TERMS));
    return spread((uint32_t)rank | 0x80000000U);
}

static void make_track(uint32_t items[ITEMS], uint32_t number)
{
    uint64_t state = seed ^ (uint64_t)number << 24;
    for (size_t i = 0; i < ITEMS;) {
        bool again = i > 2 * (size_t)REPEAT_ITEMS &&
                     share_of(&state) < 0.17 / REPEAT_ITEMS;
        if (!again) {
            items[i++] = next_item(&state);
            continue;
        }
        size_t from = next_random(&state) % (i - REPEAT_ITEMS);
        for (size_t j = 0; j < REPEAT_ITEMS && i < ITEMS; j++) {
            items[i++] = items[from + j];
        }
    }
}

/* What a codec leaves of it: 40 % of the items have 1 to 6 other bits. */
static void make_query(uint32_t items[ITEMS], uint32_t number)
{
    uint64_t state = seed + 77 + number;
    make_track(items, number);
    for (size_t i = 0; i < ITEMS; i++) {
        if (share_of(&state) < 0.4) {
            for (uint64_t j = next_random(&state) % 6 + 1; j > 0; j--) {
                items[i] ^= 1U << (next_random(&state) % 32);
            }
        }
    }
}

static uint8_t levels[ITEMS];

static struct fingerprint print_of(uint32_t items[ITEMS])
{
    return (struct fingerprint){
        .items = items, .levels = levels, .item_count = ITEMS};
}

/* ---- what the server says ---- */

static double info(const char *section, const char *field)
{
    struct error err = {0};
    struct redis_reply *reply = NULL;
    size_t length = 0;
    const struct redis_arg args[] = {redis_text("INFO"), redis_text(section)};
    must(redis_call(redis, &reply, args, 2, &err), &err);
    const char *text = redis_reply_bytes(reply, &length);
    const char *at = strstr(text, field);
    double value = at == NULL ? 0 : strtod(at + strlen(field) + 1, NULL);
    redis_reply_free(reply);
    return value;
}

static double server_cpu(void)
{
    return info("cpu", "used_cpu_user") + info("cpu", "used_cpu_sys");
}

static int64_t log_length(void)
{
    struct error err = {0};
    struct redis_reply *reply = NULL;
    struct key key = key_index_log();
    const struct redis_arg args[] = {redis_text("XLEN"), redis_text(key.text)};
    must(redis_call(redis, &reply, args, 2, &err), &err);
    int64_t length = redis_reply_integer(reply, -1);
    redis_reply_free(reply);
    return length;
}

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- loading ---- */

static void load(const char *address)
{
    static uint32_t items[ITEMS];
    struct error err = {0};
    struct index *index = NULL;
    uint64_t term_count = 0;
    uint32_t merged = 0;
    double began = now();
    double merging = 0;
    double memory = info("memory", "used_memory");
    double resident = info("memory", "used_memory_rss");
    const struct index_options options = {.address = address,
                                          .grace_ms = GRACE_MS};
    must(index_open(&index, &options, &err), &err);
    for (uint32_t i = 1; i <= track_count; i++) {
        struct terms terms = {0};
        make_track(items, i);
        const struct fingerprint print = print_of(items);
        must(terms_for_index(&terms, &print, &err), &err);
        must(index_add(redis, i, &terms, &err), &err);
        term_count += terms.count;
        terms_clear(&terms);
        if (i == track_count ||
            (i - merged >= MERGE_FROM && i - merged >= merged / 8)) {
            double from = now();
            must(index_merge(index, redis, &err), &err);
            merging += now() - from;
            merged = i;
        }
    }
    double loaded = now() - began;
    while (log_length() > 0) { /* the handle's own thread ends what is old */
        (void)usleep(100000);
    }
    index_close(index);
    memory = info("memory", "used_memory") - memory;
    resident = info("memory", "used_memory_rss") - resident;
    double tracks = track_count;
    (void)printf("tracks                       %10.0f   %.1f terms each\n",
                 tracks, (double)term_count / tracks);
    (void)printf(
        "loaded                       %10.0f s, of it merging %.0f s\n", loaded,
        merging);
    (void)printf("Redis memory (used_memory)   %10.1f bytes a track\n",
                 memory / tracks);
    (void)printf("Redis resident               %10.1f bytes a track\n",
                 resident / tracks);
}

static void store_prints(void)
{
    static uint32_t items[ITEMS];
    struct error err = {0};
    for (uint32_t i = 1; i <= STORED && i <= track_count; i++) {
        struct buffer packed = {0};
        struct key key = key_reference(i);
        make_track(items, i);
        const struct fingerprint print = print_of(items);
        must(fingerprint_pack(&packed, &print, &err), &err);
        const struct redis_arg args[] = {
            redis_text("SET"), redis_text(key.text),
            redis_bytes(packed.bytes, packed.length)};
        must(redis_call(redis, NULL, args, 3, &err), &err);
        buffer_clear(&packed);
    }
}

/* ---- asking ---- */

struct times {
    const char *name;
    double *seconds; /* one a query */
};
enum step { PING, FIND, IDENTITY, SUM, STEPS };

static void ping(void)
{
    struct error err = {0};
    const struct redis_arg args = redis_text("PING");
    must(redis_call(redis, NULL, &args, 1, &err), &err);
}

static uint32_t stored_number(uint32_t number)
{
    uint32_t stored = track_count < STORED ? track_count : STORED;
    return (number - 1) % stored + 1;
}

/* How many candidates the service would compare: nearest_worth() of
 * api/nearest.c. */
static size_t worth_fetching(const struct index_found *found)
{
    enum { FIRST = 3 };
    size_t worth = 0;
    for (; worth < found->count && worth < FETCHED_MAX; worth++) {
        uint32_t terms = found->candidates[worth].term_count;
        bool is_close = 2 * terms >= found->candidates[0].term_count;
        bool is_chance = terms == 1 && found->count == CANDIDATES_MAX;
        if (!is_close && (worth >= FIRST || is_chance)) {
            break;
        }
    }
    return worth;
}

/* Fetches the candidates together and lays each beside the query. The made-up
 * others have no fingerprint stored: one that has stands in. */
static bool identify(const struct fingerprint *query,
                     const struct index_found *found, size_t count)
{
    struct error err = {0};
    double best = 1;
    for (size_t i = 0; i < count; i++) {
        struct key key =
            key_reference(stored_number(found->candidates[i].number));
        const struct redis_arg args[] = {redis_text("GET"),
                                         redis_text(key.text)};
        must(redis_send(redis, args, 2, &err), &err);
    }
    for (size_t i = 0; i < count; i++) {
        struct redis_reply *reply = NULL;
        struct fingerprint print = {0};
        struct alignment alignment;
        size_t length = 0;
        must(redis_receive(redis, &reply, &err), &err);
        const char *bytes = redis_reply_bytes(reply, &length);
        must(fingerprint_unpack(&print, bytes, length, &err), &err);
        must(align_prints(&alignment, query, &print, &err), &err);
        best =
            alignment.bit_error_rate < best ? alignment.bit_error_rate : best;
        fingerprint_clear(&print);
        redis_reply_free(reply);
    }
    return best < 0.2;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t count, double share)
{
    return sorted[(size_t)((double)(count - 1) * share)];
}

static void print_times(struct times times[STEPS], size_t count)
{
    for (int step = 0; step < STEPS; step++) {
        qsort(times[step].seconds, count, sizeof(double), compare_doubles);
    }
    double ping_p50 = percentile(times[PING].seconds, count, 0.5);
    double ping_p99 = percentile(times[PING].seconds, count, 0.99);
    for (int step = 0; step < STEPS; step++) {
        double p10 = percentile(times[step].seconds, count, 0.1);
        double p50 = percentile(times[step].seconds, count, 0.5);
        double p99 = percentile(times[step].seconds, count, 0.99);
        (void)printf("  %-26s p10 %6.0f  p50 %6.0f  p99 %6.0f us   x PING's "
                     "p50: %5.1f %5.1f   p99/p99: %5.1f\n",
                     times[step].name, p10 * 1e6, p50 * 1e6, p99 * 1e6,
                     p50 / ping_p50, p99 / ping_p50, p99 / ping_p99);
    }
}

/* at_least  candidates that are compared, even where fewer are worth it */
static void ask(const char *address, bool mirrored, bool known, size_t at_least,
                size_t queries)
{
    static uint32_t items[ITEMS];
    struct times times[STEPS] = {{"PING", NULL},
                                 {"candidates", NULL},
                                 {"identity", NULL},
                                 {"sum", NULL}};
    struct error err = {0};
    struct index *index = NULL;
    struct index_found found;
    const struct index_options options = {.address = address,
                                          .mirrored = mirrored};
    size_t right = 0;
    size_t asked = 0;
    size_t fetched = 0;
    double cpu = 0;
    for (int step = 0; step < STEPS; step++) {
        times[step].seconds = calloc(queries, sizeof(double));
    }
    must(index_open(&index, &options, &err), &err);
    for (size_t i = 0; i < queries; i++) {
        uint32_t number = stored_number((uint32_t)(i * 7919 + 1));
        struct terms terms = {0};
        make_query(items, known ? number : UINT32_MAX - number);
        const struct fingerprint print = print_of(items);
        must(terms_for_query(&terms, &print, &err), &err);
        const struct index_query query = {.terms = &terms};
        if (i == 0) { /* the handle reads the fences, or the mirror */
            double from = now();
            must(index_find(index, redis, &query, &found, &err), &err);
            (void)printf("%s, %s: opened in %.2f s\n",
                         mirrored ? "mirrored" : "remote",
                         known ? "known songs" : "unknown songs", now() - from);
        }
        double a = now();
        ping();
        double b = now();
        double cpu_before = i % 10 == 0 ? server_cpu() : 0;
        double c = now();
        must(index_find(index, redis, &query, &found, &err), &err);
        double d = now();
        size_t count = worth_fetching(&found);
        if (count < at_least) {
            count = found.count < at_least ? found.count : at_least;
        }
        bool same = identify(&print, &found, count);
        double e = now();
        cpu += i % 10 == 0 ? server_cpu() - cpu_before : 0;
        times[PING].seconds[i] = b - a;
        times[FIND].seconds[i] = d - c;
        times[IDENTITY].seconds[i] = e - d;
        times[SUM].seconds[i] = e - c;
        asked += found.asked_terms;
        fetched += count;
        right +=
            same && found.count > 0 && found.candidates[0].number == number;
        terms_clear(&terms);
    }
    print_times(times, queries);
    (void)printf("  right %zu of %zu; %.0f terms asked, %.2f candidates "
                 "fetched; Redis CPU %.0f us a query with its fetches\n",
                 right, queries, (double)asked / (double)queries,
                 (double)fetched / (double)queries,
                 cpu * 1e6 / (double)(queries - queries % 10) * 10);
    (void)fflush(stdout);
    index_close(index);
    for (int step = 0; step < STEPS; step++) {
        free(times[step].seconds);
    }
    if (known && right * 100 < queries * 99) {
        (void)fprintf(stderr, "index: under 99 of 100 songs were found\n");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct error err = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc != 5) {
        (void)fprintf(stderr, "usage: index ADDRESS TRACKS QUERIES SEED\n");
        return 2;
    }
    const char *address = argv[1];
    track_count = (uint32_t)strtoul(argv[2], NULL, 10);
    size_t queries = strtoul(argv[3], NULL, 10);
    seed = strtoull(argv[4], NULL, 10);
    if (track_count == 0 || queries < 10) {
        (void)fprintf(stderr, "at least 1 track and 10 queries\n");
        return 2;
    }
    memset(levels, 40, sizeof levels);
    must(redis_open(&redis, address, &err), &err);
    load(address);
    store_prints();
    for (int i = 0; i < 2; i++) {
        ask(address, i == 1, true, 0, queries);
        ask(address, i == 1, true, 3, queries);
        ask(address, i == 1, false, 0, queries);
    }
    redis_close(redis);
    return 0;
}
