/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_LIBRARY_H
#define REFRAIN_TESTS_SUPPORT_LIBRARY_H

#include "catalog/library/accounts.h"
#include "catalog/library/uploads.h"
#include "tests/support/redis.h"

/** A private Redis, a keyring and one account with an empty library: where
 *  tests of catalog/library begin. Whatever goes wrong here asserts. */
struct test_library {
    struct test_redis server;
    struct redis *redis;
    char keys_folder[64];
    struct keyring *keyring;
    char account[ID_SIZE];
    unsigned account_count; /* made by test_account_next() */
};

enum { TEST_LIMIT_BYTES = 1000000 };
#define TEST_REGION "default"
#define TEST_EMAIL "Ada@Example.org"
#define TEST_PASSWORD "correct horse 7"

void test_library_start(struct test_library *library);
void test_library_stop(struct test_library *library);

/** Another account; its id. */
void test_account_make(struct test_library *library, const char *email,
                       char out_id[ID_SIZE]);
/** Another account, with an address of its own. */
void test_account_next(struct test_library *library, char out_id[ID_SIZE]);
/** The account as it stands. */
struct account test_account_read(struct test_library *library,
                                 const char *account_id);

/** A waiting upload, noted in Redis; its id. */
void test_upload_make(struct test_library *library, const char *account_id,
                      uint64_t size_bytes, char out_id[ID_SIZE]);

/** An entry with a new id and all fields set. matched: of `what` as recording
 *  id; uploaded: "" and size 1000. content_id: of `content`, hashed. */
struct entry test_entry(enum entry_status status, const char *recording_id,
                        const char *content);

/** A new upload to ask for, with a new id. */
struct upload test_upload(const char *account_id, uint64_t size_bytes);
/** The outcome that adds `entry` (borrowed), with an empty manifest. */
struct upload_outcome test_outcome(const struct entry *entry);

/** Uploads and finishes: the outcome as a record. The new entry's id is in
 *  out->track_id. */
void test_add(struct test_library *library, const char *account_id,
              const struct entry *entry, struct upload *out);

/** The same, of test_entry(); it must be no duplicate. The new track's id. */
void test_track_add(struct test_library *library, const char *account_id,
                    enum entry_status status, const char *recording_id,
                    const char *content, char out_id[ID_SIZE]);

/** An integer of the answer to a command of up to 8 words. */
int64_t test_ask(struct redis *redis, const char *const *words, size_t count);
#define TEST_ASK(redis, ...)                                                   \
    test_ask(redis, (const char *const[]){__VA_ARGS__},                        \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#endif
