/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_VAULT_H
#define REFRAIN_TESTS_SUPPORT_VAULT_H

#include "catalog/vault/keyring.h"
#include "catalog/vault/vault.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/** A vault in a private folder, for tests. All functions fail the test when
 *  something does not go as it should. */
struct test_vault {
    char root[PATH_MAX / 2]; /* private folder, removed at the end */
    char keys[PATH_MAX];     /* ROOT/keys */
    char folder[PATH_MAX];   /* ROOT/vault */
    struct keyring *keyring;
    struct vault *vault;
};

/** Makes the folder `keys` and in it the secret of region "default": always the
 *  same, so that files are always cut alike. */
void test_write_region_secret(const char *keys);
/** Makes folder, secrets (that one, else random) and vault. */
void test_vault_open(struct test_vault *out);
/** Closes and removes all. */
void test_vault_close(struct test_vault *tv);
/** Closes and opens keyring and vault, as a restart does. */
void test_vault_reopen(struct test_vault *tv);

/** Two accounts and a way to name owners. */
extern const uint8_t TEST_KEY_A[AES256_KEY_BYTES];
extern const uint8_t TEST_KEY_B[AES256_KEY_BYTES];
/** Track 1 of account A in region "default". */
extern const struct vault_owner TEST_OWNER;

/** A file that holds `bytes`; close() it. */
int test_file(const uint8_t *bytes, size_t length);
/** Stores bytes for an owner; `manifest` is the caller's. */
void test_vault_put(struct test_vault *tv, const struct vault_owner *owner,
                    const uint8_t *bytes, size_t length,
                    struct buffer *manifest);
struct vault_reader *test_vault_reader(struct test_vault *tv,
                                       const struct vault_owner *owner,
                                       const struct buffer *manifest);
/** Reads all back and compares. */
void test_vault_expect(struct test_vault *tv, const struct vault_owner *owner,
                       const struct buffer *manifest, const uint8_t *bytes,
                       size_t length);

/** Every object of the store, sorted by name. */
struct test_objects {
    char (*paths)[PATH_MAX]; /* owned */
    size_t count;
};
void test_objects_list(struct test_objects *out, const char *folder);
void test_objects_clear(struct test_objects *objects);
/** Files in FOLDER/tmp. */
size_t test_leftovers(const char *folder);
/** A whole file; free() it. */
uint8_t *test_read_file(const char *path, size_t *length);
void test_write_file(const char *path, const void *bytes, size_t length);

/** Puts the process into mounts of its own and mounts a tmpfs at `folder`.
 *  options  as of mount(8): "size=3m"
 *  returns 0, or -1 where that is not allowed: skip the test and say so. */
int test_mount(const char *folder, const char *options);

#endif
