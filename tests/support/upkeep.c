/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/upkeep.h"

#include "catalog/library/library.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void test_upkeep_start(struct test_upkeep *upkeep)
{
    *upkeep = (struct test_upkeep){0};
    test_library_start(&upkeep->library);
    (void)snprintf(upkeep->folder, sizeof upkeep->folder, "%s/vault",
                   upkeep->library.server.folder);
    enum status status = vault_open_folder(&upkeep->vault, upkeep->folder,
                                           upkeep->library.keyring, NULL);
    assert(status == STATUS_OK);
    upkeep->store = vault_store(upkeep->vault);
}

void test_upkeep_stop(struct test_upkeep *upkeep)
{
    vault_close(upkeep->vault);
    test_library_stop(&upkeep->library);
}

static int file_of(const void *bytes, size_t length)
{
    int fd = memfd_create("refrain-test", MFD_CLOEXEC);
    assert(fd >= 0);
    ssize_t written = write(fd, bytes, length);
    assert(written == (ssize_t)length);
    return fd;
}

/* The account's key; wipe it. */
static void open_key(struct test_upkeep *upkeep, struct redis *redis,
                     const char *account_id, uint8_t key[AES256_KEY_BYTES])
{
    struct account account;
    enum status status = account_read(redis, account_id, &account, NULL);
    assert(status == STATUS_OK);
    status =
        keyring_unwrap(upkeep->library.keyring, key, account.wrapped_key, NULL);
    assert(status == STATUS_OK);
}

enum status test_song_put(struct test_upkeep *upkeep, struct redis *redis,
                          const char *account, const void *bytes, size_t length,
                          const char *content, struct test_song *out,
                          struct error *err)
{
    uint8_t key[AES256_KEY_BYTES];
    bool known = false;
    struct upload made;
    struct upload wanted = test_upload(account, length);
    *out = (struct test_song){0};
    (void)snprintf(out->account, sizeof out->account, "%s", account);
    enum status status =
        upload_create(redis, &wanted, NULL, &made, &known, err);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(out->upload, made.id, ID_SIZE);
    out->entry = test_entry(ENTRY_UPLOADED, "", content);
    out->entry.size_bytes = length;
    open_key(upkeep, redis, account, key);
    const struct vault_owner owner = {.account_key = key,
                                      .account_id = account,
                                      .track_id = out->entry.id,
                                      .region = TEST_REGION};
    pins_init(&out->pins, redis, UPKEEP_REGION);
    const struct vault_guard guard = pins_guard(&out->pins);
    int fd = file_of(bytes, length);
    status = vault_put(upkeep->vault, &owner, fd, &guard, &out->manifest, err);
    (void)close(fd);
    return status;
}

enum status test_song_commit(struct redis *redis, struct test_song *song,
                             struct error *err)
{
    struct upload done;
    struct upload_outcome outcome = test_outcome(&song->entry);
    outcome.manifest = &song->manifest;
    outcome.kept_until_ms = pins_until_ms(&song->pins);
    enum status status =
        upload_finish(redis, song->account, song->upload, &outcome, &done, err);
    assert(status != STATUS_OK || done.status == UPLOAD_UPLOADED);
    return status;
}

void test_song_clear(struct test_song *song)
{
    buffer_clear(&song->manifest);
}

void test_song_add(struct test_upkeep *upkeep, const char *account,
                   const void *bytes, size_t length, const char *content,
                   char out_id[ID_SIZE])
{
    struct test_song song;
    struct redis *redis = upkeep->library.redis;
    enum status status = test_song_put(upkeep, redis, account, bytes, length,
                                       content, &song, NULL);
    assert(status == STATUS_OK);
    status = test_song_commit(redis, &song, NULL);
    assert(status == STATUS_OK);
    memcpy(out_id, song.entry.id, ID_SIZE);
    test_song_clear(&song);
}

bool test_song_is(struct test_upkeep *upkeep, struct redis *redis,
                  const char *account, const char *track, const void *bytes,
                  size_t length)
{
    uint8_t key[AES256_KEY_BYTES];
    struct buffer manifest = {0};
    struct vault_reader *reader = NULL;
    uint8_t *back = malloc(length + 1);
    size_t got = 0;
    assert(back != NULL);
    open_key(upkeep, redis, account, key);
    const struct vault_owner owner = {.account_key = key,
                                      .account_id = account,
                                      .track_id = track,
                                      .region = TEST_REGION};
    enum status status =
        library_manifest(redis, account, track, &manifest, NULL);
    if (status == STATUS_OK) {
        status = vault_reader_open(&reader, upkeep->vault, &owner,
                                   manifest.bytes, manifest.length, NULL);
    }
    if (status == STATUS_OK) {
        status = vault_read(reader, 0, back, length + 1, &got, NULL);
    }
    bool same = status == STATUS_OK && got == length &&
                memcmp(back, bytes, length) == 0;
    vault_reader_close(reader);
    buffer_clear(&manifest);
    free(back);
    return same;
}

static enum status count_object(void *context, const struct store_entry *entry,
                                struct error *err)
{
    (void)entry;
    (void)err;
    ++*(size_t *)context;
    return STATUS_OK;
}

size_t test_object_count(const struct test_upkeep *upkeep)
{
    size_t count = 0;
    enum status status = upkeep->store->methods->list(
        upkeep->store, NULL, count_object, &count, NULL);
    assert(status == STATUS_OK);
    return count;
}

struct collect_counts test_collect(struct test_upkeep *upkeep,
                                   const struct collect_options *options)
{
    static const struct collect_watch unwatched;
    struct collect_counts counts;
    struct error err = {0};
    enum status status =
        collect(&counts, upkeep->library.redis, upkeep->library.keyring,
                upkeep->store, options, &unwatched, &err);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "%s: %s\n", err.code, err.text);
    }
    assert(status == STATUS_OK);
    return counts;
}
