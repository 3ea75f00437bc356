/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/library.h"

#include "catalog/library/entry_record.h"
#include "catalog/redis/keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static enum status no_track(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_track",
                     "there is no such track in this library: list it anew");
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory for a part of a library: ask for less");
}

/* ---- one entry ---- */

/* false: there is none, or it lies in the trash. */
static bool decode_entry(struct entry *out, const char *track_id,
                         const struct redis_reply *reply)
{
    struct record record = {0};
    record_of_reply(&record, reply);
    if (record.field_count == 0 ||
        record_text(&record, "trashed_ms")[0] != '\0') {
        return false;
    }
    entry_record_read(out, track_id, &record);
    return true;
}

static enum status send_entry(struct redis *redis, const char *account_id,
                              const char *track_id, struct error *err)
{
    struct key key = key_of_account(KEY_TRACK, account_id, track_id);
    const struct redis_arg args[] = {redis_text("HGETALL"),
                                     redis_text(key.text)};
    return redis_send(redis, args, 2, err);
}

enum status library_entry(struct redis *redis, const char *account_id,
                          const char *track_id, struct entry *out,
                          struct error *err)
{
    if (!id_valid(track_id)) {
        return no_track(err);
    }
    struct redis_reply *reply = NULL;
    enum status status = send_entry(redis, account_id, track_id, err);
    if (status == STATUS_OK) {
        status = redis_receive(redis, &reply, err);
    }
    if (status == STATUS_OK && !decode_entry(out, track_id, reply)) {
        status = no_track(err);
    }
    redis_reply_free(reply);
    return status;
}

enum status library_manifest(struct redis *redis, const char *account_id,
                             const char *track_id, struct buffer *out,
                             struct error *err)
{
    if (!id_valid(track_id)) {
        return no_track(err);
    }
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_MANIFEST, account_id, track_id);
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    if (status == STATUS_OK) {
        size_t length = 0;
        const char *bytes = redis_reply_bytes(reply, &length);
        status = bytes == NULL ? no_track(err)
                               : buffer_append(out, bytes, length, err);
    }
    redis_reply_free(reply);
    return status;
}

/* ---- pages ---- */

/* Sends: the version, then the page's ids with one more to know whether
 * another page follows. */
static enum status send_page(struct redis *redis, const char *account_id,
                             uint64_t cursor, uint32_t limit, struct error *err)
{
    char after[24];
    struct redis_number most;
    (void)snprintf(after, sizeof after, "(%" PRIu64, cursor);
    struct key account = key_of_account(KEY_ACCOUNT, account_id, "");
    struct key tracks = key_of_account(KEY_TRACKS, account_id, "");
    const struct redis_arg version[] = {
        redis_text("HGET"), redis_text(account.text), redis_text("version")};
    const struct redis_arg ids[] = {
        redis_text("ZRANGEBYSCORE"),
        redis_text(tracks.text),
        redis_text(after),
        redis_text("+inf"),
        redis_text("WITHSCORES"),
        redis_text("LIMIT"),
        redis_text("0"),
        redis_integer(&most, (int64_t)limit + 1),
    };
    enum status status = redis_send(redis, version, 3, err);
    if (status == STATUS_OK) {
        status = redis_send(redis, ids, sizeof ids / sizeof *ids, err);
    }
    return status;
}

static enum status receive_page(struct redis *redis, uint64_t *version,
                                struct redis_reply **ids, struct error *err)
{
    struct redis_reply *reply = NULL;
    enum status status = redis_receive(redis, &reply, err);
    if (status == STATUS_OK) {
        *version = (uint64_t)redis_reply_integer(reply, 0);
        status = redis_receive(redis, ids, err);
    }
    redis_reply_free(reply);
    return status;
}

/* Reads the first `wanted` entries of an id-score list. One that was removed
 * meanwhile is left out: the change log tells of it. */
static enum status read_entries(struct redis *redis, const char *account_id,
                                const struct redis_reply *ids, size_t wanted,
                                struct entry *entries, size_t *count,
                                struct error *err)
{
    char id[ID_SIZE];
    for (size_t i = 0; i < wanted; i++) {
        (void)redis_reply_copy(id, sizeof id, redis_reply_at(ids, 2 * i));
        enum status status = send_entry(redis, account_id, id, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < wanted; i++) {
        struct redis_reply *reply = NULL;
        enum status status = redis_receive(redis, &reply, err);
        if (status != STATUS_OK) {
            return status;
        }
        (void)redis_reply_copy(id, sizeof id, redis_reply_at(ids, 2 * i));
        *count += decode_entry(&entries[*count], id, reply);
        redis_reply_free(reply);
    }
    return STATUS_OK;
}

enum status library_list(struct redis *redis, const char *account_id,
                         uint64_t cursor, uint32_t limit, struct entry **out,
                         size_t *count, uint64_t *next, uint64_t *version,
                         struct error *err)
{
    assert(limit >= 1);
    assert(limit <= LIBRARY_PAGE_MAX);
    *out = NULL;
    *count = 0;
    *next = 0;
    struct redis_reply *ids = NULL;
    struct entry *entries = NULL;
    enum status status = send_page(redis, account_id, cursor, limit, err);
    if (status == STATUS_OK) {
        status = receive_page(redis, version, &ids, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    size_t found = redis_reply_count(ids) / 2;
    size_t wanted = found > limit ? limit : found;
    entries = calloc(wanted + 1, sizeof *entries);
    if (entries == NULL) {
        status = no_memory(err);
        goto out;
    }
    status = read_entries(redis, account_id, ids, wanted, entries, count, err);
    if (status == STATUS_OK) {
        if (found > limit) {
            *next = (uint64_t)redis_reply_integer(
                redis_reply_at(ids, 2 * wanted - 1), 0);
        }
        *out = entries;
        entries = NULL;
    } else {
        *count = 0;
    }
out:
    free(entries);
    redis_reply_free(ids);
    return status;
}

/* ---- changes ---- */

/* Sends: the version, the changes wanted, the oldest change that is kept. In
 * this order: what is still kept after the changes were read was kept before,
 * so that none was cut off in between. */
static enum status send_changes(struct redis *redis, const char *account_id,
                                uint64_t since, uint32_t limit,
                                struct error *err)
{
    char after[32];
    struct redis_number most;
    (void)snprintf(after, sizeof after, "(%" PRIu64 "-0", since);
    struct key account = key_of_account(KEY_ACCOUNT, account_id, "");
    struct key changes = key_of_account(KEY_CHANGES, account_id, "");
    const struct redis_arg version[] = {
        redis_text("HGET"), redis_text(account.text), redis_text("version")};
    const struct redis_arg oldest[] = {
        redis_text("XRANGE"), redis_text(changes.text), redis_text("-"),
        redis_text("+"),      redis_text("COUNT"),      redis_text("1")};
    const struct redis_arg wanted[] = {
        redis_text("XRANGE"), redis_text(changes.text),
        redis_text(after),    redis_text("+"),
        redis_text("COUNT"),  redis_integer(&most, limit)};
    enum status status = redis_send(redis, version, 3, err);
    if (status == STATUS_OK) {
        status = redis_send(redis, wanted, 6, err);
    }
    if (status == STATUS_OK) {
        status = redis_send(redis, oldest, 6, err);
    }
    return status;
}

/* The version that an entry of the stream, [id, fields], stands for. */
static uint64_t change_version(const struct redis_reply *entry)
{
    char id[48];
    (void)redis_reply_copy(id, sizeof id, redis_reply_at(entry, 0));
    return strtoull(id, NULL, 10);
}

static struct change decode_change(const struct redis_reply *entry)
{
    static const char *const words[] = {
        [CHANGE_ADDED] = "added",
        [CHANGE_CHANGED] = "changed",
        [CHANGE_REMOVED] = "removed",
    };
    struct record record = {0};
    struct change change = {.version = change_version(entry)};
    record_of_reply(&record, redis_reply_at(entry, 1));
    change.kind = (enum change_kind)record_value(
        &record, "kind", words, sizeof words / sizeof *words, CHANGE_CHANGED);
    record_copy(change.track_id, sizeof change.track_id, &record, "track");
    return change;
}

/* Does the log reach back to `since`? It does not either when the asker knows
 * a version that never was: the library came back from an older backup. */
static bool log_reaches(uint64_t since, uint64_t version,
                        const struct redis_reply *oldest)
{
    if (redis_reply_count(oldest) == 0) {
        return since == version;
    }
    return since <= version &&
           since + 1 >= change_version(redis_reply_at(oldest, 0));
}

static enum status copy_changes(const struct redis_reply *wanted,
                                struct change **out, size_t *count,
                                struct error *err)
{
    size_t found = redis_reply_count(wanted);
    struct change *changes = calloc(found + 1, sizeof *changes);
    if (changes == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < found; i++) {
        changes[i] = decode_change(redis_reply_at(wanted, i));
    }
    *out = changes;
    *count = found;
    return STATUS_OK;
}

enum status library_changes(struct redis *redis, const char *account_id,
                            uint64_t since, uint32_t limit, struct change **out,
                            size_t *count, struct error *err)
{
    assert(limit >= 1);
    assert(limit <= CHANGES_PAGE_MAX);
    *out = NULL;
    *count = 0;
    struct redis_reply *replies[3] = {0};
    enum status status = send_changes(redis, account_id, since, limit, err);
    for (int i = 0; i < 3 && status == STATUS_OK; i++) {
        status = redis_receive(redis, &replies[i], err);
    }
    if (status == STATUS_OK) {
        uint64_t version = (uint64_t)redis_reply_integer(replies[0], 0);
        status = log_reaches(since, version, replies[2])
                     ? copy_changes(replies[1], out, count, err)
                     : error_set(err, STATUS_LIMIT, "changes_gone",
                                 "the changes since version %" PRIu64
                                 " are no longer kept: list the whole library "
                                 "anew",
                                 since);
    }
    for (int i = 0; i < 3; i++) {
        redis_reply_free(replies[i]);
    }
    return status;
}
