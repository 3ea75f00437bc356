/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/holdings.h"

#include "catalog/library/scripts.h"
#include "catalog/redis/keys.h"

#include <assert.h>
#include <stdlib.h>

enum { PURGE_PAGE = 100 };

/* ---- ids ---- */

static void copy_ids(struct holdings *out, const struct redis_reply *ids)
{
    for (size_t i = 0; i < redis_reply_count(ids); i++) {
        char *id = out->track_ids[out->count];
        if (redis_reply_copy(id, ID_SIZE, redis_reply_at(ids, i)) &&
            id_valid(id)) {
            out->count++;
        }
    }
}

enum status holdings_list(struct redis *redis, const char *account_id,
                          struct holdings *out, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key trash = key_of_account(KEY_TRASH, account_id, "");
    struct key tracks = key_of_account(KEY_TRACKS, account_id, "");
    const struct redis_arg keys[] = {redis_text(trash.text),
                                     redis_text(tracks.text)};
    *out = (struct holdings){0};
    enum status status = redis_script_run(redis, &reply, &script_holdings, keys,
                                          2, NULL, 0, err);
    if (status == STATUS_OK) {
        assert(redis_reply_count(reply) == 2);
        const struct redis_reply *in_trash = redis_reply_at(reply, 0);
        const struct redis_reply *in_library = redis_reply_at(reply, 1);
        size_t count =
            redis_reply_count(in_trash) + redis_reply_count(in_library);
        out->track_ids = calloc(count + 1, sizeof *out->track_ids);
        if (out->track_ids == NULL) {
            status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                               "no memory for the tracks of an account");
        } else {
            copy_ids(out, in_trash);
            out->trash_count = out->count;
            copy_ids(out, in_library);
        }
    }
    redis_reply_free(reply);
    return status;
}

void holdings_clear(struct holdings *holdings)
{
    free(holdings->track_ids);
    *holdings = (struct holdings){0};
}

/* ---- tracks ---- */

/* The track, then its manifest: one that becomes matched in between has lost
 * its manifest, one that becomes uploaded has got it. */
static enum status send_track(struct redis *redis, const char *account_id,
                              const char *track_id, struct error *err)
{
    struct key track = key_of_account(KEY_TRACK, account_id, track_id);
    struct key manifest = key_of_account(KEY_MANIFEST, account_id, track_id);
    const struct redis_arg facts[] = {
        redis_text("HMGET"), redis_text(track.text), redis_text("status"),
        redis_text("size_bytes")};
    const struct redis_arg sealed[] = {redis_text("GET"),
                                       redis_text(manifest.text)};
    enum status status = redis_send(redis, facts, 4, err);
    return status == STATUS_OK ? redis_send(redis, sealed, 2, err) : status;
}

static enum status receive_track(struct redis *redis, struct holding *out,
                                 struct error *err)
{
    struct redis_reply *facts = NULL;
    struct redis_reply *sealed = NULL;
    char word[16] = "";
    enum status status = redis_receive(redis, &facts, err);
    if (status == STATUS_OK) {
        status = redis_receive(redis, &sealed, err);
    }
    if (status == STATUS_OK) {
        size_t length = 0;
        const char *bytes = redis_reply_bytes(sealed, &length);
        int64_t size_bytes = redis_reply_integer(redis_reply_at(facts, 1), 0);
        (void)redis_reply_copy(word, sizeof word, redis_reply_at(facts, 0));
        out->is_there = word[0] != '\0';
        out->is_uploaded = strcmp(word, "uploaded") == 0;
        out->size_bytes = size_bytes < 0 ? 0 : (uint64_t)size_bytes;
        if (bytes != NULL) {
            status = buffer_append(&out->manifest, bytes, length, err);
        }
    }
    redis_reply_free(sealed);
    redis_reply_free(facts);
    return status;
}

enum status holdings_read(struct redis *redis, const char *account_id,
                          struct holding *holdings, size_t count,
                          struct error *err)
{
    enum status status = STATUS_OK;
    assert(count <= HOLDINGS_PAGE_MAX);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = send_track(redis, account_id, holdings[i].track_id, err);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = receive_track(redis, &holdings[i], err);
    }
    if (status != STATUS_OK) {
        redis_cancel(redis);
    }
    return status;
}

/* ---- the trash ---- */

static enum status purge_track(struct redis *redis, const char *account_id,
                               const char *track_id, int64_t before_ms,
                               uint64_t *count, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number before;
    const struct key names[] = {
        key_of_account(KEY_TRASH, account_id, ""),
        key_of_account(KEY_TRACK, account_id, track_id),
        key_of_account(KEY_MANIFEST, account_id, track_id),
        key_of_account(KEY_PRINT, account_id, track_id),
        key_of_account(KEY_ASKING, account_id, track_id),
    };
    enum { KEYS = sizeof names / sizeof names[0] };
    struct redis_arg keys[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = redis_text(names[i].text);
    }
    const struct redis_arg args[] = {redis_text(track_id),
                                     redis_integer(&before, before_ms)};
    enum status status = redis_script_run(redis, &reply, &script_trash_purge,
                                          keys, KEYS, args, 2, err);
    if (status == STATUS_OK) {
        *count += redis_reply_integer(reply, 0) == 1;
    }
    redis_reply_free(reply);
    return status;
}

/* A page of what is old enough; in the end an empty one. */
static enum status list_old(struct redis *redis, const char *account_id,
                            int64_t before_ms, size_t offset,
                            struct redis_reply **reply, struct error *err)
{
    struct redis_number before;
    struct redis_number from;
    struct redis_number page;
    struct key trash = key_of_account(KEY_TRASH, account_id, "");
    const struct redis_arg args[] = {redis_text("ZRANGEBYSCORE"),
                                     redis_text(trash.text),
                                     redis_text("-inf"),
                                     redis_integer(&before, before_ms),
                                     redis_text("LIMIT"),
                                     redis_integer(&from, (int64_t)offset),
                                     redis_integer(&page, PURGE_PAGE)};
    return redis_call(redis, reply, args, sizeof args / sizeof args[0], err);
}

enum status holdings_purge(struct redis *redis, const char *account_id,
                           int64_t before_ms, bool dry_run, uint64_t *count,
                           struct error *err)
{
    size_t kept = 0; /* of those that were looked at */
    size_t found = 0;
    enum status status = STATUS_OK;
    *count = 0;
    do {
        struct redis_reply *reply = NULL;
        status = list_old(redis, account_id, before_ms, kept, &reply, err);
        found = redis_reply_count(reply);
        uint64_t purged = *count;
        for (size_t i = 0; status == STATUS_OK && i < found; i++) {
            char id[ID_SIZE];
            if (!redis_reply_copy(id, sizeof id, redis_reply_at(reply, i)) ||
                !id_valid(id)) {
                continue;
            }
            if (dry_run) {
                (*count)++;
            } else {
                status =
                    purge_track(redis, account_id, id, before_ms, count, err);
            }
        }
        kept += dry_run ? found : found - (size_t)(*count - purged);
        redis_reply_free(reply);
    } while (status == STATUS_OK && found == PURGE_PAGE);
    return status;
}
