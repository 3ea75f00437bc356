/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_CATALOG_H
#define REFRAIN_TESTS_SUPPORT_CATALOG_H

#include "catalog/releases/loader.h"
#include "tests/support/redis.h"

#include <stddef.h>
#include <stdint.h>

/** A catalog of a test's own: private Redis, decoders, folders, and audio
 *  that FFmpeg's program makes. Whatever goes wrong here asserts. */
struct test_catalog {
    struct test_redis server;
    struct redis *redis;
    struct decoder_pool *decoders;
    char folder[80];  /* of the release to be loaded; empty at first */
    char masters[80]; /* not there at first */
    struct loader loader;
};
/** Another pool, as start() opens one; decoder_pool_close() it. */
struct decoder_pool *test_catalog_decoders(void);
void test_catalog_start(struct test_catalog *catalog);
void test_catalog_stop(struct test_catalog *catalog);

/** 6 s of noise as catalog->folder/name in the format that the ending says;
 *  another seed is another sound. tags: "title=…", "album=…"; ends with NULL.
 *  The same arguments give the same bytes. */
void test_catalog_clip(const struct test_catalog *catalog, const char *name,
                       unsigned seed, const char *const *tags);
/** catalog->folder/name with these bytes. */
void test_catalog_file(const struct test_catalog *catalog, const char *name,
                       const void *bytes, size_t length);

/** Every key with its value, in order: two equal states give equal bytes. */
struct buffer test_catalog_dump(const struct test_catalog *catalog);

#endif
