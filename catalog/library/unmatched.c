/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/unmatched.h"

#include "catalog/library/entry_record.h"
#include "catalog/library/scripts.h"
#include "catalog/library/track_change.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTEMPTS_KEPT_S = 24 * 3600 };

/* ---- accounts ---- */

enum status unmatched_enter(struct redis *redis, const char *account_id,
                            struct error *err)
{
    struct key key = key_unmatched_accounts();
    const struct redis_arg args[] = {redis_text("SADD"), redis_text(key.text),
                                     redis_text(account_id)};
    return redis_call(redis, NULL, args, 3, err);
}

static enum status copy_ids(char (**out)[ID_SIZE], size_t *count,
                            const struct redis_reply *ids, struct error *err)
{
    *count = 0;
    *out = calloc(redis_reply_count(ids) + 1, sizeof **out);
    if (*out == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for a list of accounts: free some");
    }
    for (size_t i = 0; i < redis_reply_count(ids); i++) {
        char *id = (*out)[*count];
        if (redis_reply_copy(id, ID_SIZE, redis_reply_at(ids, i)) &&
            id_valid(id)) {
            (*count)++;
        }
    }
    return STATUS_OK;
}

enum status unmatched_accounts(struct redis *redis, char cursor[24],
                               char (**out)[ID_SIZE], size_t *count,
                               struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number page;
    struct key key = key_unmatched_accounts();
    const struct redis_arg args[] = {redis_text("SSCAN"), redis_text(key.text),
                                     redis_text(cursor), redis_text("COUNT"),
                                     redis_integer(&page, UNMATCHED_PAGE_MAX)};
    enum status status = redis_call(redis, &reply, args, 5, err);
    *out = NULL;
    *count = 0;
    if (status == STATUS_OK) {
        assert(redis_reply_count(reply) == 2);
        (void)redis_reply_copy(cursor, 24, redis_reply_at(reply, 0));
        status = copy_ids(out, count, redis_reply_at(reply, 1), err);
    }
    redis_reply_free(reply);
    return status;
}

/* ---- tracks ---- */

enum status unmatched_list(struct redis *redis, const char *account_id,
                           uint64_t arrivals,
                           struct unmatched out[UNMATCHED_PAGE_MAX],
                           size_t *count, struct error *err)
{
    char below[24];
    struct redis_number page;
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_UNMATCHED, account_id, "");
    (void)snprintf(below, sizeof below, "(%" PRIu64, arrivals);
    const struct redis_arg args[] = {redis_text("ZRANGEBYSCORE"),
                                     redis_text(key.text),
                                     redis_text("-inf"),
                                     redis_text(below),
                                     redis_text("WITHSCORES"),
                                     redis_text("LIMIT"),
                                     redis_text("0"),
                                     redis_integer(&page, UNMATCHED_PAGE_MAX)};
    enum status status = redis_call(redis, &reply, args, 8, err);
    *count = 0;
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
        int64_t asked = redis_reply_integer(redis_reply_at(reply, i + 1), 0);
        struct unmatched *track = &out[*count];
        track->asked = asked < 0 ? 0 : (uint64_t)asked;
        if (redis_reply_copy(track->track_id, ID_SIZE,
                             redis_reply_at(reply, i)) &&
            id_valid(track->track_id)) {
            (*count)++;
        }
    }
    redis_reply_free(reply);
    return status;
}

enum status unmatched_asked(struct redis *redis, const char *account_id,
                            const char *track_id, uint64_t arrivals,
                            struct error *err)
{
    struct redis_number score;
    struct key key = key_of_account(KEY_UNMATCHED, account_id, "");
    const struct redis_arg args[] = {redis_text("ZADD"),
                                     redis_text(key.text),
                                     redis_text("XX"),
                                     redis_text("GT"),
                                     redis_integer(&score, (int64_t)arrivals),
                                     redis_text(track_id)};
    return redis_call(redis, NULL, args, 6, err);
}

enum status unmatched_has(struct redis *redis, const char *account_id,
                          const char *track_id, bool *out, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_UNMATCHED, account_id, "");
    const struct redis_arg args[] = {redis_text("ZSCORE"), redis_text(key.text),
                                     redis_text(track_id)};
    enum status status = redis_call(redis, &reply, args, 3, err);
    *out = redis_reply_type(reply) == REDIS_TEXT;
    redis_reply_free(reply);
    return status;
}

enum status unmatched_print(struct redis *redis, const char *account_id,
                            const char *track_id, struct buffer *out,
                            struct error *err)
{
    struct redis_reply *reply = NULL;
    size_t length = 0;
    struct key key = key_of_account(KEY_PRINT, account_id, track_id);
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    const char *bytes = redis_reply_bytes(reply, &length);
    if (status == STATUS_OK && bytes == NULL) {
        status = error_set(err, STATUS_NOT_FOUND, "no_print",
                           "a track has no stored fingerprint");
    } else if (status == STATUS_OK) {
        status = buffer_append(out, bytes, length, err);
    }
    redis_reply_free(reply);
    return status;
}

/* ---- outcomes ---- */

static enum status refusal(const struct redis_reply *reply, struct error *err)
{
    if (script_refused(reply, "changed")) {
        return error_set(err, STATUS_CONFLICT, "changed",
                         "the track changed while it was asked again");
    }
    if (script_refused(reply, "denied")) {
        return error_set(err, STATUS_CONFLICT, "denied",
                         "the subscriber has denied this recording");
    }
    return STATUS_OK;
}

static enum status run(struct redis *redis, const char *account_id,
                       const char *track_id, const struct track_change *change,
                       struct error *err)
{
    struct redis_reply *reply = NULL;
    enum status status =
        track_change_run(redis, account_id, track_id, change, &reply, err);
    if (status == STATUS_OK) {
        status = refusal(reply, err);
    }
    redis_reply_free(reply);
    return status;
}

enum status unmatched_heard(struct redis *redis, const char *account_id,
                            const struct entry *entry, uint64_t arrivals,
                            struct error *err)
{
    static const enum account_key keys[] = {KEY_ACCOUNT, KEY_TRACK, KEY_CHANGES,
                                            KEY_UNMATCHED};
    enum { HEAD = 4 };
    struct redis_number met;
    struct record record = {0};
    struct evidence_text text;
    struct redis_arg args[HEAD + 2 * RECORD_FIELDS_MAX] = {
        redis_text(entry->content_id),
        redis_integer(&met, (int64_t)arrivals),
        redis_text(entry->reason),
        redis_text(entry->evidence.recording_id),
    };
    if (entry->reason[0] != '\0') {
        evidence_record_write(&record, &entry->evidence, &text);
    }
    const struct track_change change = {
        &script_unmatched_heard, keys, sizeof keys / sizeof *keys, args,
        HEAD + record_args(&record, args + HEAD)};
    return run(redis, account_id, entry->id, &change, err);
}

enum status unmatched_upgrade(struct redis *redis, const char *account_id,
                              const struct entry *entry, struct error *err)
{
    static const enum account_key keys[] = {
        KEY_ACCOUNT,    KEY_TRACK,  KEY_CHANGES,  KEY_UNMATCHED,
        KEY_RECORDINGS, KEY_DENIED, KEY_MANIFEST, KEY_PRINT};
    enum { HEAD = 2 };
    struct record record = {0};
    struct evidence_text text;
    struct redis_arg args[HEAD + 2 * RECORD_FIELDS_MAX] = {
        redis_text(entry->content_id), redis_text(entry->recording_id)};
    assert(entry->status == ENTRY_MATCHED);
    assert(id_valid(entry->recording_id));
    sound_record_write(&record, entry, &text);
    const struct track_change change = {
        &script_unmatched_upgrade, keys, sizeof keys / sizeof *keys, args,
        HEAD + record_args(&record, args + HEAD)};
    return run(redis, account_id, entry->id, &change, err);
}

/* ---- attempts ---- */

enum status unmatched_attempt(struct redis *redis, const char *account_id,
                              const char *track_id, unsigned *out,
                              struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number kept;
    struct key key = key_of_account(KEY_ASKING, account_id, track_id);
    const struct redis_arg count[] = {redis_text("INCR"), redis_text(key.text)};
    const struct redis_arg expire[] = {redis_text("EXPIRE"),
                                       redis_text(key.text),
                                       redis_integer(&kept, ATTEMPTS_KEPT_S)};
    enum status status = redis_call(redis, &reply, count, 2, err);
    if (status == STATUS_OK) {
        *out = (unsigned)redis_reply_integer(reply, 1);
        status = redis_call(redis, NULL, expire, 3, err);
    }
    redis_reply_free(reply);
    return status;
}

/* What cannot be told now is told by the key's end. */
static void attempts_command(struct redis *redis, const char *command,
                             const char *account_id, const char *track_id)
{
    struct error ignored;
    struct key key = key_of_account(KEY_ASKING, account_id, track_id);
    const struct redis_arg args[] = {redis_text(command), redis_text(key.text)};
    enum status status = redis_call(redis, NULL, args, 2, &ignored);
    (void)status;
}

void unmatched_attempt_undo(struct redis *redis, const char *account_id,
                            const char *track_id)
{
    attempts_command(redis, "DECR", account_id, track_id);
}

void unmatched_attempts_end(struct redis *redis, const char *account_id,
                            const char *track_id)
{
    attempts_command(redis, "DEL", account_id, track_id);
}

/* ---- one walk at a time ---- */

enum status unmatched_lease(struct redis *redis, const char *who,
                            uint32_t lease_ms, bool *held, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number time;
    struct key key = key_rescan_lease();
    const struct redis_arg keys[] = {redis_text(key.text)};
    const struct redis_arg args[] = {redis_text(who),
                                     redis_integer(&time, lease_ms)};
    enum status status = redis_script_run(redis, &reply, &script_lease_take,
                                          keys, 1, args, 2, err);
    *held = redis_reply_integer(reply, 0) == 1;
    redis_reply_free(reply);
    return status;
}
