/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_UPKEEP_H
#define REFRAIN_TESTS_SUPPORT_UPKEEP_H

#include "catalog/upkeep/collect.h"
#include "catalog/vault/vault.h"
#include "tests/support/library.h"

#include <stdbool.h>

/** A private Redis, a library and a vault: where tests of catalog/upkeep begin.
 *  Whatever goes wrong here asserts. */
struct test_upkeep {
    struct test_library library;
    char folder[80]; /* of the vault */
    struct vault *vault;
    struct store *store;
};

void test_upkeep_start(struct test_upkeep *upkeep);
void test_upkeep_stop(struct test_upkeep *upkeep);

/** A song on its way into a library: test_song_put() stores it and pins its
 *  objects, test_song_commit() makes it a track. */
struct test_song {
    char account[ID_SIZE];
    char upload[ID_SIZE];
    struct entry entry; /* entry.id is the track's */
    struct pins pins;
    struct buffer manifest;
};
/** bytes  are what the song is; `content` names them for the duplicate check */
MUST_USE enum status test_song_put(struct test_upkeep *upkeep,
                                   struct redis *redis, const char *account,
                                   const void *bytes, size_t length,
                                   const char *content, struct test_song *out,
                                   struct error *err);
MUST_USE enum status test_song_commit(struct redis *redis,
                                      struct test_song *song,
                                      struct error *err);
void test_song_clear(struct test_song *song);
/** Both, at the library's own handle: the track's id. */
void test_song_add(struct test_upkeep *upkeep, const char *account,
                   const void *bytes, size_t length, const char *content,
                   char out_id[ID_SIZE]);

/** Whether a track's bytes come back as they were. */
bool test_song_is(struct test_upkeep *upkeep, struct redis *redis,
                  const char *account, const char *track, const void *bytes,
                  size_t length);
/** Objects in the store. */
size_t test_object_count(const struct test_upkeep *upkeep);
/** A run of the collector, which must go well. */
struct collect_counts test_collect(struct test_upkeep *upkeep,
                                   const struct collect_options *options);

#endif
