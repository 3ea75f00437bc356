/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/library.h"

#include <assert.h>
#include <stdio.h>

void test_account_make(struct test_library *library, const char *email,
                       char out_id[ID_SIZE])
{
    const struct account_new wanted = {
        .email = email,
        .password = TEST_PASSWORD,
        .region = TEST_REGION,
        .trial_days = 30,
        .limit_bytes = TEST_LIMIT_BYTES,
    };
    enum status status =
        account_create(library->redis, library->keyring, &wanted, out_id, NULL);
    assert(status == STATUS_OK);
}

void test_library_start(struct test_library *library)
{
    *library = (struct test_library){0};
    test_redis_start(&library->server);
    library->redis = test_redis_open(&library->server);
    test_folder_make(library->keys_folder);
    enum status status =
        keyring_open(&library->keyring, library->keys_folder, true, NULL);
    assert(status == STATUS_OK);
    test_account_make(library, TEST_EMAIL, library->account);
}

void test_library_stop(struct test_library *library)
{
    keyring_close(library->keyring);
    test_folder_remove(library->keys_folder);
    redis_close(library->redis);
    test_redis_stop(&library->server);
}

struct account test_account_read(struct test_library *library,
                                 const char *account_id)
{
    struct account account;
    enum status status =
        account_read(library->redis, account_id, &account, NULL);
    assert(status == STATUS_OK);
    return account;
}

void test_account_next(struct test_library *library, char out_id[ID_SIZE])
{
    char email[64];
    (void)snprintf(email, sizeof email, "%u@example.org",
                   library->account_count++);
    test_account_make(library, email, out_id);
}

struct upload test_upload(const char *account_id, uint64_t size_bytes)
{
    struct upload upload = {
        .filename = "07 Song.mp3",
        .size_bytes = size_bytes,
        .created_ms = 1700000000000,
    };
    id_random(upload.id, "upl");
    (void)snprintf(upload.account_id, sizeof upload.account_id, "%s",
                   account_id);
    return upload;
}

void test_upload_make(struct test_library *library, const char *account_id,
                      uint64_t size_bytes, char out_id[ID_SIZE])
{
    struct upload wanted = test_upload(account_id, size_bytes);
    struct upload made;
    bool known = false;
    enum status status =
        upload_create(library->redis, &wanted, NULL, &made, &known, NULL);
    assert(status == STATUS_OK);
    assert(!known);
    memcpy(out_id, made.id, ID_SIZE);
}

struct entry test_entry(enum entry_status status, const char *recording_id,
                        const char *content)
{
    struct entry entry = {
        .status = status,
        .title = "Título|one, two",
        .artist = "Artist",
        .album = "Album",
        .album_artist = "Various",
        .disc = 2,
        .track = 7,
        .date = "1999-12-31",
        .isrc = "DEABC9900001",
        .advisory = ADVISORY_CLEAN,
        .duration_ms = 215000,
        .added_ms = 1700000001000,
        .filename = "07 Song.mp3",
        .container = CONTAINER_MP3,
        .size_bytes = 1000,
    };
    uint8_t hash[SHA256_BYTES];
    id_random(entry.id, "trk");
    (void)snprintf(entry.reason, sizeof entry.reason, "%s",
                   status == ENTRY_MATCHED ? "matched" : "no_candidate");
    (void)snprintf(entry.recording_id, sizeof entry.recording_id, "%s",
                   recording_id);
    crypto_sha256(hash, content, strlen(content));
    hex_encode(entry.content_id, hash, sizeof hash);
    return entry;
}

struct upload_outcome test_outcome(const struct entry *entry)
{
    static const struct buffer no_manifest;
    return (struct upload_outcome){
        .status =
            entry->status == ENTRY_MATCHED ? UPLOAD_MATCHED : UPLOAD_UPLOADED,
        .reason = entry->reason,
        .entry = entry,
        .evidence = &entry->evidence,
        .manifest = &no_manifest,
    };
}

void test_add(struct test_library *library, const char *account_id,
              const struct entry *entry, struct upload *out)
{
    static const char sealed[] = "sealed\0manifest";
    struct buffer manifest = {0};
    char upload_id[ID_SIZE];
    struct upload_outcome outcome = test_outcome(entry);
    test_upload_make(library, account_id, entry->size_bytes, upload_id);
    enum status status =
        buffer_append(&manifest, sealed, sizeof sealed - 1, NULL);
    assert(status == STATUS_OK);
    outcome.manifest = &manifest;
    status = upload_finish(library->redis, account_id, upload_id, &outcome, out,
                           NULL);
    assert(status == STATUS_OK);
    buffer_clear(&manifest);
}

void test_track_add(struct test_library *library, const char *account_id,
                    enum entry_status status, const char *recording_id,
                    const char *content, char out_id[ID_SIZE])
{
    struct upload upload;
    struct entry entry = test_entry(status, recording_id, content);
    test_add(library, account_id, &entry, &upload);
    assert(strcmp(upload.track_id, entry.id) == 0);
    memcpy(out_id, entry.id, ID_SIZE);
}

int64_t test_ask(struct redis *redis, const char *const *words, size_t count)
{
    struct redis_arg args[8];
    struct redis_reply *reply = NULL;
    assert(count <= sizeof args / sizeof *args);
    for (size_t i = 0; i < count; i++) {
        args[i] = redis_text(words[i]);
    }
    enum status status = redis_call(redis, &reply, args, count, NULL);
    assert(status == STATUS_OK);
    int64_t answer = redis_reply_integer(reply, -1);
    redis_reply_free(reply);
    return answer;
}
