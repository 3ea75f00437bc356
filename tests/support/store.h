/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_STORE_H
#define REFRAIN_TESTS_SUPPORT_STORE_H

#include "catalog/vault/store.h"
#include "catalog/vault/store_s3.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A store for tests: a private folder or, with REFRAIN_S3_ENDPOINT in the
 *  environment, a prefix of its own in a bucket (see tests/e2e/s3.sh). All
 *  functions fail the test when something does not go as it should. */
struct test_store {
    struct store *store;
    char folder[PATH_MAX / 2]; /* "" on S3 */
    char prefix[64];
    struct store_s3_config config; /* of S3; borrows `prefix` */
};

/** What the environment says: REFRAIN_S3_ENDPOINT, _REGION, _BUCKET,
 *  _ACCESS_KEY, _SECRET_KEY. */
struct store_s3_config test_s3_config(void);

/** page_max  small, so that few objects make many pages; 0: as it is */
void test_store_open(struct test_store *out, unsigned page_max);
void test_store_close(struct test_store *test);

/** An object: `length` bytes that follow from `seed`; free() it. */
uint8_t *test_object(uint8_t name[SHA256_BYTES], size_t length, uint64_t seed);
/** The same, stored. */
void test_store_put(struct store *store, uint8_t name[SHA256_BYTES],
                    size_t length, uint64_t seed);
/** Is it there and whole? */
void test_store_expect(struct store *store, size_t length, uint64_t seed);
bool test_store_has(struct store *store, const uint8_t name[SHA256_BYTES]);

/** Expects a failure with this word, and prints another one. */
void test_expect_error(enum status status, enum status expected,
                       const struct error *err, const char *code);
void test_expect_ok(enum status status, const struct error *err);

#endif
