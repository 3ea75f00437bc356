/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/fix.h"

#include "catalog/library/scripts.h"
#include "catalog/library/track_change.h"
#include "catalog/library/uploads.h"

/* The keys of entry_fix.lua and, with one more, entry_unfix.lua. */
static const enum account_key KEYS[] = {
    KEY_ACCOUNT, KEY_TRACK, KEY_CHANGES, KEY_UNMATCHED, KEY_DENIED, KEY_PRINT,
};
enum { UNFIX_KEYS = sizeof KEYS / sizeof *KEYS, FIX_KEYS = UNFIX_KEYS - 1 };

enum status library_fix(struct redis *redis, const char *account_id,
                        const char *track_id, int64_t now_ms, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number number;
    const struct redis_arg now = redis_integer(&number, now_ms);
    const struct track_change change = {&script_entry_fix, KEYS, FIX_KEYS, &now,
                                        1};
    enum status status =
        track_change_run(redis, account_id, track_id, &change, &reply, err);
    redis_reply_free(reply);
    return status;
}

static bool says_ask(const struct redis_reply *reply)
{
    size_t length = 0;
    const char *word = redis_reply_bytes(reply, &length);
    return word != NULL && strcmp(word, "ask") == 0;
}

enum status library_unfix(struct redis *redis, const char *account_id,
                          const char *track_id, struct error *err)
{
    struct redis_reply *reply = NULL;
    const struct track_change change = {&script_entry_unfix, KEYS, UNFIX_KEYS,
                                        NULL, 0};
    enum status status =
        track_change_run(redis, account_id, track_id, &change, &reply, err);
    if (status == STATUS_OK && says_ask(reply)) {
        /* When the queue is full or gone, the next release or start finds the
         * track; the undo itself is done. */
        struct error ignored;
        enum status queued =
            jobs_add_rescan(redis, account_id, track_id, 0, &ignored);
        (void)queued;
    }
    redis_reply_free(reply);
    return status;
}

bool entry_wants_audio(const struct entry *entry)
{
    return entry->status == ENTRY_MATCHED && entry->fixed_ms != 0;
}

/* Whether the denied track wants audio; one that is gone does not. */
static enum status look_at(struct redis *redis, const char *account_id,
                           char track_id[ID_SIZE], enum denial *out,
                           struct error *err)
{
    struct entry entry;
    enum status status =
        library_entry(redis, account_id, track_id, &entry, err);
    *out = DENIAL_KEPT;
    if (status == STATUS_OK && entry_wants_audio(&entry)) {
        *out = DENIAL_WANTED;
    } else {
        track_id[0] = '\0';
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status denial_find(struct redis *redis, const char *account_id,
                        const char *recording_id, enum denial *out,
                        char out_track_id[ID_SIZE], struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_DENIED, account_id, "");
    const struct redis_arg args[] = {redis_text("HGET"), redis_text(key.text),
                                     redis_text(recording_id)};
    enum status status = redis_call(redis, &reply, args, 3, err);
    *out = DENIAL_NONE;
    (void)redis_reply_copy(out_track_id, ID_SIZE, reply);
    redis_reply_free(reply);
    if (status == STATUS_OK && out_track_id[0] != '\0') {
        status = look_at(redis, account_id, out_track_id, out, err);
    }
    return status;
}
