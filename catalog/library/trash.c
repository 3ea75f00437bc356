/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/library.h"
#include "catalog/library/scripts.h"
#include "catalog/library/track_change.h"
#include "catalog/library/uploads.h"

/* The keys of entry_remove.lua and entry_restore.lua, in their order. */
static const enum account_key KEYS[] = {
    KEY_ACCOUNT, KEY_TRACK,      KEY_TRACKS,   KEY_TRASH,
    KEY_CHANGES, KEY_RECORDINGS, KEY_CONTENTS, KEY_UNMATCHED,
};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS };

enum status library_remove(struct redis *redis, const char *account_id,
                           const char *track_id, int64_t now_ms,
                           struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number number;
    const struct redis_arg now = redis_integer(&number, now_ms);
    const struct track_change change = {&script_entry_remove, KEYS, KEY_COUNT,
                                        &now, 1};
    enum status status =
        track_change_run(redis, account_id, track_id, &change, &reply, err);
    redis_reply_free(reply);
    return status;
}

/* The answer of a track that is to be asked again. That the queue is full or
 * gone is no fault of the change, which is done: the next release or start
 * finds the track, too. */
static void ask_again(struct redis *redis, const char *account_id,
                      const char *track_id, const struct redis_reply *reply)
{
    struct error ignored;
    if (redis_reply_count(reply) == 2) {
        int64_t asked = redis_reply_integer(redis_reply_at(reply, 1), 0);
        enum status status =
            jobs_add_rescan(redis, account_id, track_id,
                            asked < 0 ? 0 : (uint64_t)asked, &ignored);
        (void)status;
    }
}

enum status library_restore(struct redis *redis, const char *account_id,
                            const char *track_id, struct error *err)
{
    struct redis_reply *reply = NULL;
    const struct track_change change = {&script_entry_restore, KEYS, KEY_COUNT,
                                        NULL, 0};
    enum status status =
        track_change_run(redis, account_id, track_id, &change, &reply, err);
    if (status == STATUS_OK && script_refused(reply, "already_there")) {
        status = error_set(err, STATUS_CONFLICT, "already_there",
                           "the library has this song again already: remove "
                           "that track first");
    } else if (status == STATUS_OK && script_refused(reply, "quota")) {
        status = error_set(err, STATUS_LIMIT, "quota",
                           "there is no space left for this track: remove "
                           "others first");
    } else if (status == STATUS_OK) {
        ask_again(redis, account_id, track_id, reply);
    }
    redis_reply_free(reply);
    return status;
}
