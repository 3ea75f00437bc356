/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/library.h"
#include "catalog/library/scripts.h"
#include "catalog/redis/keys.h"

/* The keys of entry_remove.lua and entry_restore.lua, in their order. */
static const enum account_key KEYS[] = {
    KEY_ACCOUNT, KEY_TRACK,      KEY_TRACKS,   KEY_TRASH,
    KEY_CHANGES, KEY_RECORDINGS, KEY_CONTENTS,
};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS };

static enum status no_track(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_track",
                     "there is no such track here: list the library anew");
}

/* `last` is the script's own argument behind the common ones, or NULL. */
static enum status run(struct redis *redis, const struct redis_script *script,
                       const char *account_id, const char *track_id,
                       const struct redis_arg *last, struct redis_reply **reply,
                       struct error *err)
{
    struct redis_number kept;
    struct key names[KEY_COUNT];
    struct redis_arg keys[KEY_COUNT];
    for (size_t i = 0; i < KEY_COUNT; i++) {
        names[i] = key_of_account(KEYS[i], account_id,
                                  KEYS[i] == KEY_TRACK ? track_id : "");
        keys[i] = redis_text(names[i].text);
    }
    struct redis_arg args[5] = {
        redis_text(account_id),
        redis_text(key_changed_channel()),
        redis_integer(&kept, CHANGES_KEPT),
        redis_text(track_id),
    };
    size_t arg_count = 4;
    if (last != NULL) {
        args[arg_count++] = *last;
    }
    return redis_script_run(redis, reply, script, keys, KEY_COUNT, args,
                            arg_count, err);
}

enum status library_remove(struct redis *redis, const char *account_id,
                           const char *track_id, int64_t now_ms,
                           struct error *err)
{
    if (!id_valid(track_id)) {
        return no_track(err);
    }
    struct redis_reply *reply = NULL;
    struct redis_number number;
    const struct redis_arg now = redis_integer(&number, now_ms);
    enum status status = run(redis, &script_entry_remove, account_id, track_id,
                             &now, &reply, err);
    if (status == STATUS_OK && script_refused(reply, "no_track")) {
        status = no_track(err);
    }
    redis_reply_free(reply);
    return status;
}

enum status library_restore(struct redis *redis, const char *account_id,
                            const char *track_id, struct error *err)
{
    if (!id_valid(track_id)) {
        return no_track(err);
    }
    struct redis_reply *reply = NULL;
    enum status status = run(redis, &script_entry_restore, account_id, track_id,
                             NULL, &reply, err);
    if (status == STATUS_OK && script_refused(reply, "no_track")) {
        status = no_track(err);
    } else if (status == STATUS_OK && script_refused(reply, "already_there")) {
        status = error_set(err, STATUS_CONFLICT, "already_there",
                           "the library has this song again already: remove "
                           "that track first");
    } else if (status == STATUS_OK && script_refused(reply, "quota")) {
        status = error_set(err, STATUS_LIMIT, "quota",
                           "there is no space left for this track: remove "
                           "others first");
    }
    redis_reply_free(reply);
    return status;
}
