/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_INDEX_H
#define REFRAIN_TESTS_SUPPORT_INDEX_H

#include "matcher/terms.h"

/** Made-up songs for the index: each number its own row of random items, the
 *  same in every run. The terms are the caller's: terms_clear(). */
enum { TEST_SONG_ITEMS = 600 };
void test_song_items(uint32_t items[TEST_SONG_ITEMS], uint32_t song);
struct terms test_song_filed(uint32_t song);
struct terms test_song_asked(uint32_t song);

void test_sleep_ms(long ms);

#endif
