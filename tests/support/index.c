/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/index.h"

#include <assert.h>
#include <stdbool.h>
#include <time.h>

/* Marsaglia's xorshift32. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

void test_song_items(uint32_t items[TEST_SONG_ITEMS], uint32_t song)
{
    uint32_t seed = song * 2654435761U + 1;
    for (size_t i = 0; i < TEST_SONG_ITEMS; i++) {
        items[i] = next_random(&seed);
    }
}

static struct terms terms_of(uint32_t song, bool asked)
{
    uint32_t items[TEST_SONG_ITEMS];
    struct terms terms = {0};
    const struct fingerprint print = {.items = items,
                                      .item_count = TEST_SONG_ITEMS};
    test_song_items(items, song);
    enum status status = asked ? terms_for_query(&terms, &print, NULL)
                               : terms_for_index(&terms, &print, NULL);
    assert(status == STATUS_OK);
    return terms;
}

struct terms test_song_filed(uint32_t song)
{
    return terms_of(song, false);
}

struct terms test_song_asked(uint32_t song)
{
    return terms_of(song, true);
}

void test_sleep_ms(long ms)
{
    const struct timespec wait = {.tv_sec = ms / 1000,
                                  .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}
